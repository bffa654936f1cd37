#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures commit and restore of an instance with 300 MB in 3,000 files against `cp -a` and `b3sum`.

    bench/snapshots.py PROGRAMS [--files 3000] [--megabytes 300] [--runs 5] [--directory DIR]

PROGRAMS is the directory of karapace. Each run, in turn: `cp -a` of the changes, `b3sum` of all their files, the first
commit, a commit after one file changed, a restore, and a restore that has to look whether the state that `undo` would
have brought back is a snapshot (it is); both sides to the disk (syncfs) and, for `cp -a`, also without. Everything is
in the page cache. Prints medians of the time that passes and of the processor time, the ratios that docs/benchmarks.md
has, and the memory and growth of the second commit."""

import argparse
import ctypes
import json
import os
import pathlib
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import hashlib


def sync(directory):
    fd = os.open(directory, os.O_RDONLY)
    ctypes.CDLL(None).syncfs(fd)
    os.close(fd)


class Bench:
    def __init__(self, options, scratch):
        self.options = options
        self.scratch = scratch
        self.project = scratch / "project"
        self.project.mkdir()
        self.variables = {"PATH": f"{options.programs}:{os.environ['PATH']}", "HOME": str(scratch / "home"),
                          "KARAPACE_STORE": str(scratch / "store")}
        self.times = {}
        self.used = {}

    def karapace(self, *words):
        result = subprocess.run([self.options.programs / "karapace", "--json", *words], cwd=self.project, env=self.variables,
                                check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if result.returncode != 0:
            sys.exit(f"karapace {words}: {result.stdout}{result.stderr}")
        return json.loads(result.stdout)

    def prepare(self):
        archive = self.scratch / "root.tar"
        program = shutil.which("busybox") or "/bin/true"
        with tarfile.open(archive, "w") as tar:
            tar.add(program, "bin/sh")
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        (self.project / "karapace.toml").write_text(
            f'manifest_version = 1\n[base]\nimage = "{archive}"\nsha256 = "{digest}"\n', encoding="utf-8")
        self.karapace("build", ".")
        # A session makes the instance, whatever becomes of its command.
        subprocess.run([self.options.programs / "karapace", "exec", ".", "--", "/bin/sh", "-c", ":"], cwd=self.project,
                       env=self.variables, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.instance = next((self.scratch / "store/instances").iterdir())
        self.fill(self.instance / "current/upper/srv")

    def fill(self, directory):
        dice = random.Random(10)
        size = self.options.megabytes * 1_000_000 // self.options.files
        for i in range(self.options.files):
            place = directory / f"{i % 60}"
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{i}").write_bytes(dice.randbytes(size))

    def measured(self, name, work, synced=True):
        while any((self.scratch / "store/staging").iterdir()):  # a replaced state is removed in the background
            time.sleep(0.01)
        sync(self.scratch)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begin = time.monotonic()
        work()
        if synced:
            sync(self.scratch)
        self.times.setdefault(name, []).append(time.monotonic() - begin)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.used.setdefault(name, []).append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)

    def run_once(self, number):
        upper = self.instance / "current/upper"
        copy = self.scratch / "copy"
        # What a restore shared with a snapshot (reflinks) is not in the page cache.
        subprocess.run("find . -type f -print0 | xargs -0 cat >/dev/null", shell=True, cwd=upper, check=True)
        for name, synced in (("cp -a, not synced", False), ("cp -a", True)):
            self.measured(name, lambda: subprocess.run(["cp", "-a", upper, copy], check=True), synced)
            shutil.rmtree(copy)
        self.measured("b3sum", lambda: subprocess.run(
            "find . -type f -print0 | xargs -0 b3sum >/dev/null", shell=True, cwd=upper, check=True), False)
        changed = upper / "srv/0/0"
        changed.write_bytes(f"run {number}".encode())
        for known in (self.instance / "snapshots").iterdir():
            shutil.rmtree(known)
        self.measured("commit", lambda: self.karapace("commit", "."))
        changed.write_bytes(f"again {number}".encode())
        self.measured("commit, one file changed", lambda: self.report(self.karapace("commit", ".")))
        first, second = (snapshot["snapshot"] for snapshot in self.karapace("snapshots", ".")["snapshots"])
        shutil.rmtree(self.instance / "previous", ignore_errors=True)
        self.measured("restore", lambda: self.karapace("restore", ".", first))
        self.measured("restore, another replaced", lambda: self.karapace("restore", ".", second))

    def report(self, committed):
        self.growth = committed["written_bytes"]

    def memory(self):
        """Of a commit alone, in KiB, as time(1) tells it."""
        (self.instance / "current/upper/srv/0/0").write_bytes(b"for memory")
        script = ("import os, resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL);"
                  "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
        return int(subprocess.run([sys.executable, "-c", script, self.options.programs / "karapace", "commit", "."],
                                  cwd=self.project, env=self.variables, check=True, stdout=subprocess.PIPE).stdout)

    def print_results(self):
        median = {name: statistics.median(times) for name, times in self.times.items()}
        for name, value in median.items():
            print(f"{name:28} {1000 * value:7.0f} ms  ({1000 * min(self.times[name]):.0f} to {1000 * max(self.times[name]):.0f}), "
                  f"processor {1000 * statistics.median(self.used[name]):.0f} ms")
        print(f"commit / (cp -a + b3sum): {median['commit'] / (median['cp -a'] + median['b3sum']):.2f}, cp not synced: "
              f"{median['commit'] / (median['cp -a, not synced'] + median['b3sum']):.2f}")
        for name in ("restore", "restore, another replaced"):
            print(f"{name} / cp -a: {median[name] / median['cp -a']:.2f}, cp not synced: "
                  f"{median[name] / median['cp -a, not synced']:.2f}")
        print(f"second commit: {self.growth} bytes written, {self.memory()} KiB of memory")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--files", type=int, default=3000)
    parser.add_argument("--megabytes", type=int, default=300)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--directory", help="where to work: on the file system that is to be measured")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="karapace-bench-", dir=options.directory) as directory:
        bench = Bench(options, pathlib.Path(directory))
        bench.prepare()
        for number in range(options.runs):
            bench.run_once(number)
        bench.print_results()


if __name__ == "__main__":
    main()
