#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures a first build from a mirror against `curl --parallel` of the same files and the build of them from disk.

    bench/first_build.py PROGRAMS [--old PROGRAMS] [--runs 3] [--delay 20] [--lookup 5] [--work /var/tmp]

PROGRAMS is the directory of karapace; --old that of another release, to compare with. The packages are those of
bench/run; they are locked and fetched once, from the configured mirror. Then a server of its own answers each request
after DELAY milliseconds and each look-up after LOOKUP, as in bench/fetch.py. Curl, the build from disk and the build
from the server run in turn. Prints medians, processor time (user and system; more telling on a machine that others
use), and for the last build from disk and from the server how its wall time divides. Run as root; needs curl and
ninja."""

import argparse
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

import division
import fetch

HERE = pathlib.Path(__file__).resolve().parent
WORK = "KARAPACE_BENCH_WORK"


def load_bench_run():
    loader = importlib.machinery.SourceFileLoader("bench_run", str(HERE / "run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench_run", loader))
    loader.exec_module(module)
    return module


bench_run = load_bench_run()


def locked(work):
    lock = json.loads((work / "full/karapace.lock").read_text())
    return list({p["sha256"]: p for p in [*lock["base"], *lock["packages"]]}.values())


def prepare(options, work):
    """Locks and builds once, which downloads, and makes the server's directory of what came."""
    bench = bench_run.Bench(options.programs, work)
    directory = bench.project("full", bench_run.PACKAGES)
    print("preparing: locking, downloading, building once", file=sys.stderr, flush=True)
    bench.run(["karapace", "gen"], directory)
    bench.run(["ninja"], directory)
    blobs = {text.split('"sha256": "', 1)[1][:64]: bench_run.blob_of(text)
             for _, text in bench_run.records(work / "store", "fetch")}
    for package in locked(work):
        file = work / "mirror" / package["path"]
        file.parent.mkdir(parents=True, exist_ok=True)
        os.link(work / "store/blobs" / blobs[package["sha256"]], file)
    config = work / "config/karapace"
    config.mkdir(parents=True)
    mirrors = {package["archive"] for package in locked(work)}
    (config / "config.toml").write_text(
        "[mirrors]\n" + "".join(f'{name} = "http://{fetch.HOST}:{fetch.PORT}"\n' for name in sorted(mirrors)))


def build(work, programs, name, fetched):
    """A function that builds everything in a new store, in which the packages are or are not."""
    bench = bench_run.Bench(programs, work)
    store, directory = work / f"store-{name}", work / f"build-{name}"
    environment = bench.env | {"KARAPACE_STORE": str(store), "XDG_CONFIG_HOME": str(work / "config")}
    environment = {key: value for key, value in environment.items() if not key.lower().endswith("_proxy")}

    def run():
        for path in (store, directory):
            shutil.rmtree(path, ignore_errors=True)
        (bench_run.fetched_store if fetched else lambda _, source, target: bench_run.skeleton(source, target))(
            bench, work / "store", store)
        directory.mkdir()
        for file in ("karapace.toml", "karapace.lock"):
            shutil.copy(work / "full" / file, directory)
        subprocess.run(["karapace", "gen", "--frozen"], cwd=directory, env=environment, check=True, stdout=subprocess.DEVNULL)
        os.sync()
        return fetch.timed(["ninja"], cwd=directory, env=environment)

    def divided():
        text = subprocess.run(["karapace", "graph", "show", "--json"], cwd=directory, env=environment, check=True,
                              stdout=subprocess.PIPE).stdout
        return division.division(json.loads(text))
    return run, divided


def same_records(work, name, other):
    records = [{path.name: path.read_bytes() for path in (work / f"store-{one}/steps").iterdir()} for one in (name, other)]
    if records[0] != records[1]:
        sys.exit(f"bench: the builds {name} and {other} made different things")


def measure(work, options):
    ways = {"curl --parallel": (fetch.with_curl(work, locked(work)), None)}
    kinds = {"": options.programs, " (old)": options.old} if options.old else {"": options.programs}
    for suffix, programs in kinds.items():
        tag = suffix.strip(" ()")
        ways[f"from disk{suffix}"] = build(work, programs.absolute(), f"disk{tag}", True)
        ways[f"from the server{suffix}"] = build(work, programs.absolute(), f"server{tag}", False)
    results = {name: [] for name in ways}
    for _ in range(options.runs):
        for name, (run, _) in ways.items():
            results[name].append(run())
    seconds = {name: statistics.median(elapsed for elapsed, _ in values) for name, values in results.items()}
    for name, values in results.items():
        cpu = statistics.median(counted["cpu"] for _, counted in values)
        print(f"{name:24} {seconds[name]:7.2f} s {cpu:7.2f} s of processors")
    for suffix, _ in kinds.items():
        ratio = seconds[f"from the server{suffix}"] / (seconds["curl --parallel"] + seconds[f"from disk{suffix}"])
        print(f"from the server{suffix}: {ratio:.2f} × (curl + the build from disk)")
    same_records(work, "disk", "server")
    for name, (_, divided) in ways.items():
        if divided:
            print(f"\n{name}:\n{divided()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--old", type=pathlib.Path)
    parser.add_argument("--work", default="/var/tmp", help="a directory on the file system to measure")
    for option, value in (("runs", 3), ("delay", 20), ("lookup", 5)):
        parser.add_argument(f"--{option}", type=int, default=value)
    options = parser.parse_args()
    if fetch.INSIDE not in os.environ:
        with tempfile.TemporaryDirectory(prefix="karapace-bench-", dir=options.work) as name:
            os.chmod(name, 0o755)
            prepare(options, pathlib.Path(name))
            if not (child := os.fork()):
                os.environ[WORK] = name
                fetch.enter_namespaces()
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    work = pathlib.Path(os.environ[WORK])
    server = subprocess.Popen([sys.executable, HERE / "fetch.py", options.programs, "--serve", work / "mirror",
                               "--delay", str(options.delay), "--lookup", str(options.lookup)], stdout=subprocess.PIPE)
    try:
        server.stdout.readline()
        measure(work, options)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
