#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures what an environment costs a CMake project when nothing changed: configuring, and building.

    bench/cmake.py BUILD-DIRECTORY [--runs 21]

BUILD-DIRECTORY is Karapace's own, where its CMake package is found. The project is one C++ program; beside it stands the
same project without Karapace. Both are measured in turn; medians. The environment (examples/cmake) is built first, in
KARAPACE_STORE or a store of its own."""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PLAIN = """cmake_minimum_required(VERSION 3.25)
project(measured LANGUAGES CXX)
add_executable(app main.cpp)
"""
WITH = PLAIN + """find_package(Karapace 1.0 REQUIRED)
karapace_environment(dev MANIFEST karapace.toml ALL)
"""


def make(directory, text):
    directory.mkdir()
    (directory / "CMakeLists.txt").write_text(text)
    (directory / "main.cpp").write_text("int main() {}\n")
    shutil.copy(ROOT / "examples/cmake/karapace.toml", directory)
    return directory


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{done.stdout[-3000:]}")
    return done.stdout


def in_turn(runs, commands):
    """The median time of each, in milliseconds."""
    times = [[] for _ in commands]
    for _ in range(runs):
        for command, measured in zip(commands, times):
            start = time.perf_counter()
            run(command)
            measured.append((time.perf_counter() - start) * 1000)
    return [statistics.median(measured) for measured in times]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--runs", type=int, default=21)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="karapace-bench-cmake-") as scratch:
        os.environ.setdefault("KARAPACE_STORE", scratch + "/store")
        plain = make(pathlib.Path(scratch) / "plain", PLAIN)
        with_environment = make(pathlib.Path(scratch) / "with", WITH)
        pair = (with_environment, plain)
        for directory in pair:
            run(["cmake", "-G", "Ninja", "-S", directory, "-B", directory / "build",
                 f"-DCMAKE_PREFIX_PATH={arguments.build.resolve()}"])
            run(["ninja", "-C", directory / "build"])
            if "no work to do" not in run(["ninja", "-C", directory / "build"]):
                raise SystemExit(f"{directory}: the second build has work to do")
        steps = len([1 for line in (with_environment / "build/build.ninja").read_text().splitlines()
                     if line.startswith("build ") and "/links/" in line.split(":")[0]])
        print(f"{steps} steps; medians of {arguments.runs} runs, ms\n")
        print("| nothing changed | with | without | difference | ratio |\n|---|---:|---:|---:|---:|")
        for name, command in (("configure", lambda d: ["cmake", "-S", d, "-B", d / "build"]),
                              ("ninja", lambda d: ["ninja", "-C", d / "build"]),
                              ("cmake --build", lambda d: ["cmake", "--build", d / "build"])):
            ours, theirs = in_turn(arguments.runs, [command(directory) for directory in pair])
            print(f"| {name} | {ours:.2f} | {theirs:.2f} | {ours - theirs:+.2f} | {ours / theirs:.2f} × |")


if __name__ == "__main__":
    main()
