#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a tree of manifests and hand-made locks, to measure `karapace gen --frozen` at scale.

    bench/gen_scale.py DIRECTORY [--manifests 1000] [--edges 100000]
    cd DIRECTORY && karapace --store STORE gen --frozen project-*

Every project has its own packages beside those that all share, so that the graph has about the wanted number of edges.
"""

import argparse
import hashlib
import json
import pathlib

SHARED = 50
DATE = "2026-07-11T10:16:37Z"


def package(name):
    version = "1.2.3-4+deb12u1"
    return {
        "name": name,
        "version": version,
        "architecture": "amd64",
        "size": 10_000 + int(hashlib.sha256(name.encode()).hexdigest()[:6], 16),
        "sha256": hashlib.sha256(f"{name} {version}".encode()).hexdigest(),
        "archive": "debian",
        "path": f"pool/main/{name[0]}/{name}/{name}_{version}_amd64.deb",
    }


def lock(own, shared, base):
    packages = own + shared
    return {
        "format": 1,
        "request": {"base_image": "debian/bookworm", "packages": sorted(p["name"] for p in packages)[:5],
                    "recommends": False, "repositories": []},
        "distribution": "debian",
        "suite": "bookworm",
        "architecture": "amd64",
        "source_date_epoch": 1783764997,
        "repositories": [{"archive": "debian", "suite": "bookworm", "components": ["main"], "date": DATE,
                          "signers": ["4CB50190207B4758A3F73A796ED0E7B82643E131"], "indexes": []}],
        "base": base,
        "packages": packages,
        "files": [],
        "run": [],
        "runtime": {"variables": {}, "mounts": [], "network_isolation": False},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--manifests", type=int, default=1000)
    parser.add_argument("--edges", type=int, default=100_000)
    arguments = parser.parse_args()
    # Each project adds its install, its lock's fetch and its environment; each package a fetch and an unpack.
    own_count = max(1, (arguments.edges // arguments.manifests - 3) // 2)
    base = [package(f"base-{i:03}") for i in range(2)]
    shared = [package(f"shared-{i:03}") for i in range(SHARED)]
    for number in range(arguments.manifests):
        directory = arguments.directory / f"project-{number:05}"
        directory.mkdir(parents=True, exist_ok=True)
        document = lock([package(f"own-{number:05}-{i:03}") for i in range(own_count)], shared, base)
        names = json.dumps(document["request"]["packages"])
        (directory / "karapace.toml").write_text(
            f'manifest_version = 1\n[base]\nimage = "debian/bookworm"\n[system]\npackages = {names}\n')
        (directory / "karapace.lock").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
