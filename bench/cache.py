#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures how long another machine takes to have an environment from a cache, beside skopeo and tar.

    bench/cache.py PROGRAMS [--packages git,curl] [--runs 5] [--store DIR] [--work /var/tmp]

PROGRAMS is the directory of karapace. An environment is built, and pushed to Debian's docker-registry on loopback as a cache and
as an image, which have the same layers. Measured in turn, each into an empty directory and forced to the disk: `karapace build`
with the cache, and `skopeo copy` of the image followed by `zstd -d | tar x` of each layer. Then the unchanged
image is pushed again. Prints medians, and how many requests each took. --store has downloads that need not be fetched again."""
import argparse
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from measuring import measured, run


class Registry:
    def __init__(self, work):
        with socket.socket() as port:
            port.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{port.getsockname()[1]}"
        (work / "registry").mkdir()
        (work / "registry.yml").write_text(
            "version: 0.1\nlog: {level: info, formatter: json}\n"
            f"storage: {{filesystem: {{rootdirectory: {work}/registry}}}}\nhttp: {{addr: '{self.address}'}}\n")
        self.log = work / "registry.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(["docker-registry", "serve", work / "registry.yml"], stdout=log, stderr=log)
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://{self.address}/v2/")
                return
            except urllib.error.URLError:
                time.sleep(0.1)
        sys.exit("bench: docker-registry did not start")

    def requests(self):
        return self.log.read_text().count('"http.request.method"')


class Bench:
    def __init__(self, options, work):
        self.work = work
        self.variables = {**os.environ, "PATH": f"{options.programs.resolve()}:{os.environ['PATH']}", "XDG_CACHE_HOME": str(work / "cache"),
                          "XDG_CONFIG_HOME": str(work / "configuration"), "KARAPACE_STORE": str(work / "built")}
        self.project = work / "project"
        self.project.mkdir()
        self.registry = Registry(work)
        packages = json.dumps(options.packages.split(","))
        (self.project / "karapace.toml").write_text(
            f'manifest_version = 1\n[base]\nimage = "debian/bookworm"\n[system]\npackages = {packages}\n')
        if options.store:
            shutil.copytree(options.store, work / "built", symlinks=True)
            (work / "built").chmod(0o700)

    def karapace(self, *words):
        return run(["karapace", *words], self.project, self.variables)

    def push(self):
        self.karapace("build", "-q")
        self.karapace("key", "new", "bench")
        self.karapace("cache", "push", f"oci:{self.registry.address}/team/cache", ".", "--key", "bench")
        self.karapace("push", ".", f"{self.registry.address}/team/dev:1")
        key = self.work / "configuration/karapace/keys/bench.pub"
        self.karapace("cache", "add", "team", f"oci:{self.registry.address}/team/cache", "--trust", str(key))
        manifest = run(["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{self.registry.address}/team/dev:1"], self.work, self.variables)
        return json.loads(manifest)["layers"]

    def push_again(self):
        """Milliseconds that pass and of processors, and requests."""
        requests = self.registry.requests()
        _, passed, used = measured(["karapace", "push", ".", f"{self.registry.address}/team/dev:1"], self.project, self.variables)
        return passed * 1000, used * 1000, self.registry.requests() - requests

    def build(self):
        store = self.work / "taken"
        shutil.rmtree(store, ignore_errors=True)
        shutil.rmtree(self.project / ".karapace", ignore_errors=True)
        before, begin = self.registry.requests(), time.perf_counter()
        output = run(["karapace", "build"], self.project, {**self.variables, "KARAPACE_STORE": str(store)})
        os.sync()
        passed = time.perf_counter() - begin
        if "none was run" not in output:
            sys.exit(f"bench: steps were run: {output}")
        return passed, self.registry.requests() - before

    def peer(self, layers):
        copied, tree = self.work / "copied", self.work / "tree"
        for directory in (copied, tree):
            shutil.rmtree(directory, ignore_errors=True)
        tree.mkdir()
        begin = time.perf_counter()
        run(["skopeo", "--insecure-policy", "copy", "-q", "--src-tls-verify=false", f"docker://{self.registry.address}/team/dev:1", f"dir:{copied}"],
            self.work, self.variables)
        copying = time.perf_counter() - begin
        for layer in layers:
            run(["sh", "-c", 'zstd -dcq "$0" | tar -C "$1" -xf -', copied / layer["digest"].removeprefix("sha256:"), tree], self.work, self.variables)
        os.sync()
        return time.perf_counter() - begin, copying


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--packages", default="git,curl")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--store", type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("/var/tmp"))
    options = parser.parse_args()
    work = pathlib.Path(tempfile.mkdtemp(prefix="karapace-bench-", dir=options.work))
    bench = Bench(options, work)
    try:
        layers = bench.push()
        builds, peers, again = [], [], []
        for i in range(options.runs):
            print(f"run {i + 1} of {options.runs}", file=sys.stderr, flush=True)
            builds.append(bench.build())
            peers.append(bench.peer(layers))
            again.append(bench.push_again())
        ours, theirs = (statistics.median(value[0] for value in values) for values in (builds, peers))
        print(f"{len(layers)} layers, {sum(layer['size'] for layer in layers) / 1e6:.1f} MB; {max(value[1] for value in builds)} requests")
        print(f"karapace build       {ours:8.2f} s")
        print(f"skopeo copy, tar x   {theirs:8.2f} s   {ours / theirs:.2f} x   (of it skopeo {statistics.median(value[1] for value in peers):.2f} s)")
        print(f"push, unchanged      {statistics.median(value[0] for value in again):8.1f} ms, {statistics.median(value[1] for value in again):.1f} ms of processors, "
              f"{max(value[2] for value in again)} requests")
    finally:
        bench.registry.process.kill()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
