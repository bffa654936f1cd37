#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures releases: what 50 packages cost when nothing or one of them changed, and three packages beside Karsk.

    bench/release.py PROGRAMS [--karsk KARSK] [--engine podman|native] [--runs 15] [--long-runs 5] [--store DIR] [--work /var/tmp]

PROGRAMS is the directory of karapace. --karsk is its rival's program (`pip install karsk==0.4.1` into a venv of its own);
with podman it gets an image of mmdebstrap with the same compiler. --store has downloads that need not be fetched again.

50 packages of shell scripts need each other as a binary tree does. Measured in turn: ninja on the release's graph, ninja on as
many trivial edges, and `release build`, also in a repository of git. Then a leaf is changed: only it and those that need
it may be built again.

Three packages of C, foo <- bar <- app, each finding the next library by its rpath: cold (the environment is there, as Karsk's
image is, and no package), unchanged, installed, installed again. Prints medians of the time that passes and of the
processor time of all processes."""
import argparse
import hashlib
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile

from measuring import measured, run

ENGINE = """#!/bin/bash
# podman, for machines where it may not raise limits or manage cgroups.
words=()
for word in "${@:2}"; do case $word in --userns=*) ;; *) words+=("$word") ;; esac; done
[ "$1" = run ] || exec /usr/bin/podman "$@"
exec /usr/bin/podman run --cgroups=disabled --ulimit nproc=1000:1000 --ulimit nofile=1000:1000 "${words[@]}"
"""
SOURCES = {
    "foo": "int foo(void) { return %d; }\n",
    "bar": "int foo(void);\nint bar(void) { return foo() + %d; }\n",
    "app": '#include <stdio.h>\nint bar(void);\nint main(void) { printf("%%d %d\\n", bar()); return 0; }\n',
}
SCRIPTS = {
    "foo": "mkdir -p $out/lib; gcc -shared -fPIC -o $out/lib/libfoo.so SOURCE",
    "bar": "mkdir -p $out/lib; gcc -shared -fPIC -o $out/lib/libbar.so SOURCE -L$foo/lib -lfoo -Wl,-rpath,$foo/lib",
    "app": "mkdir -p $out/bin; gcc -o $out/bin/app SOURCE -L$bar/lib -lbar -Wl,-rpath,$bar/lib -Wl,-rpath-link,$foo/lib",
}
DEPENDS = {"foo": [], "bar": ["foo"], "app": ["bar"]}


class Times:
    """Of one command: the time that passes and that of processors, in milliseconds."""

    def __init__(self):
        self.passed, self.used = [], []

    def measure(self, words, directory, variables):
        output, passed, used = measured(words, directory, variables)
        self.passed.append(passed * 1000)
        self.used.append(used * 1000)
        return output

    def medians(self):
        return statistics.median(self.passed), statistics.median(self.used)


def table(rows):
    for name, times, other, aim in rows:
        (passed, used), (its, its_used) = times.medians(), other.medians() if other else (0, 0)
        ratio = f"{passed / its:.2f} x, {used / its_used:.2f} x processor" if other and its < passed else \
            f"{its / passed:.1f} x faster, {its_used / used:.1f} x less processor" if other else ""
        print(f"{name:45} {passed:8.1f} ms {used:8.1f} ms | {its:8.1f} ms {its_used:8.1f} ms | {ratio} {aim}")


class Bench:
    def __init__(self, options, work):
        self.options, self.work = options, work
        self.variables = {"PATH": f"{options.programs}:{os.environ['PATH']}", "HOME": str(work / "home"), "TERM": "dumb",
                          "KARAPACE_STORE": str(work / "store")}
        for name in ("http_proxy", "https_proxy", "no_proxy"):
            if name in os.environ:
                self.variables[name] = os.environ[name]
        (work / "home").mkdir()
        if options.store:
            shutil.copytree(options.store, work / "store", symlinks=True)
            (work / "store").chmod(0o700)

    def karapace(self, *words, project):
        return run(["karapace", *words], project, self.variables)

    # 50 packages

    def shell_base(self, project):
        """A base with a shell, mkdir and chmod of this machine."""
        root = self.work / "root"
        for program in ("sh", "mkdir", "chmod"):
            file = shutil.which(program)
            (root / "bin").mkdir(parents=True, exist_ok=True)
            shutil.copy(file, root / "bin" / program)
            for library in re.findall(r"/\S+", subprocess.run(["ldd", file], check=True, stdout=subprocess.PIPE, text=True).stdout):
                (root / library[1:]).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(library, root / library[1:])
        with tarfile.open(project / "base.tar", "w") as tar:
            tar.add(root, ".")
        return hashlib.sha256((project / "base.tar").read_bytes()).hexdigest()

    def many(self, count):
        project = self.work / "many"
        project.mkdir()
        text = f'manifest_version = 1\n[base]\nimage = "base.tar"\nsha256 = "{self.shell_base(project)}"\n'
        text += f'[release]\nname = "many"\ndestination = "{self.work}/many-installed"\nmain = "p0"\nentrypoints = ["p0"]\n'
        for number in range(count):
            (project / f"p{number}").mkdir()
            (project / f"p{number}/text").write_text(f"text {number}\n")
            needed = [f"p{i}" for i in (2 * number + 1, 2 * number + 2) if i < count]
            script = "mkdir -p $out/bin; { while read l; do echo $l; done <text" + "".join(f"; echo ${name}" for name in needed)
            text += f'[[source]]\nname = "p{number}"\nversion = "1.0"\npath = "p{number}"\ndepends = {json.dumps(needed)}\n'
            text += f'build = "{script}; }} >$out/bin/p{number}; chmod +x $out/bin/p{number}"\n'
        (project / "karapace.toml").write_text(text)
        self.karapace("release", "build", project=project)
        self.unchanged(project)
        self.one_leaf(project, count)

    def unchanged(self, project):
        build = project / ".karapace/build"
        edges = run(["ninja", "-C", str(build), "-t", "targets", "all"], project, self.variables).count("\n")
        floor = self.work / "floor"
        floor.mkdir()
        lines = ["rule touch", "  command = touch $out"]
        lines += [f"build f{i}: touch" + (f" f{i - 1}" if i % 2 else "") for i in range(edges)]
        (floor / "build.ninja").write_text("\n".join(lines) + "\n")
        run(["ninja"], floor, self.variables)
        run(["ninja"], build, self.variables)
        graph, trivial, command, in_repository = Times(), Times(), Times(), Times()
        for _ in range(self.options.runs):
            trivial.measure(["ninja"], floor, self.variables)
            graph.measure(["ninja"], build, self.variables)
            command.measure(["karapace", "release", "build"], project, self.variables)
        run(["git", "init", "-q"], project, self.variables)
        run(["git", "add", "."], project, self.variables)
        for _ in range(self.options.runs):
            in_repository.measure(["karapace", "release", "build"], project, self.variables)
        shutil.rmtree(project / ".git")
        print(f"{edges} edges")
        table([("50 packages unchanged: ninja | trivial edges", graph, trivial, "(aim: <= 1.2 x)"),
               ("the same: release build | ninja", command, graph, ""),
               ("the same in a repository of git", in_repository, None, "")])

    def one_leaf(self, project, count):
        for leaf in (count - 1, count // 2 + 3):
            expected = {f"p{leaf}"}
            above = leaf
            while above > 0:
                above = (above - 1) // 2
                expected.add(f"p{above}")
            with open(project / f"p{leaf}/text", "a", encoding="utf-8") as file:
                file.write("changed\n")
            times = Times()
            output = times.measure(["karapace", "release", "build"], project, self.variables)
            built = set(re.findall(r"\] compile (\S+)", output))
            if built != expected:
                sys.exit(f"bench: {sorted(expected)} should have been built, and {sorted(built)} were: {output}")
            print(f"p{leaf} changed: {len(built)} of {count} packages are built again, {times.medians()[0]:.0f} ms")

    # Three packages

    def write_sources(self, project, number):
        for name, text in SOURCES.items():
            directory = project / name
            directory.mkdir(exist_ok=True)
            (directory / f"{name}.c").write_text(text % number)

    def three(self):
        project = self.work / "three"
        project.mkdir()
        text = 'manifest_version = 1\n[base]\nimage = "debian/bookworm"\n[system]\npackages = ["gcc", "libc6-dev"]\n'
        text += f'[release]\nname = "app"\ndestination = "{self.work}/installed"\nmain = "app"\nentrypoints = ["app"]\n'
        for name, script in SCRIPTS.items():
            text += f'[[source]]\nname = "{name}"\nversion = "1.0.0"\npath = "{name}"\ndepends = {json.dumps(DEPENDS[name])}\n'
            text += f'build = "{script.replace("SOURCE", name + ".c")}"\n'
        (project / "karapace.toml").write_text(text)
        self.write_sources(project, 0)
        self.karapace("release", "build", project=project)
        return project

    def karsk_project(self):
        project = self.work / "karsk"
        (project / "bin").mkdir(parents=True)
        (project / "bin/podman").write_text(ENGINE)
        (project / "bin/podman").chmod(0o755)
        if self.options.engine == "podman":
            subprocess.run("podman image exists localhost/karapace-bench || mmdebstrap -q --variant=minbase --include=gcc,libc6-dev bookworm - 2>/dev/null | podman import -q - localhost/karapace-bench",
                           shell=True, check=True, stdout=subprocess.DEVNULL)
        (project / "Containerfile").write_text("FROM localhost/karapace-bench\n")
        packages = [{"name": name, "version": "1.0.0", "depends": DEPENDS[name], "src": {"type": "file", "path": f"{name}/{name}.c"},
                     "build": script.replace("SOURCE", "$src")} for name, script in SCRIPTS.items()]
        (project / "config.yaml").write_text(json.dumps({"destination": str(self.work / "karsk-installed"), "main-package": "app",
                                                         "entrypoints": ["app"], "build-image": "./Containerfile", "packages": packages}))
        self.write_sources(project, 0)
        # Its launcher would be compiled in an image from the network: a stand-in spares it that.
        for place in ("staging/cache", "staging/app/x86_64-unknown-linux/cache"):
            (project / place).mkdir(parents=True)
            shutil.copy("/bin/true", project / place / ".wrapper.amd64")
        return project

    def karsk(self, *words):
        words = [str(self.options.karsk), *words, "--engine", self.options.engine, "config.yaml"]
        if self.options.engine == "podman" and not pathlib.Path("/sys/fs/cgroup/cgroup.procs").exists():
            mount = 'umount -l /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec "$@"'
            words = ["unshare", "--mount", "sh", "-c", mount, "sh", *words]
        return words

    def beside(self):
        ours, theirs = self.three(), self.karsk_project() if self.options.karsk else None
        karsk_variables = self.variables | {"PATH": f"{self.work}/karsk/bin:{os.environ['PATH']}"}
        if theirs:
            run(self.karsk("build"), theirs, karsk_variables)
        jobs = {"cold": ("build", "(aim: >= 3 x)"), "unchanged": ("build", "(aim: >= 20 x)"), "installed": ("install", ""),
                "installed again": ("install", "(aim: >= 20 x)")}
        our_times = {job: Times() for job in jobs}
        their_times = {job: Times() for job in jobs}
        for number in range(1, self.options.long_runs + 1):
            self.write_sources(ours, number)
            if theirs:
                self.write_sources(theirs, number)
            for job, (command, _) in jobs.items():
                our_times[job].measure(["karapace", "release", command], ours, self.variables)
                if theirs:
                    their_times[job].measure(self.karsk(command), theirs, karsk_variables)
        printed = run([f"{self.work}/installed/bin/app"], ours, self.variables)
        if printed != f"{2 * number} {number}\n":
            sys.exit(f"bench: the program says {printed}")
        table([(f"three packages, {job} | Karsk", our_times[job], their_times[job] if theirs else None, aim)
               for job, (_, aim) in jobs.items()])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=lambda word: pathlib.Path(word).absolute())
    parser.add_argument("--karsk", type=lambda word: pathlib.Path(word).absolute())
    parser.add_argument("--engine", choices=("podman", "native"), default="podman")
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--long-runs", type=int, default=5)
    parser.add_argument("--only", choices=("many", "three"))
    parser.add_argument("--store", type=pathlib.Path)
    parser.add_argument("--work", default="/var/tmp")
    options = parser.parse_args()
    work = pathlib.Path(tempfile.mkdtemp(dir=options.work, prefix="karapace-bench-"))
    try:
        bench = Bench(options, work)
        if options.only != "three":
            bench.many(50)
        if options.only != "many":
            bench.beside()
    finally:
        subprocess.run(f"chmod -R u+w {work}; rm -rf {work}", shell=True, check=False)


main()
