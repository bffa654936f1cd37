#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sources of releases and what scripts find when they are built: paths, archives, patches and repositories of git, the real
programs on a base of this machine's shell. No network but loopback."""
import hashlib
import http.server
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import unittest

PROGRAMS = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else "build/check/bin").resolve()
INSIDE = ("bash", "cat", "chmod", "cp", "id", "ln", "ls", "mkdir", "patch", "rm", "sh", "sort", "stat")
ONE = 'mkdir -p $out\ncp -r . $out/all\n'  # a script that keeps its source


def write_base(place, programs):
    """A base with these programs and their libraries."""
    with tarfile.open(place, "w") as tar:
        done = set()

        def add(name, file):
            if name in done:
                return
            done.add(name)
            entry = tarfile.TarInfo(name)
            content = pathlib.Path(file).read_bytes()
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))

        for program in programs:
            file = os.path.realpath(shutil.which(program))
            add(("usr/bin/" if program == "patch" else "bin/") + program, file)
            listed = subprocess.run(["ldd", file], capture_output=True, text=True, check=True).stdout
            for library in re.findall(r"/\S+", listed):
                add(library[1:], library)


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def tar_of(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content.encode()))
    return buffer.getvalue()


class Sources(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = pathlib.Path(tempfile.mkdtemp(prefix="karapace-sources-"))
        write_base(cls.shared / "base.tar", INSIDE)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.shared, ignore_errors=True)

    def setUp(self):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="karapace-sources-"))
        self.addCleanup(shutil.rmtree, self.scratch, ignore_errors=True)
        self.store = self.scratch / "store"
        self.project = self.scratch / "project"
        (self.scratch / "home").mkdir()
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "KARAPACE_"))}
        self.environment |= {"PATH": f"{PROGRAMS}:{os.environ['PATH']}", "HOME": str(self.scratch / "home"),
                             "XDG_CACHE_HOME": str(self.scratch / "cache"), "XDG_CONFIG_HOME": str(self.scratch / "home/.config"),
                             "no_proxy": "127.0.0.1"}
        self.base = self.shared / "base.tar"

    def manifest(self, sources, main=None, destination="/opt/app", entrypoints=()):
        """`sources`: a table of each, with what it needs besides a version."""
        lines = ["manifest_version = 1", "[base]", f'image = "{self.base}"',
                 f'sha256 = "{hashlib.sha256(self.base.read_bytes()).hexdigest()}"', "[release]", 'name = "app"',
                 f'destination = "{destination}"', f'main = "{main or list(sources)[-1]}"', f"entrypoints = {json.dumps(list(entrypoints))}"]
        for name, keys in sources.items():
            lines += ["[[source]]", f'name = "{name}"', 'version = "1.0.0"']
            keys = {"build": ONE} | keys
            check = keys.pop("check", None)
            lines += [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
            if check:
                lines += ["[source.check]", f"run = {json.dumps(check)}"]
        write(self.project / "karapace.toml", "\n".join(lines) + "\n")

    def karapace(self, *words, status=0, **variables):
        done = subprocess.run([PROGRAMS / "karapace", *words], cwd=self.project, env=self.environment | {"KARAPACE_STORE": str(self.store)} | variables,
                              capture_output=True, text=True, check=False)
        if status is not None:
            self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def build(self, *words, **variables):
        return json.loads(self.karapace("release", "build", "--json", *words, **variables).stdout)

    def refused(self, *words):
        """What a build says that ends with an error, and not with a signal."""
        done = self.karapace("release", "build", *words, status=None)
        self.assertIn(done.returncode, (1, 2), done.stdout + done.stderr)
        return done.stdout + done.stderr

    def compiled(self, *words):
        """The packages that a build compiles."""
        done = self.karapace("release", "build", *words)
        return re.findall(r"\] compile (\S+)", done.stdout + done.stderr)

    def out(self, document, name):
        """What a package left."""
        layer = next(package["layer"] for package in document["packages"] if package["name"] == name)
        return self.store / "layers" / layer / "tree"

    def entry(self, document, name):
        return next(package["entry"] for package in document["packages"] if package["name"] == name)

    def git(self, *words, at="r", **variables):
        words = ["git", "-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "init.defaultBranch=main", *words]
        return subprocess.run(words, cwd=self.scratch / at, env=self.environment | variables, capture_output=True, text=True, check=True).stdout.strip()

    def repository(self, files, at="r"):
        (self.scratch / at).mkdir(exist_ok=True)
        self.git("init", "-q", at=at)
        return self.commit(files, at=at)

    def commit(self, files, at="r"):
        for name, content in files.items():
            write(self.scratch / at / name, content)
        self.git("add", "-A", at=at)
        self.git("commit", "-qm", "m", at=at)
        return self.git("rev-parse", "HEAD", at=at)

    # What scripts find

    def test_a_script_finds_itself_its_dependencies_and_nothing_of_this_machine(self):
        write(self.project / "lib/file", "lib\n")
        write(self.project / "app/file", "app\n")
        self.manifest({"my-lib": {"path": "lib"}, "app": {"path": "app", "depends": ["my-lib"], "build": """
mkdir -p $out
{ echo "src $src"; echo "cwd $PWD"; echo "out $out"; echo "lib $my_lib"; echo "jobs $jobs"; echo "umask $(umask)"; echo "id $(id -u):$(id -g)"
  echo "clock $SOURCE_DATE_EPOCH"; echo "locale $LC_ALL $TZ"; echo "home $HOME"; echo "odd ${ODD-unset}"; echo "net $(ls /sys/class/net)"
  echo "host $(cat /proc/sys/kernel/hostname)"; cat $my_lib/all/file; } >$out/said
! { echo >$my_lib/new; } 2>/dev/null
! { echo >>$my_lib/all/file; } 2>/dev/null
! mkdir $my_lib/../other 2>/dev/null || rm -r $my_lib/../other
"""}})
        document = self.build(ODD="of this machine", TZ="Asia/Tokyo", LC_ALL="C", SOURCE_DATE_EPOCH="7", MAKEFLAGS="-k -j3")
        said = dict(line.split(" ", 1) for line in (self.out(document, "app") / "said").read_text().splitlines() if " " in line)
        self.assertEqual(said | {"clock": ""}, {
            "src": "/build/app", "cwd": "/build/app", "out": f"/opt/app/store/{self.entry(document, 'app')}",
            "lib": f"/opt/app/store/{self.entry(document, 'my-lib')}", "jobs": "3", "umask": "0022", "id": "0:0", "clock": "",
            "locale": "C.UTF-8 UTC", "home": "/root", "odd": "unset", "net": "lo", "host": "karapace"})
        self.assertNotEqual(said["clock"], "7")

    def test_of_a_diamond_everything_is_there_once(self):
        write(self.project / "any/file", "x\n")
        script = "mkdir -p $out; ls $out/.. | sort >$out/store; "
        self.manifest({"base": {"path": "any", "build": script}, "left": {"path": "any", "depends": ["base"], "build": script},
                       "right": {"path": "any", "depends": ["base"], "build": script},
                       "top": {"path": "any", "depends": ["left", "right"], "build": script + "ls $base/store $left $right >$out/seen"}})
        document = self.build()
        names = [package["name"] for package in document["packages"]]
        self.assertEqual(names[0], "top")
        self.assertEqual(sorted(names), ["base", "left", "right", "top"])
        self.assertEqual(sorted((self.out(document, "top") / "store").read_text().split()), sorted(self.entry(document, name) for name in names))
        self.assertEqual(sorted((self.out(document, "left") / "store").read_text().split()),
                         sorted(self.entry(document, name) for name in ("base", "left")))

    def test_a_script_may_change_its_source_and_nobody_sees_it(self):
        write(self.project / "any/file", "original\n")
        write(self.project / "any/gone", "original\n")
        change = "echo changed >file; rm gone; chmod 700 .; "
        self.manifest({"first": {"path": "any", "build": change + ONE}, "second": {"path": "any", "depends": ["first"]}})
        document = self.build()
        self.assertEqual((self.out(document, "first") / "all/file").read_text(), "changed\n")
        self.assertEqual((self.out(document, "second") / "all/file").read_text(), "original\n")
        self.assertTrue((self.out(document, "second") / "all/gone").exists())
        self.assertEqual((self.project / "any/file").read_text(), "original\n")

    def test_what_fails_is_told_and_leaves_nothing_that_looks_built(self):
        write(self.project / "app/file", "x\n")
        for script, said in (("mkdir -p $out; echo half >$out/file; echo why; false; true", "why"),
                             ("mkdir -p $out; echo half >$out/file; false | cat", "failed with status 1"),
                             ("mkdir -p $out; echo $no_such_variable >$out/file", "no_such_variable"),
                             ("true", "the commands left nothing in /opt/app/store/"),
                             ("echo before; kill -9 $$", "was killed by signal 9")):
            self.manifest({"app": {"path": "app", "build": script}})
            self.assertIn(said, self.refused(), script)
            self.assertIn("karapace debug" if script != "true" else "the whole output", self.refused())
        self.assertEqual([name for name in os.listdir(self.store / "steps") if '"kind": "compile"' in (self.store / "steps" / name).read_text()], [])
        self.manifest({"app": {"path": "app", "check": ["test -s $out/all/file", "echo the check >&2; false"]}})
        self.assertIn('the check "echo the check >&2; false" of app 1.0.0', self.refused())
        self.manifest({"app": {"path": "app", "check": ["test -s $out/all/file"]}})
        self.build()

    def test_a_file_of_the_source_is_a_script_as_it_says_itself(self):
        write(self.project / "app/own.sh", '#!/bin/sh\nmkdir -p $out; echo "$0" >$out/said; f() { echo "${missing-none}"; }; f >>$out/said\n')
        (self.project / "app/own.sh").chmod(0o755)
        self.manifest({"app": {"path": "app", "build": "own.sh"}})
        self.assertEqual((self.out(self.build(), "app") / "said").read_text(), "./own.sh\nnone\n")
        (self.project / "app/own.sh").chmod(0o644)
        self.assertIn("bash", (self.out(self.build(), "app") / "said").read_text())

    def test_without_bash_it_is_sh(self):
        self.base = self.scratch / "small.tar"
        write_base(self.base, ("sh", "mkdir"))
        write(self.project / "app/file", "x\n")
        self.manifest({"app": {"path": "app", "build": 'mkdir -p $out; echo "${BASH_VERSION-none}" >$out/said'}})
        self.assertEqual((self.out(self.build(), "app") / "said").read_text(), "none\n")
        self.manifest({"app": {"path": "app", "build": "mkdir -p $out; echo $undefined >$out/said"}})
        self.assertIn("undefined", self.refused())
        write(self.project / "fix.patch", "--- a/file\n+++ b/file\n@@ -1 +1 @@\n-x\n+y\n")
        self.manifest({"app": {"path": "app", "patches": ["fix.patch"], "build": "mkdir -p $out; echo >$out/said"}})
        self.assertIn('the environment has no patch(1): add "patch" to system.packages', self.refused())

    def test_logs_are_beside_and_not_inside(self):
        write(self.project / "app/file", "x\n")
        self.manifest({"app": {"path": "app", "build": "echo loud and clear; " + ONE}})
        document = self.build()
        self.assertIn("loud and clear", pathlib.Path(document["packages"][0]["log_file"]).read_text())
        self.assertEqual(os.listdir(self.out(document, "app")), ["all"])

    # Paths

    def test_what_git_ignores_is_no_source(self):
        self.repository({"app/a": "a\n", "app/.gitignore": "*.o\n/made/\n", "app/deep/.gitignore": "!kept.o\n", "app/deep/kept.o": "x\n",
                         "other": "x\n"}, at="project")
        write(self.project / "app/new", "not yet added\n")
        write(self.project / "app/a.o", "1\n")
        write(self.project / "app/made/file", "1\n")
        os.symlink("nowhere", self.project / "app/link")
        self.manifest({"app": {"path": "app"}})
        document = self.build()
        found = sorted(str(path.relative_to(self.out(document, "app") / "all")) for path in (self.out(document, "app") / "all").rglob("*"))
        self.assertEqual(found, [".gitignore", "a", "deep", "deep/.gitignore", "deep/kept.o", "link", "new"])
        write(self.project / "app/a.o", "2\n")
        write(self.project / "app/made/other", "2\n")
        self.assertEqual(self.compiled(), [])
        write(self.project / "app/new", "changed\n")
        self.assertEqual(self.compiled(), ["app"])
        (self.project / "app/deep/kept.o").unlink()
        self.assertEqual(self.compiled(), ["app"])
        write(self.project / "app/a", "b\n")
        write(self.project / "app/a", "a\n")
        self.assertEqual(self.compiled(), [])

    def test_files_that_are_named_are_the_source(self):
        for name in ("a", "b", "c"):
            write(self.project / "app" / name, name)
        self.manifest({"app": {"path": "app", "files": ["a", "c"]}})
        document = self.build()
        self.assertEqual(sorted(os.listdir(self.out(document, "app") / "all")), ["a", "c"])
        write(self.project / "app/b", "changed")
        self.assertEqual(self.compiled(), [])
        self.manifest({"app": {"path": "app", "files": ["a", "d"]}})
        self.assertIn('"d" does not exist', self.refused())

    def test_paths_that_leave_the_project_are_refused(self):
        (self.scratch / "outside").mkdir()
        write(self.scratch / "outside/secret", "x\n")
        write(self.project / "app/file", "x\n")
        os.symlink(self.scratch / "outside", self.project / "linked")
        for path in ("linked", "../outside", str(self.scratch / "outside")):
            self.manifest({"app": {"path": path}})
            self.refused()
        os.symlink(self.scratch / "outside/secret", self.project / "app/secret")  # a link is a link: what it names is not read
        self.manifest({"app": {"path": "app"}})
        self.assertTrue((self.out(self.build(), "app") / "all/secret").is_symlink())
        os.mkfifo(self.project / "app/pipe")
        self.assertIn('"pipe" is neither a file nor a link', self.refused())

    # Archives and patches

    def test_an_archive_is_lifted_and_patched_in_order(self):
        (self.project).mkdir()
        (self.project / "app.tar.gz").write_bytes(tar_of({"app-1.0/file": "one\n", "app-1.0/other": "x\n"}))
        write(self.project / "1.patch", "--- a/file\n+++ b/file\n@@ -1 +1 @@\n-one\n+two\n")
        write(self.project / "2.patch", "--- a/file\n+++ b/file\n@@ -1 +1 @@\n-two\n+three\n--- /dev/null\n+++ b/new/file\n@@ -0,0 +1 @@\n+new\n")
        self.manifest({"app": {"archive": "app.tar.gz", "patches": ["1.patch", "2.patch"]}})
        everything = self.out(self.build(), "app") / "all"
        self.assertEqual((everything / "file").read_text(), "three\n")
        self.assertEqual((everything / "new/file").read_text(), "new\n")
        self.assertEqual(sorted(os.listdir(everything)), ["file", "new", "other"])
        self.manifest({"app": {"archive": "app.tar.gz", "patches": ["2.patch", "1.patch"]}})
        self.assertIn("patch 1 of app 1.0.0 failed", self.refused())
        write(self.project / "out.patch", "--- /dev/null\n+++ b/../../../etc/new\n@@ -0,0 +1 @@\n+new\n")
        self.manifest({"app": {"archive": "app.tar.gz", "patches": ["out.patch"], "build": "ls /etc >&2; mkdir -p $out; ls /etc >$out/etc"}})
        self.assertIn("patch 1 of app 1.0.0 failed", self.refused())

    def test_an_archive_is_what_its_digest_says(self):
        self.project.mkdir()
        content = tar_of({"a/file": "one\n"})
        (self.project / "app.tar.gz").write_bytes(content)
        right = hashlib.sha256(content).hexdigest()
        self.manifest({"app": {"archive": "app.tar.gz", "sha256": right}})
        first = self.build()
        (self.project / "app.tar.gz").write_bytes(tar_of({"a/file": "two\n"}))
        self.assertIn(f"source.sha256 says {right}", self.refused())
        self.manifest({"app": {"archive": "app.tar.gz"}})
        self.assertNotEqual(self.build()["packages"], first["packages"])

    def test_what_a_server_answers_is_no_archive_unless_it_is(self):
        content = tar_of({"a/file": "one\n"})
        served = {"/a.tar.gz": content, "/page.tar.gz": b"<html>sign in</html>"}
        asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                if self.path == "/moved.tar.gz":
                    self.send_response(302)
                    self.send_header("Location", "/a.tar.gz")
                    self.send_header("Content-Length", "0")
                    return self.end_headers()
                body = served.get(self.path)
                self.send_response(200 if body else 404)
                self.send_header("Content-Length", str(len(body or b"none")))
                self.end_headers()
                self.wfile.write(body or tar_of({"a/file": "of the error\n"})[:4])

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        url = f"http://127.0.0.1:{server.server_address[1]}"
        self.manifest({"app": {"archive": f"{url}/none.tar.gz"}})
        self.assertIn("404", self.refused())
        self.manifest({"app": {"archive": f"{url}/page.tar.gz"}})
        self.refused()
        self.manifest({"app": {"archive": f"{url}/a.tar.gz", "sha256": "0" * 64}})
        self.assertIn("0" * 64, self.refused())
        self.manifest({"app": {"archive": f"{url}/moved.tar.gz"}})
        document = self.build()
        self.assertEqual((self.out(document, "app") / "all/file").read_text(), "one\n")
        # What is locked is not asked for again, and is never another one.
        asked.clear()
        self.assertEqual(self.compiled(), [])
        self.assertEqual(asked, [])
        served["/a.tar.gz"] = tar_of({"a/file": "changed\n"})
        self.assertEqual(self.compiled(), [])
        self.store = self.scratch / "another"
        self.refused()
        served["/a.tar.gz"] = content
        self.assertEqual(self.build()["packages"][0]["layer"], document["packages"][0]["layer"])

    # Installations

    def test_what_fails_or_is_the_same_changes_nothing_of_what_is_installed(self):
        place = pathlib.Path(tempfile.mkdtemp(prefix="karapace-sources-", dir="/var/tmp"))  # builds have a /tmp of their own
        self.addCleanup(subprocess.run, f"chmod -R u+w {place}; rm -rf {place}", shell=True, check=True)
        tool = "mkdir -p $out/bin; { echo '#!/bin/sh'; echo echo $(cat file); } >$out/bin/tool; chmod 755 $out/bin/tool"
        write(self.project / "app/file", "first\n")
        description = {"app": {"path": "app", "build": tool}}
        self.manifest(description, destination=str(place / "app"), entrypoints=["tool"])
        self.build()
        self.karapace("release", "install")
        (place / "app/bin/another").write_text("of somebody else")

        def state():
            return sorted((str(path), path.is_symlink() and os.readlink(path)) for path in (place / "app").rglob("*")
                          if ".karapace" not in path.parts)

        before = state()
        self.assertIn("nothing to install", self.karapace("release", "install").stdout)
        self.assertEqual(state(), before)
        write(self.project / "app/file", "second\n")
        said = self.karapace("release", "install", status=1).stderr  # not built
        self.assertIn("karapace release build", said)
        self.build()
        with open(self.project / "karapace.toml", "a", encoding="utf-8") as file:
            file.write('[release.links]\na = "b"\nb = "a"\n')
        self.assertIn("leads to itself", self.karapace("release", "install", status=2).stderr)
        self.assertEqual(state(), before)
        self.assertEqual(subprocess.run([place / "app/bin/tool"], capture_output=True, text=True, check=True).stdout, "first\n")
        self.manifest(description, destination=str(place / "app"), entrypoints=["tool"])
        self.build()
        self.karapace("release", "install")
        self.assertEqual(subprocess.run([place / "app/bin/tool"], capture_output=True, text=True, check=True).stdout, "second\n")
        self.assertEqual((place / "app/bin/another").read_text(), "of somebody else")
        write(self.project / "app/file", "first\n")
        self.build()
        self.assertIn("1.0.0+1", self.karapace("release", "install").stdout)  # an older build that is the same is found
        self.assertEqual(sorted(name for name in os.listdir(place / "app/versions") if "+" in name), ["1.0.0+1", "1.0.0+2"])

    def test_errors_are_told_in_words(self):
        (self.project / "app").mkdir(parents=True)
        self.manifest({"app": {"path": "app"}})
        for words in (["release", "install"], ["release", "list"], ["release", "use", "stable", "1.0"], ["release", "verify"], ["release", "sync"],
                      ["release", "diff", "1", "2"], ["release", "why", "x"], ["release", "build"], ["release", "prune", "--keep-last", "1"]):
            done = self.karapace(*words, status=None)
            self.assertIn(done.returncode, (1, 2, 3, 4), words)
            self.assertIn("karapace: error: ", done.stderr, words)
            for trace in ("terminate called", "what():", "std::", ".cpp:"):
                self.assertNotIn(trace, done.stderr, words)

    # Repositories

    def test_a_ref_that_moved_counts_with_an_upgrade_only(self):
        first = self.repository({"file": "one\n"})
        self.manifest({"app": {"git": str(self.scratch / "r"), "ref": "main"}})
        before = self.build()
        self.assertIn(first, (self.project / "karapace.lock").read_text())
        second = self.commit({"file": "two\n"})
        self.assertEqual(self.compiled(), [])
        self.karapace("lock")
        self.assertEqual(self.compiled(), [])
        self.assertIn(first, (self.project / "karapace.lock").read_text())
        self.karapace("lock", "--upgrade")
        self.assertIn(second, (self.project / "karapace.lock").read_text())
        after = self.build()
        self.assertEqual((self.out(after, "app") / "all/file").read_text(), "two\n")
        self.assertNotEqual(self.entry(before, "app"), self.entry(after, "app"))

    def test_another_machine_gets_the_same_of_the_lock_or_nothing(self):
        inner = self.repository({"inner": "x\n"}, at="inner")
        self.repository({"file": "one\n"})
        self.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../inner", "lib/inner")
        first = self.commit({})
        self.manifest({"app": {"git": str(self.scratch / "r"), "ref": "main"}})
        document = self.build()
        self.assertTrue((self.out(document, "app") / "all/lib/inner/inner").exists())
        self.commit({"file": "two\n"})
        self.store = self.scratch / "another"
        self.assertEqual(self.build("--locked")["packages"], [
            package | {"log_file": package["log_file"].replace(str(self.scratch / "store"), str(self.store))} for package in document["packages"]])
        # The commit is gone from where it was.
        shutil.rmtree(self.scratch / "r")
        self.repository({"file": "another history\n"})
        self.store = self.scratch / "third"
        self.assertIn(first, self.refused("--locked"))
        self.assertTrue(inner)

    def test_a_repository_that_can_not_be_had_is_told_with_the_source(self):
        self.manifest({"app": {"git": str(self.scratch / "none"), "ref": "main"}})
        said = self.refused()
        self.assertIn('source "app"', said)
        self.assertIn('"main" can not be had', said)
        self.repository({"file": "x\n"})
        self.manifest({"app": {"git": str(self.scratch / "r"), "ref": "v1"}})
        self.assertIn('there is no branch, tag or commit "v1"', self.refused())
        self.git("tag", "v1")
        self.build()  # nothing of the failure is believed


if __name__ == "__main__":
    unittest.main()
