#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures `karapace list` and `karapace exec NAME` in a store with 1,000 instances and in one with a single one.

    bench/instances.py PROGRAMS [--instances 1000] [--runs 21] [--directory DIR]

PROGRAMS is the directory of karapace. Each instance belongs to a project of its own and is made by a session. The two
stores are measured in turn. Prints medians of the time that passes and of the processor time, and how many calls of the
kernel an instance costs when strace is there. `exec` runs busybox's true, or that of the host when it needs no libraries."""

import argparse
import hashlib
import os
import pathlib
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time


class Bench:
    def __init__(self, options, scratch):
        self.program = options.programs / "karapace"
        self.options = options
        self.scratch = scratch

    def variables(self, store):
        return {"PATH": f"{self.options.programs}:{os.environ['PATH']}", "HOME": str(self.scratch / "home"),
                "KARAPACE_STORE": str(self.scratch / store)}

    def karapace(self, store, *words, directory=None):
        result = subprocess.run([self.program, *words], cwd=directory or self.scratch, env=self.variables(store), check=False,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if result.returncode != 0:
            sys.exit(f"karapace {words}: {result.stdout}{result.stderr}")

    def prepare(self, store, count):
        archive = self.scratch / "root.tar"
        with tarfile.open(archive, "w") as tar:
            tar.add(static_program(), "bin/true")
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        projects = [self.scratch / f"{store}-projects" / f"p{i}" for i in range(count)]
        for project in projects:
            project.mkdir(parents=True)
            (project / "karapace.toml").write_text(
                f'manifest_version = 1\n[base]\nimage = "{archive}"\nsha256 = "{digest}"\n', encoding="utf-8")
        self.karapace(store, "build", projects[0])
        for i, project in enumerate(projects):
            if i > 0:
                self.karapace(store, "gen", "-C", self.scratch / f"{store}-graphs" / f"{i}", project)
            self.karapace(store, "exec", project, "--", "/bin/true")

    def measured(self, store, words):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begin = time.monotonic()
        subprocess.run([self.program, *words], cwd=self.scratch, env=self.variables(store), check=True, stdout=subprocess.DEVNULL)
        elapsed = time.monotonic() - begin
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return elapsed, used

    def compare(self, name, words):
        times = {"many": [], "one": []}
        for _ in range(self.options.runs):
            for store, found in times.items():
                found.append(self.measured(store, words))
        many, one = ([statistics.median(values) for values in zip(*times[store])] for store in ("many", "one"))
        fastest = {store: min(elapsed for elapsed, _ in found) for store, found in times.items()}
        print(f"{name:16} {self.options.instances} instances: {1000 * many[0]:6.1f} ms, fastest {1000 * fastest['many']:.1f}, "
              f"processor {1000 * many[1]:.1f} ms; one: {1000 * one[0]:.1f} ms, fastest {1000 * fastest['one']:.1f}, "
              f"processor {1000 * one[1]:.1f} ms; ratio {many[0] / one[0]:.2f}")

    def calls(self, store, words):
        summary = subprocess.run(["strace", "-f", "-c", "-U", "calls,name", self.program, *words], cwd=self.scratch,
                                 env=self.variables(store), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        return {name: int(calls) for calls, name in re.findall(r"^ +(\d+) (\w+)$", summary.stderr, re.MULTILINE)}

    def print_calls(self, name, words):
        many, one = self.calls("many", words), self.calls("one", words)
        extra = {call: (many[call] - one.get(call, 0)) / (self.options.instances - 1) for call in many if call != "total"}
        told = ", ".join(f"{call} {value:.1f}" for call, value in sorted(extra.items(), key=lambda item: -item[1]) if value > 0.05)
        print(f"{name:16} calls for each further instance: {sum(extra.values()):.1f} ({told})")


def static_program():
    """Something that runs without libraries, and says nothing when it is called true."""
    for candidate in ("busybox", "/bin/busybox"):
        if found := shutil.which(candidate):
            return found
    source = pathlib.Path(tempfile.mkdtemp()) / "true"
    subprocess.run(["cc", "-static", "-Os", "-x", "c", "-o", source, "-"], input=b"int main(void){return 0;}", check=True)
    return source


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--instances", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=21)
    parser.add_argument("--directory", help="where to work: on the file system that is to be measured")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="karapace-bench-", dir=options.directory) as directory:
        bench = Bench(options, pathlib.Path(directory))
        bench.prepare("many", options.instances)
        bench.prepare("one", 1)
        for name, words in (("list", ["list"]), ("list --json", ["list", "--json"]), ("exec p0", ["exec", "p0", "--", "/bin/true"])):
            bench.compare(name, words)
            if shutil.which("strace") and name != "list --json":
                bench.print_calls(name, words)


if __name__ == "__main__":
    main()
