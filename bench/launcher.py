#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures what the launcher of releases adds to a program's start.

    bench/launcher.py PROGRAMS [--runs 2000] [--versions 50] [--work /var/tmp]

PROGRAMS is the directory of karapace-launcher. /bin/true is started by itself and through the launcher of a destination with
VERSIONS versions, in turn. Prints medians and the difference; ends with 1 when that is more than 1 ms."""
import argparse
import os
import pathlib
import shutil
import statistics
import sys
import tempfile
import time


def destination(root, launcher, versions):
    (root / "bin").mkdir(parents=True)
    shutil.copy(launcher, root / "bin/.launcher-1")
    (root / "bin/true").symlink_to(".launcher-1")
    for number in range(1, versions + 1):
        programs = root / f"versions/1.0.{number}+1/bin"
        programs.mkdir(parents=True)
        (programs / "true").symlink_to("/bin/true")
        (root / f"versions/1.0.{number}").symlink_to(f"1.0.{number}+1")
    (root / "versions/stable").symlink_to(f"1.0.{versions}+1")


def start(program):
    """Seconds until it has ended."""
    started = time.perf_counter()
    process = os.posix_spawn(program, [program], os.environ)
    _, status = os.waitpid(process, 0)
    if status:
        sys.exit(f"bench: {program} ended with {status}")
    return time.perf_counter() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--versions", type=int, default=50)
    parser.add_argument("--work", default="/var/tmp")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.work) as work:
        destination(pathlib.Path(work) / "app", arguments.programs / "karapace-launcher", arguments.versions)
        commands = {"/bin/true": [], f"{work}/app/bin/true": []}
        for _ in range(arguments.runs):
            for command, times in commands.items():
                times.append(start(command))
        alone, launched = (statistics.median(times) * 1000 for times in commands.values())
    print(f"/bin/true: {alone:.3f} ms; through the launcher: {launched:.3f} ms; {launched - alone:.3f} ms more (aim: 1 ms)")
    sys.exit(launched - alone > 1)


main()
