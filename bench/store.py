#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures `karapace gc` of many files against `rm -rf`, and `verify-store` against b3sum.

    bench/store.py PROGRAMS [--files 100000] [--size 2000] [--runs 3] [--work /var/tmp]

PROGRAMS is the directory of karapace. A base archive of FILES files of SIZE bytes is built once; each run removes it
with gc, or a copy of its layer with rm -rf, in turn. Prints medians and the factors. Needs ninja, cp, rm and b3sum."""
import argparse
import hashlib
import io
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time


def archive_of(path, files, size):
    random.seed(1)
    with tarfile.open(path, "w") as tar:
        for i in range(files):
            entry = tarfile.TarInfo(f"usr/share/data/{i // 2000:03}/{i % 2000 // 100:02}/file{i}")
            content = random.randbytes(size)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        shell = tarfile.TarInfo("bin/sh")
        tar.addfile(shell, io.BytesIO(b""))


class Bench:
    def __init__(self, programs, work):
        self.work = work
        self.environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "KARAPACE_STORE": str(work / "store"),
                            "XDG_CACHE_HOME": str(work / "cache")}

    def run(self, *command, **options):
        return subprocess.run(command, check=True, env=self.environment, stdout=subprocess.DEVNULL, **options)

    def time(self, *command, **options):
        begin = time.monotonic()
        self.run(*command, **options)
        return time.monotonic() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--files", type=int, default=100000)
    parser.add_argument("--size", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("/var/tmp"))
    options = parser.parse_args()
    work = pathlib.Path(tempfile.mkdtemp(prefix="karapace-bench-", dir=options.work))
    try:
        bench = Bench(options.programs.resolve(), work)
        project = work / "project"
        project.mkdir()
        archive_of(work / "root.tar", options.files, options.size)
        digest = hashlib.sha256((work / "root.tar").read_bytes()).hexdigest()
        (project / "karapace.toml").write_text(f'manifest_version = 1\n[base]\nimage = "{work}/root.tar"\nsha256 = "{digest}"\n')
        times = {name: [] for name in ("verify-store", "b3sum", "gc", "rm -rf")}
        for i in range(options.runs):
            print(f"run {i + 1} of {options.runs}", file=sys.stderr, flush=True)
            bench.run("karapace", "build", cwd=project, stderr=subprocess.DEVNULL)
            subprocess.run(f"cd {work}/store && find blobs layers -type f -print0 >{work}/files0", shell=True, check=True)
            peer = ("sh", "-c", f"cd {work}/store && xargs -0 b3sum --num-threads 2 <{work}/files0")
            for name, command in (("verify-store", ("karapace", "verify-store")), ("b3sum", peer)):
                bench.run(*command)  # warm
                times[name].append(bench.time(*command))
            layer = max((work / "store/layers").iterdir(), key=lambda path: path.stat().st_ctime)
            bench.run("cp", "-a", layer, work / "copy")
            bench.run("karapace", "destroy", ".", cwd=project, stderr=subprocess.DEVNULL)
            os.sync()
            pair = [("gc", ("karapace", "gc")), ("rm -rf", ("rm", "-rf", str(work / "copy")))]
            for name, command in pair if i % 2 else reversed(pair):
                times[name].append(bench.time(*command))
        for name, values in times.items():
            print(f"{name:14} {statistics.median(values):8.3f} s")
        factor = {ours: statistics.median(times[ours]) / statistics.median(times[theirs])
                  for ours, theirs in (("gc", "rm -rf"), ("verify-store", "b3sum"))}
        print(f"gc takes {factor['gc']:.2f} × rm -rf (bar: 1.2); verify-store {1 / factor['verify-store']:.2f} × b3sum's speed (bar: 0.8)")
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
