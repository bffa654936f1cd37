#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures `karapace graph diff` of two graphs of 100,000 edges, beside ninja's own reading of the same two files.

    bench/graph_diff.py PROGRAMS [--edges 100000] [--runs 7]

PROGRAMS is the directory of karapace. The pair: one of the packages that every project has was upgraded, and fifty
projects each lost one of their own. Every run's answer is checked. Prints medians."""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import gen_scale

UPGRADED = "shared-007"
PROJECTS_CHANGED = 50


def change(tree):
    for number, lock in enumerate(sorted(tree.glob("*/karapace.lock"))):
        document = json.loads(lock.read_text())
        for package in document["packages"]:
            if package["name"] == UPGRADED:
                package.update(version="1.2.3-4+deb12u2", sha256="07" * 32)
        if number < PROJECTS_CHANGED:
            document["packages"].pop(0)
        lock.write_text(json.dumps(document, indent=1) + "\n")


def prepare(programs, scratch, edges):
    """Two trees of manifests and locks, and a build directory of each."""
    trees = []
    for name in ("old", "new"):
        tree = scratch / name / "manifests"
        sys.argv = ["gen_scale.py", str(tree), "--edges", str(edges)]
        gen_scale.main()
        if name == "new":
            change(tree)
        projects = sorted(str(path) for path in tree.iterdir())
        subprocess.run([programs / "karapace", "--store", scratch / "store", "gen", "--frozen", "-C",
                        scratch / name / "build", *projects], check=True, stdout=subprocess.DEVNULL)
        trees.append(scratch / name)
    return trees


def median(runs, command, statuses):
    """The median time of a command in milliseconds, and its last output."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
        times.append((time.perf_counter() - start) * 1000)
        if done.returncode not in statuses:
            sys.exit(f"{command} ended with {done.returncode}")
    return statistics.median(times), done.stdout


def check(answer):
    causes = json.loads(answer)["causes"]
    upgraded = [c for c in causes if c["kind"] == "package-upgraded"]
    removed = [c for c in causes if c["kind"] == "package-removed"]
    if len(causes) != 1 + PROJECTS_CHANGED or len(upgraded) != 1 or len(removed) != PROJECTS_CHANGED:
        sys.exit(f"wrong causes: {len(upgraded)} upgraded, {len(removed)} removed of {len(causes)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--edges", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=7)
    arguments = parser.parse_args()
    programs = arguments.programs.resolve()
    with tempfile.TemporaryDirectory(prefix="karapace-diff-") as directory:
        scratch = pathlib.Path(directory)
        old, new = prepare(programs, scratch, arguments.edges)
        diff = [str(programs / "karapace"), "graph", "diff"]
        graphs = [str(side / "build/build.ninja") for side in (old, new)]
        # The file as it is, without names and locks beside it: what a repository may hold.
        alone = [str(scratch / name) for name in ("old.ninja", "new.ninja")]
        for graph, copy in zip(graphs, alone):
            os.link(graph, copy)
        edges = sum(1 for line in open(graphs[0], "rb") if line.startswith(b"build "))
        rows = []
        for what, sides in (("graph files with locks beside them", graphs), ("graph files alone", alone),
                            ("manifests with locks", [str(old / "manifests"), str(new / "manifests")])):
            for form in ("text", "json"):
                taken, answer = median(arguments.runs, diff + sides + (["--json"] if form == "json" else []), {1})
                if form == "json":
                    check(answer) if what != "graph files alone" else None
                rows.append((f"graph diff, {what}, {form}", taken))
        readings = [median(arguments.runs, ["ninja", "-C", str(side / "build"), "-t", "rules"], {0})[0] for side in (old, new)]
        rows.append(("ninja reads the same two files", sum(readings)))
        print(f"{edges} edges on the old side, {len(os.sched_getaffinity(0))} processors, medians of {arguments.runs}")
        for what, taken in rows:
            print(f"{taken:8.0f} ms  {what}")


if __name__ == "__main__":
    main()
