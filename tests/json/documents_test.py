#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every command with --json, on a small project that is really built: what it prints fits its schema, every schema is
printed by some command, and every command has one."""
import hashlib
import io
import json
import os
import pathlib
import random
import re
import shutil
import socket
import subprocess
import tarfile
import tempfile
import unittest

from documents import COMMON, DocumentsTest, SCHEMAS, schemas, validator

HERE = pathlib.Path(__file__).resolve().parent
LOCKS = HERE.parent / "e2e/locks"
# They speak to people, or print what a command inside prints: with --json only their errors are documents.
WITHOUT = {"debug"}
# Fields that this project leaves empty: packages and notes of a resolver (a network), sessions beside others, failures.
UNFILLED = {
    "karapace.build: environments/notes", "karapace.build: notes", "karapace.gen: environments/notes", "karapace.gen: notes",
    "karapace.graph-diff: causes/details", "karapace.graph-diff: notes", "karapace.inspect: packages",
    "karapace.inspect-packages: packages", "karapace.lock: locks/notes", "karapace.lock-why: locks/reasons/way/field",
    "karapace.lock-why: locks/reasons/way/relation", "karapace.lock-why: locks/reasons/way/through",
    # tests/exchange sees these.
    "karapace.challenge: witnesses/reason", "karapace.challenge: witnesses/steps", "karapace.challenge: witnesses/steps/has_more_paths",
    "karapace.challenge: witnesses/steps/here", "karapace.challenge: witnesses/steps/kind", "karapace.challenge: witnesses/steps/paths",
    "karapace.challenge: witnesses/steps/step", "karapace.challenge: witnesses/steps/there",
    "karapace.verify: origin/repositories", "karapace.verify: origin/repositories/date", "karapace.verify: origin/repositories/name",
    "karapace.verify: origin/repositories/signers",
    # tests/e2e/snapshots.sh and instances.sh see these.
    "karapace.diff: changes/from", "karapace.export: left_out", "karapace.export: removed", "karapace.rebuild: conflicts",
    # tests/release sees these.
    "karapace.release-check: hosts/entries", "karapace.release-check: hosts/kept_links",
    "karapace.release-check: hosts/left_out_links", "karapace.release-check: hosts/links",
    "karapace.release-check: hosts/reused_names", "karapace.release-check: hosts/versions",
    "karapace.release-install: missing_entries",
    "karapace.release-sync: hosts/entries", "karapace.release-sync: hosts/kept_links",
    "karapace.release-sync: hosts/left_out_links", "karapace.release-sync: hosts/links",
    "karapace.release-sync: hosts/reused_names", "karapace.release-sync: hosts/versions",
    "karapace.reproduce: causes/failure", "karapace.session: groups", "karapace.session: hidden", "karapace.session: joined_pid",
}


def add_file(tar, name, content, mode=0o644):
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def blake3(text):
    return subprocess.run(["b3sum", "--no-names"], input=text, capture_output=True, text=True, check=True).stdout.strip()


class Documents(DocumentsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        shell = cls.scratch / "sh"
        subprocess.run(["c++", "-static", "-o", shell, HERE / "sh.cpp"], check=True)
        cls.archive = cls.scratch / "root.tar"
        with tarfile.open(cls.archive, "w") as tar:
            add_file(tar, "etc/issue", b"base\n")
            for program in ("bin/sh", "usr/bin/cc"):
                add_file(tar, program, shell.read_bytes(), 0o755)
        # Bytes that are no UTF-8, a quote, a backslash and a control character.
        cls.directory = pathlib.Path(os.fsdecode(os.fsencode(cls.scratch) + b"/an \"odd\" \\ \xff name"))
        cls.directory.mkdir()

    def write_manifest(self, rest="", directory=None, archive=None):
        archive = archive or self.archive
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        ((directory or self.directory) / "karapace.toml").write_text(
            f'manifest_version = 1\n[base]\nimage = "{archive}"\nsha256 = "{digest}"\n{rest}', encoding="utf-8")

    def test_every_command_prints_what_its_schema_says(self):
        self.speaks_of_itself()
        self.makes()
        self.looks()
        self.compares()
        self.shares()
        self.refuses()
        self.imports()
        self.releases()
        self.deploys()
        self.cleans()
        self.assertEqual(sorted(set(self.schemas) - set(self.seen)), [], "schemas of documents that no command prints")
        self.assertEqual(sorted(self.unfilled()), sorted(UNFILLED), "fields that were never seen with a value")

    def speaks_of_itself(self):
        self.document("--version", name="karapace.version")
        for words in (["--help"], ["help", "gc"], ["list", "--help"], ["graph", "--help"]):
            self.document(*words, name="karapace.help")
        self.run_program("--json", "doctor")  # status 0 or 1, as the machine is
        self.checked(self.run_program("--json", "doctor", KARAPACE_ID_MODE="nonsense").stdout, "doctor", "karapace.doctor")
        self.assertEqual(self.document("list")["environments"], [])
        self.document("completions", "bash", name="karapace.completions")
        self.document("completions", "zsh", "--", "verify", name="karapace.completion")
        pages = self.document("man-pages", str(self.scratch / "man"), name="karapace.man-pages")["page_files"]
        self.assertEqual(len(pages), len(self.commands()) + 1)
        made = self.document("key", "new", "ci", name="karapace.key")
        self.assertEqual(self.document("key", "show", "ci", name="karapace.key"), made)
        self.assertEqual([key["key"] for key in self.document("key", "list", name="karapace.key-list")["keys"]], [made["key"]])
        self.error("key", "new", "ci")

    def makes(self):
        begun = self.document("release", "init", "app", "-d", "/opt/apps/app", "-C", str(self.scratch / "begun"), name="karapace.release-init")
        self.assertEqual(begun["files"], [f"{self.scratch}/begun/karapace.toml", f"{self.scratch}/begun/src/app.c"])
        self.error("release", "init", "app", "-C", str(self.scratch / "begun"))
        made = self.document("new", str(self.directory), name="karapace.new")
        self.assertIn("\\xff", made["manifest"])
        (self.directory / "motd").write_text("hello\n", encoding="utf-8")
        (self.directory / "data").mkdir()
        self.write_manifest('[setup]\nrun = ["stamp"]\n[[setup.files]]\nsource = "motd"\ntarget = "/etc/motd"\n'
                            f'[environment]\nA = "\\u0085\\"b\\\\"\n[mounts]\ndata = "./data:/data:ro"\n')
        self.document("lock", name="karapace.lock")
        self.document("pin", "--check", name="karapace.lock")
        self.document("gen", "-C", "out", name="karapace.gen")
        self.document("build", "--name", "first", name="karapace.build")
        self.document("build", "--name", "other", name="karapace.build")

    def looks(self):
        listed = self.document("list", name="karapace.list")["environments"]
        self.assertEqual([one["environment_state"] for one in listed], ["built"])
        inspected = self.document("inspect", ".", name="karapace.inspect")
        self.assertEqual(inspected["environment"], listed[0]["environment"])
        self.document("inspect", ".", "--packages", name="karapace.inspect-packages")
        self.document("explain", name="karapace.explain")
        for prefix in (inspected["environment"][:8], inspected["steps"][0]["step"]):
            objects = self.document("why", prefix, name="karapace.why")["objects"]
            self.assertTrue(all(one["kept"] for one in objects))
        for step in inspected["steps"]:
            self.assertEqual(self.document("explain", step["step"])["step"], step["step"])
        for command in ("exec", "enter"):
            self.document(command, "--explain", ".", name="karapace.session")
        self.document("toolchain", name="karapace.toolchain")
        self.document("toolchain", "-o", "toolchain.cmake", name="karapace.toolchain")
        self.document("graph", "show", name="karapace.graph-show")
        self.document("graph", "show", str(LOCKS / "hello.lock"), name="karapace.graph-show")
        self.document("graph", "show", "--format", "json", "-o", "graph.json", name="karapace.output")
        self.checked((self.directory / "graph.json").read_bytes(), "graph.json", "karapace.graph-show")
        self.document("graph", "trace", "-o", "trace.json", name="karapace.output")
        for form in ("spdx", "cyclonedx"):
            self.document("sbom", ".", "--format", form, "-o", form, name="karapace.output")
        self.assertEqual(self.error("sbom", ".")["code"], "usage")
        links = self.document("verify", ".", name="karapace.verify")["links"]
        self.assertEqual({link["link"]: link["state"] for link in links},
                         {"archive": "absent", "index": "absent", "lock": "verified", "package": "verified", "record": "verified",
                          "layer": "verified", "signature": "absent"})
        signed = self.document("sign", ".", "--key", "ci", name="karapace.sign")
        self.assertEqual(signed["environment"], inspected["environment"])
        links = self.document("verify", ".", "--trust", "ci", name="karapace.verify")["links"]
        self.assertEqual(links[-1]["state"], "verified")
        self.document("key", "new", "other")
        self.document("verify", ".", "--trust", "other", status=3, name="karapace.verify")
        self.error("verify", ".", "--trust", "ci", "--agree", "2")
        self.assertEqual(self.error("sign", ".")["code"], "usage")
        self.document("records", "export", "--listings", name="karapace.records")
        self.document("records", "export", "-o", "records.json", name="karapace.records-export")

    def shares(self):
        place = str(self.scratch / "cache")
        pushed = self.document("cache", "push", place, ".", "--key", "ci", name="karapace.cache-push")["environments"]
        self.assertFalse(pushed[0]["unchanged"])
        self.assertTrue(self.document("cache", "push", place, "--key", "ci", name="karapace.cache-push")["environments"][0]["unchanged"])
        added = self.document("cache", "add", "team", place, "--trust", "ci", name="karapace.cache")
        self.assertEqual([one["name"] for one in self.document("cache", "list", name="karapace.cache-list")["caches"]], ["team"])
        witnesses = self.document("challenge", name="karapace.challenge")["witnesses"]
        self.assertEqual([one["state"] for one in witnesses], ["agrees"])
        gone = self.document("cache", "prune", "team", "--max-size", "0", "-n", name="karapace.cache-prune")["removed"]
        self.assertEqual([one["tag"] for one in gone], [pushed[0]["tag"]])
        self.error("cache", "prune", "team")
        self.assertEqual(self.document("cache", "remove", "team", name="karapace.cache"), added)
        self.error("cache", "remove", "team")
        image = "oci-layout:" + str(self.scratch / "images") + ":1"
        sent = self.document("push", ".", image, "--key", "ci", name="karapace.push")
        seen = self.document("verify", image, "--trust", "ci", name="karapace.verify")
        self.assertEqual([seen["environment"], seen["image_digest"]], [sent["environment"], sent["image_digest"]])
        self.assertEqual({link["link"]: link["state"] for link in seen["links"]},
                         {"archive": "absent", "index": "absent", "lock": "verified", "package": "absent", "record": "verified",
                          "layer": "verified", "signature": "verified", "image": "verified"})
        listed = self.document("push", ".", image + "-all", "--key", "ci", "--index", name="karapace.push")
        self.assertEqual([listed["image_digest"], len(listed["platforms"])], [sent["image_digest"], 1])
        self.assertEqual(self.document("verify", image + "-all", "--trust", "ci", name="karapace.verify")["image_digest"],
                         sent["image_digest"])
        self.document("verify", image, "--trust", "other", status=3, name="karapace.verify")
        self.error("verify", image + "9")
        with_name = {"KARAPACE_STORE": str(self.scratch / "pulled")}
        got = self.document("pull", image, "--name", "taken", "--trust", "ci", name="karapace.pull", **with_name)
        self.assertEqual([got["environment"], got["image_digest"], got["signers"]],
                         [sent["environment"], sent["image_digest"], ["ci"]])
        self.error("push", ".", image, "--key", "ci", "--unsigned")
        self.assertIn("not built here", self.error("cache", "push", place, got["environment"], "--key", "ci", **with_name)["message"])
        self.document("cache", "push", place, got["environment"], "--key", "ci", "--vouch", name="karapace.cache-push", **with_name)
        # Neither a digest nor the only image that there is stands for a signature.
        unsigned = "oci-layout:" + str(self.scratch / "unsigned")
        digest = self.document("push", ".", unsigned + ":1", "--unsigned", name="karapace.push")["image_digest"]
        elsewhere = {"KARAPACE_STORE": str(self.scratch / "refused")}
        for word in (unsigned, unsigned + ":1", f"{unsigned}@{digest}"):
            self.assertIn("not believed", self.error("pull", word, "--trust", "ci", **elsewhere)["message"])
            self.assertEqual(self.error("pull", word, HOME=str(self.scratch / "nobody"), **elsewhere)["code"], "usage")
        # Another environment keeps its instance's name.
        self.assertIn("keeps its name", self.error("pull", image, "--name", "other", "--trust", "ci", **with_name)["message"])
        bundle = str(self.scratch / "bundle.tar")
        made = self.document("bundle", ".", "-o", bundle, "--key", "ci", name="karapace.bundle")
        elsewhere = {"KARAPACE_STORE": str(self.scratch / "unbundled")}
        self.assertEqual(self.document("unbundle", bundle, "--trust", "ci", name="karapace.pull", **elsewhere)["environment"],
                         made["environment"])

    def imports(self):
        project = self.scratch / "karsk"
        project.mkdir()
        (project / "config.yaml").write_text("destination: /opt/app\nmain-package: app\nentrypoints: [app]\npackages:\n"
                                             "  - {name: app, version: 1.0.0, build: 'mkdir -p $out/bin'}\n", encoding="utf-8")
        made = self.document("import", "karsk", "config.yaml", directory=project, name="karapace.import-karsk")
        self.assertEqual((made["manifest"], made["packages"]), (str(project / "karapace.toml"), ["app"]))
        self.assertTrue((project / "sources/app/README").exists())
        self.error("import", "karsk", "config.yaml", directory=project)

    def releases(self):
        project = self.scratch / "released"
        (project / "source").mkdir(parents=True)
        (project / "source/file").write_text("#!/bin/sh\necho \"app $0\"\n", encoding="utf-8")
        (project / "source/file").chmod(0o755)
        # Nothing below /tmp is seen by builds.
        place = self.enterContext(tempfile.TemporaryDirectory(prefix="karapace-release-", dir="/var/tmp", ignore_cleanup_errors=True))
        with tarfile.open(project / "root.tar", "w") as tar:
            libraries = set()
            for program in ("dash", "cat", "chmod", "cp", "ln", "mkdir", "mv", "rm"):
                path = shutil.which(program)
                needed = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
                add_file(tar, "bin/" + {"dash": "sh"}.get(program, program), pathlib.Path(path).read_bytes(), 0o755)
                libraries |= set(re.findall(r"/\S+", needed))
            for library in sorted(libraries):
                add_file(tar, library.lstrip("/"), pathlib.Path(library).read_bytes(), 0o755)
        self.write_manifest(f'[release]\nname = "app"\nmain = "app"\ndestination = "{place}/app"\nentrypoints = ["app"]\n'
                            '[release.links]\nold = "0.1"\n[release.test]\nrun = ["app", "app > /app; cp /bin/sh /app/x"]\n[[source]]\nname = "app"\nversion = "1.0.0"\npath = "source"\n'
                            'build = "mkdir -p $out/bin && cp file $out/bin/app"\n', project, project / "root.tar")
        self.error("release", "install", directory=project)
        self.error("release", "exec", "app", directory=project)
        self.error("release", "test", directory=project)
        built = self.document("release", "build", directory=project, name="karapace.release-build")
        self.assertTrue(self.document("gen", "--check", "-C", built["build_directory"], directory=project)["fits"])
        self.assertEqual((built["release_version"], [package["name"] for package in built["packages"]]), ("1.0.0", ["app"]))
        # A build of what a store has from elsewhere has no log.
        pathlib.Path(built["packages"][0]["log_file"]).unlink()
        self.assertIsNone(self.document("release", "build", directory=project)["packages"][0]["log_file"])
        program = f"{place}/app/versions/1.0.0/bin/app"
        self.assertEqual(self.run_program("release", "exec", "app", directory=project).stdout.decode(), f"app {program}\n")
        for command in ("exec", "enter"):
            self.document("release", command, "--explain", directory=project, name="karapace.session")
        self.error("release", "exec", "--installed", "app", directory=project)
        installed = self.document("release", "install", directory=project, name="karapace.release-install")
        tested = self.document("release", "test", directory=project, status=1, name="karapace.release-test")
        self.assertEqual([test["exit_status"] == 0 for test in tested["tests"]], [True, False])
        self.assertEqual((tested["release_version"], tested["failed_count"]), ("1.0.0+1", 1))
        self.document("records", "export", "-o", "records.json", directory=project, name="karapace.records-export")
        compared = self.document("reproduce", ".", "--against", "records.json", directory=project, name="karapace.reproduce")
        self.assertEqual([release["step"] for release in compared["releases_left_out"]], [built["step"]])
        self.assertEqual((installed["release_version"], installed["is_new"], installed["missing_links"]), ("1.0.0+1", True, ["old"]))
        self.assertFalse(self.document("release", "install", directory=project, name="karapace.release-install")["is_new"])
        self.assertEqual(self.document("release", "verify", directory=project, name="karapace.release-verify")["faults"], [])
        archived = self.document("release", "export", "stable", "-o", "app.tar", directory=project, name="karapace.release-export")
        self.assertEqual(archived["release_version"], "1.0.0+1")
        self.document("release", "export", "stable", "-o", "app.tar", directory=project)
        self.error("release", "export", "stable", "-o", "-", directory=project)
        image = str(self.scratch / "app-image.tar")
        made = self.document("release", "export", "stable", "--format", "oci", "-o", "docker-archive:" + image, directory=project)
        self.assertEqual((made["format"], len(made["image_manifest"])), ("oci", 64))
        with tarfile.open(image) as tar:
            manifest = json.load(tar.extractfile("manifest.json"))[0]
            config = json.load(tar.extractfile(manifest["Config"]))["config"]
            with tarfile.open(fileobj=tar.extractfile(manifest["Layers"][-1]), mode="r:gz") as layer:
                self.assertIn(f"{place}/app/bin/app".lstrip("/"), layer.getnames())
        self.assertEqual((config["Entrypoint"], config.get("Cmd")), ([f"{place}/app/bin/app"], None))
        self.assertTrue(any(one.startswith(f"PATH={place}/app/bin:") for one in config["Env"]))
        self.assertIn("no format", self.error("release", "export", "stable", "--format", "zip", "-o", "b", directory=project)["message"])
        if shutil.which("tar2sqfs"):
            for name in ("one.sqfs", "two.sqfs"):
                self.document("release", "export", "stable", "--format", "squashfs", "-o", name, directory=project)
            self.assertEqual((project / "one.sqfs").read_bytes(), (project / "two.sqfs").read_bytes())
            listed = subprocess.run(["rdsquashfs", "--list", "/bin", project / "one.sqfs"], capture_output=True, text=True, check=True)
            self.assertIn("app", listed.stdout.split())

    def deploys(self):
        place = self.scratch / "apps"
        locks = [(LOCKS / name).read_bytes() for name in ("hello.lock", "hello-git.lock")]
        digests = [hashlib.sha256(lock).hexdigest() for lock in locks]
        listing = "karapace listing 1\nd / 0755 0 0 1000\nd /bin 0755 0 0 1000\n"
        (place / ".karapace/listings").mkdir(parents=True)
        for number, version in enumerate(("1.0.0", "1.1.0", "1.2.0")):
            entry = f"{number:032x}-app-{version}"
            (place / "store" / entry / "bin").mkdir(parents=True)
            installed = place / "versions" / f"{version}+1"
            installed.mkdir(parents=True)
            (place / "versions" / version).symlink_to(f"{version}+1")
            packages = [f'{{"name": "app", "version": "{version}", "entry": "{entry}", "layer": "{blake3(listing)}"}}']
            (place / ".karapace/listings" / entry).write_text(listing, encoding="utf-8")
            (installed / "release.json").write_text(
                '{\n "format": 1,\n "name": "app",\n "main": "app",\n "version": "%s",\n "destination": "/apps",\n "entrypoints": [],\n'
                ' "environment": "%064x",\n "lock": "%s",\n "packages": [\n  %s\n ]\n}\n' % (version, number % 2, digests[number % 2], packages[0]),
                encoding="utf-8")
            document = installed / "release.json"
            record = place / ".karapace/installed" / f"{version}+1"
            record.parent.mkdir(parents=True, exist_ok=True)
            record.write_text(f"karapace listing 1\nd / 0555 0 0 1000\nf /release.json 0444 0 0 1000 {document.stat().st_size} {blake3(document.read_text())}\n",
                              encoding="utf-8")
        for directory in ("bin", ".karapace/locks"):
            (place / directory).mkdir(parents=True)
        for digest, lock in zip(digests, locks):
            (place / ".karapace/locks" / digest).write_bytes(lock)
        (place / "store" / ("f" * 32 + "-old-1")).mkdir()
        (place / "versions/nowhere").symlink_to("9.9.9+9")
        where = ("-d", str(place))
        listed = self.document("release", "list", *where, name="karapace.release-list")["versions"]
        self.assertEqual([one["version"] for one in listed], ["1.2.0+1", "1.1.0+1", "1.0.0+1"])
        self.assertEqual(self.document("release", "use", "stable", "1.0", *where, name="karapace.release-use")["links"][-1],
                         {"alias": "stable", "before": None, "after": "1.0.0+1"})
        unmoved = self.document("release", "use", "stable", "1.0.0+1", *where)
        self.assertEqual((unmoved["links"], unmoved["chosen_before"], unmoved["chosen"]), ([], "1.0", "1.0.0+1"))
        self.document("release", "use", "stable", "1.1.0+1", *where)
        self.document("release", "use", "stable", "1.0", *where)
        self.error("release", "use", "stable", "7", *where)
        self.error("release", "use", "stable", *where)
        changed = self.document("release", "diff", "stable", "1.1", *where, name="karapace.release-diff")
        self.assertEqual([one["name"] for one in changed["packages"]], ["app"])
        self.assertIn("git", [one["name"] for one in changed["environment_packages"]])
        self.document("release", "diff", "1.1", "stable", *where)
        (place / ".karapace/locks" / digests[1]).unlink()
        self.assertIsNone(self.document("release", "diff", "stable", "1.1", *where)["environment_packages"])
        self.assertEqual(self.document("release", "why", "app", *where, name="karapace.release-why")["entries"][0]["versions"],
                         [{"aliases": ["1.0", "1.0.0", "stable"], "version": "1.0.0+1"}])
        self.error("release", "why", "nothing", *where)
        found = self.document("release", "check", *where, status=3, name="karapace.release-check")
        self.assertEqual(([one["where"] for one in found["faults"]], len(found["unused_entries"])), (["versions/nowhere"], 1))
        self.document("release", "check", *where, "--hosts", "nobody@host.invalid", status=3, name="karapace.release-check")
        self.document("release", "verify", *where, status=3, name="karapace.release-verify")
        failed = self.document("release", "sync", *where, "nobody@host.invalid", status=1, name="karapace.release-sync")["hosts"]
        self.assertEqual([host["state"] for host in failed], ["failed"])
        self.error("release", "sync", *where)
        (place / "versions/1").unlink()
        (place / "versions/1").symlink_to("1.1.0+1")
        gone = self.document("release", "prune", "--keep-last", "0", *where, name="karapace.release-prune")
        self.assertEqual((gone["versions"], gone["entries"]), (["1.1.0+1"], [f"{1:032x}-app-1.1.0"]))
        self.error("release", "prune", *where)
        self.document("release", "page", *where, "-o", "public", name="karapace.release-page")
        self.error("release", "page", *where)
        self.error("release", "export", "stable", *where)
        (place / ".karapace/listings" / f"{0:032x}-app-1.0.0").unlink()
        self.assertIn("not as it was built", self.error("release", "export", "stable", *where, "-o", "app.tar")["message"])
        self.error("release", "list", "-d", str(self.scratch / "nothing"))
        self.error("release", "install")

    def compares(self):
        self.document("reproduce", "--against", "records.json", name="karapace.reproduce")
        found = self.document("reproduce", "--keep", "again", status=1, name="karapace.reproduce")
        self.assertEqual([file["path"] for file in found["causes"][0]["files"]], ["/etc/stamp"])
        kept = "again" + found["kept_store"].partition("/again")[2]
        other = self.run_program("--store", kept, "records", "export", "--all")
        self.assertEqual(other.stderr, b"")
        (self.directory / "other.json").write_bytes(other.stdout)
        told = self.document("reproduce", "--against", "other.json", status=1, name="karapace.reproduce")["causes"][0]
        self.assertIn("--listings", told["note"])
        packages = self.scratch / "packages"
        packages.mkdir()
        for file, source in (("karapace.toml", "hello.toml"), ("karapace.lock", "hello.lock")):
            shutil.copy(LOCKS / source, packages / file)
        self.document("gen", "--check", status=1, directory=packages)
        self.document("gen", directory=packages)
        self.assertTrue(self.document("gen", "--check", directory=packages, name="karapace.gen-check")["fits"])
        shutil.copy(LOCKS / "hello-git.lock", packages / "karapace.lock")
        checked = self.document("gen", "--check", status=1, directory=packages, name="karapace.gen-check")
        self.assertEqual(checked["locks"][0]["differences"][0]["key"], "packages")
        why = self.document("lock", "--why", "git", directory=packages, name="karapace.lock-why")["locks"][0]
        self.assertEqual([reason["word"] for reason in why["reasons"]], ["git"])
        self.assertIn("git-man", why["unread"])
        self.error("lock", "--why", "gti", directory=packages)
        self.document("graph", "diff", "build.ninja", "karapace.lock", status=1, directory=packages, name="karapace.graph-diff")
        graph = (packages / "build.ninja").read_text(encoding="utf-8")
        (packages / "build.ninja").write_text(graph.replace("size=", "size=7", 1), encoding="utf-8")
        self.document("gen", "--check", status=1, directory=packages, name="karapace.gen-check")
        self.document("graph", "diff", str(LOCKS / "hello.lock"), str(LOCKS / "hello-git.lock"), status=1, name="karapace.graph-diff")
        self.document("graph", "diff", str(LOCKS / "hello.lock"), str(LOCKS / "hello-git.lock"), status=1)
        self.document("graph", "diff", str(LOCKS / "hello.lock"), "karapace.lock", status=1)
        self.write_manifest(directory=packages)
        changes = self.document("lock", directory=packages, name="karapace.lock")["locks"][0]
        self.assertEqual(changes["lock_state"], "updated")
        self.assertIsNone(changes["package_changes"][0]["after"])

    def refuses(self):
        self.assertEqual(self.error("inspect", "nobody")["code"], "not_found")
        self.assertEqual(self.error("inspect")["code"], "usage")
        self.assertEqual(self.error("exec", ".", "--", "/not/there"), {
            "code": "not_found", "exit_status": 127, "message": self.seen["karapace.error"][-1]["error"]["message"]})
        broken = self.scratch / "broken"
        broken.mkdir()
        self.write_manifest('[setup]\nrun = ["fail"]\n', broken)
        self.assertEqual(self.error("build", directory=broken)["code"], "step")
        (broken / "karapace.toml").write_text('manifest_version = "\n', encoding="utf-8")
        self.assertEqual(self.error("lock", directory=broken)["code"], "manifest")
        (broken / "karapace.lock").write_text("{", encoding="utf-8")
        self.write_manifest(directory=broken)
        self.assertEqual(self.error("gen", directory=broken)["code"], "lock")
        self.error("debug", "0000")

    def keeps(self):
        """What a person changed: as with the overlay of a session, with names that are no text."""
        upper = next((self.scratch / "store/instances").glob("*/current/upper"))
        (upper / "etc").mkdir(exist_ok=True)
        (upper / "etc/issue").write_bytes(b"mine\n")
        (upper / os.fsdecode(b"odd \xff")).write_bytes(b"x")
        os.link(upper / "etc/issue", upper / "second")
        with socket.socket(socket.AF_UNIX) as bound:
            # A path of a socket is short.
            os.symlink(upper, self.scratch.parent / "kp", target_is_directory=True)
            bound.bind(str(self.scratch.parent / "kp/socket"))
            os.unlink(self.scratch.parent / "kp")
        changes = self.document("diff", ".", "--patch", name="karapace.diff")["changes"]
        self.assertIn("+mine", next(change for change in changes if change["path"] == "/etc/issue")["patch"])
        self.assertIn("/odd \\xff", [change["path"] for change in changes])
        first = self.document("commit", ".", "-m", "a \"message\"", name="karapace.commit")
        self.assertTrue(first["is_new"])
        self.assertFalse(self.document("commit", ".")["is_new"])
        (upper / "third").write_text("3", encoding="utf-8")
        committed = self.document("commit", ".")["snapshot"]
        self.assertEqual(committed["parent"], first["snapshot"]["snapshot"])
        second = committed["snapshot"]
        listed = self.document("snapshots", ".", name="karapace.snapshots")["snapshots"]
        self.assertIn(second, [snapshot["snapshot"] for snapshot in listed])
        between = self.document("diff", ".", first["snapshot"]["snapshot"], second, name="karapace.diff")
        self.assertEqual([(change["path"], change["change"]) for change in between["changes"]], [("/third", "added")])
        self.assertEqual((between["from_snapshot"], between["to_snapshot"]), (first["snapshot"]["snapshot"], second))
        self.assertEqual(self.document("diff", ".", second)["changes"], [])
        self.assertEqual(self.document("snapshots", ".", "--remove", second, name="karapace.snapshot-removed")["message"], "")
        self.assertEqual(len(self.document("snapshots", ".")["snapshots"]), 1)
        self.error("snapshots", ".", "--remove", second)
        self.becomes_a_layer(upper)
        self.document("restore", ".", first["snapshot"]["snapshot"][:8], name="karapace.instance")
        self.document("export", ".", str(self.scratch / "exported"), name="karapace.export")
        self.error("export", ".", str(self.scratch / "exported"))
        image = self.document("image", ".", "-o", str(self.scratch / "image.tar"), name="karapace.image")
        self.assertEqual(len(image["layers"]), 2)
        self.error("image", ".")
        self.error("image", ".", "-o", "oci:registry.example/image")
        self.error("restore", ".", "0000")
        self.lives()

    def lives(self):
        for command in ("undo", "freeze", "unfreeze", "archive", "unarchive"):
            self.document(command, ".")
        self.assertEqual(self.document("rename", ".", "work", name="karapace.instance")["name"], "work")
        self.document("list", name="karapace.list")
        self.document("inspect", ".", name="karapace.inspect")
        self.assertEqual(self.document("stop", "work", name="karapace.stop")["session_count"], 0)
        self.assertFalse(self.document("rebuild", "--keep-changes", ".", name="karapace.rebuild")["moved"])
        manifest = self.directory / "karapace.toml"
        before = manifest.read_text(encoding="utf-8")
        manifest.write_text(before + '\n[environment]\nNEW = "1"\n' if "[environment]" not in before
                            else before.replace("[environment]", '[environment]\nNEW = "1"'), encoding="utf-8")
        self.assertTrue(self.document("rebuild", "--keep-changes", ".", name="karapace.rebuild")["moved"])
        manifest.write_text(before, encoding="utf-8")
        self.document("build")
        self.document("rebuild", ".")
        self.assertEqual(self.document("migrate", name="karapace.migrate")["to"], 2)
        self.error("migrate", "--back")
        other = ("--store", str(self.scratch / "other"))
        self.run_program(*other, "build")
        self.run_program(*other, "exec", ".", "--", "/bin/sh")
        self.run_program(*other, "stop", ".")
        for back in (("--back",), ()):
            self.assertEqual(len(self.document(*other, "migrate", *back, name="karapace.migrate")["instances"]), 1)

    def becomes_a_layer(self, upper):
        (upper / "etc/ssh").mkdir()
        (upper / "etc/ssh/ssh_host_rsa_key").write_text("each has its own", encoding="utf-8")
        (upper / "etc/confined").write_text("for one alone", encoding="utf-8")
        (upper / "etc/confined").chmod(0o600)
        (upper / "var/lib/dpkg").mkdir(parents=True)
        (upper / "var/lib/dpkg/status").write_text(
            "Package: tool\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n", encoding="utf-8")
        manifest = self.directory / "karapace.toml"
        before = manifest.read_bytes()
        made = self.document("commit", ".", "--to-manifest", "-m", "tools", name="karapace.commit-to-manifest")
        self.assertEqual(made["secrets"], [{"path": "/etc/ssh/ssh_host_rsa_key", "secret": "ssh host keys"}])
        self.assertIn("/etc/confined", made["confined"])
        self.assertEqual(made["proposal"]["packages"], ["tool"])
        self.assertIn({"mode": "0644", "target": "/third"}, made["proposal"]["files"])
        self.assertTrue((self.directory / made["archive"]).stat().st_size > 0)
        self.assertTrue(manifest.read_bytes().startswith(before))
        self.assertTrue(made["is_new"])
        again = self.document("commit", ".", "--to-manifest", name="karapace.commit-to-manifest")
        self.assertEqual((again["is_new"], again["archive"]), (False, made["archive"]))
        self.error("commit", ".", "--as-layer")
        manifest.write_bytes(before)

    def damages(self, instance):
        state = self.scratch / "store/instances" / instance / "current"
        for copy in ("generation.json", "generation.json.copy"):
            (state / copy).chmod(0o600)
            (state / copy).write_bytes(b"")
        self.assertEqual(self.document("list")["damaged_instances"][0]["instance"], instance)
        self.assertEqual(self.document("gc", name="karapace.gc")["damaged_instances"], [instance])
        problem, = self.document("verify-store", "--repair", status=3)["problems"]
        self.assertIn("destroy " + instance, problem["notes"][0])
        self.assertIsNone(self.document("destroy", instance, name="karapace.destroy")["environment"])

    def cleans(self):
        self.run_program("exec", ".", "--", "/bin/sh")  # makes an instance
        self.assertEqual(len(self.document("inspect", ".")["instances"]), 1)
        self.keeps()
        self.document("verify-store", name="karapace.verify-store")
        layer = self.document("inspect", ".")["layers"][0]["layer"]
        damaged = next((self.scratch / "store/layers" / layer).glob("**/etc/issue"))
        damaged.chmod(0o600)
        damaged.write_bytes(b"else\n")
        self.document("verify-store", status=3)
        repaired = self.document("verify-store", "--repair", name="karapace.verify-store")
        self.assertIn("layer", [problem["kind"] for problem in repaired["problems"]])
        lost = repaired["lost_environments"][0]
        self.document("build", lost["environment"], name="karapace.build-environment")
        self.damages(lost["instance"])
        self.document("build")
        self.run_program("exec", ".", "--", "/bin/sh")
        self.assertEqual(len(self.document("destroy", str(self.directory), name="karapace.destroy")["instances"]), 1)
        self.document("gc", "--dry-run", name="karapace.gc")
        self.assertGreater(self.document("gc", name="karapace.gc")["freed_bytes"], 0)

    def unfilled(self):
        """Fields that every printed document had as null, or whose lists were always empty."""
        missing = set()
        for name, schema in self.schemas.items():
            filled = set()
            for document in self.seen.get(name, []):
                note_filled(document, (), filled)
            missing |= {f"{name}: {'/'.join(path)}" for path in fields_of(schema) if path not in filled}
        return missing

    def test_every_command_has_a_schema_and_every_schema_a_command(self):
        commands = set(self.commands())
        described = {" ".join(word for word in line.split() if not word.startswith("-") and word.islower())
                     for schema in self.schemas.values() for line in schema["x-karapace-commands"]}
        self.assertEqual(sorted(commands - described - WITHOUT), [])
        self.assertEqual(sorted(described - commands - {"", "*"}), [])

    def test_schemas_say_which_document_and_version_and_allow_nothing_else(self):
        for name, schema in self.schemas.items():
            self.assertEqual(schema["properties"]["document"], {"const": name})
            self.assertIn("const", schema["properties"]["version"], name)
        for path in SCHEMAS.glob("*.json"):
            for inner in objects_in(json.loads(path.read_text(encoding="utf-8"))):
                self.assertIn("additionalProperties", inner, (path.name, list(inner.get("properties", []))))
        self.assertTrue((SCHEMAS / COMMON).exists())

    def test_examples_fit(self):
        for name, schema in schemas().items():
            self.assertTrue(schema.get("examples"), name)
            for example in schema["examples"]:
                self.assertEqual([problem.message for problem in validator(schema).iter_errors(example)], [], name)

    def test_golden_documents_fit(self):
        golden = HERE.parent / "generator/golden"
        self.checked((golden / "show.json").read_bytes(), "show.json", "karapace.graph-show")
        for path in (golden / "diff").glob("*.json"):
            fields = json.loads(path.read_text(encoding="utf-8"))
            self.checked(json.dumps(fields | {"document": "karapace.graph-diff", "version": 1}).encode(), path.name)

    def test_an_unknown_field_is_refused(self):
        document = self.document("--version") | {"more": 1}
        self.assertTrue(list(self.validators["karapace.version"].iter_errors(document)))

    def test_any_bytes_give_valid_documents(self):
        chance = random.Random(8)
        pieces = [b"\"", b"\\", b"\xff", b"\xc3", b"\x1b[31m", b"\n", b"\t", "ü".encode(), b"\xe2\x80\xae", b"\xc2\x85", b"{", b"a", b"/", b"\x7f"]
        for _ in range(150):
            word = b"x" + b"".join(chance.choices(pieces, k=chance.randint(1, 6)))
            for words in (["inspect"], ["explain"], ["graph", "diff"], ["gen"], ["lock", "--check"], ["reproduce", "--against"]):
                self.error(*words, word)
        for piece in pieces[:-3]:
            if piece not in (b"{", b"a", b"/"):
                self.document("new", os.fsencode(self.scratch) + b"/new " + piece + b" one", name="karapace.new")


def objects_in(schema):
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for value in schema.values():
            yield from objects_in(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from objects_in(value)


def fields_of(schema, path=()):
    """The fields of this schema itself, not of what it refers to; inside lists as if there were none."""
    for option in [schema, *schema.get("oneOf", [])]:
        for name, inner in option.get("properties", {}).items():
            yield path + (name,)
            yield from fields_of(inner, path + (name,))
        if "items" in option:
            yield from fields_of(option["items"], path)


def note_filled(value, path, filled):
    if isinstance(value, dict):
        for name, inner in value.items():
            if inner is not None and inner != []:
                filled.add(path + (name,))
            note_filled(inner, path + (name,), filled)
    elif isinstance(value, list):
        for inner in value:
            note_filled(inner, path, filled)


if __name__ == "__main__":
    unittest.main()
