#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures how long a layer takes to become a blob of an image and back, beside tar, zstd and skopeo.

    bench/pack.py PROGRAMS [--files 3000] [--size 100000] [--runs 5] [--work /var/tmp]

PROGRAMS is the directory of karapace. A layer of FILES files of SIZE bytes, half of them random and half text, is made once and
packed, pushed to a layout (also before it was packed), pushed again and pulled into an empty store in each run. Prints medians and the most memory that each took. Needs ninja, b3sum, tar and zstd; skopeo where it is there."""
import argparse
import hashlib
import io
import json
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
    words = [bytes(random.choices(b"abcdefghijklmnopqrstuvwxyz", k=random.randint(2, 9))) for _ in range(5000)]
    with tarfile.open(path, "w") as tar:
        for i in range(files):
            entry = tarfile.TarInfo(f"usr/share/data/{i // 100:03}/file{i}")
            content = random.randbytes(size) if i % 2 else b" ".join(random.choices(words, k=size // 5))[:size]
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        tar.addfile(tarfile.TarInfo("bin/sh"), io.BytesIO(b""))


def step_key(kind, parameters, inputs):
    fields = ["karapace step 1", kind, str(len(parameters))]
    for pair in sorted(parameters.items()):
        fields += pair
    fields += [str(len(inputs)), *inputs]
    encoded = b"".join(len(field).to_bytes(8, "little") + field.encode() for field in fields)
    return subprocess.run(["b3sum", "--no-names"], input=encoded, check=True, stdout=subprocess.PIPE).stdout.decode().strip()


class Bench:
    def __init__(self, programs, work):
        self.programs = programs
        self.work = work
        self.store = work / "store"
        self.environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "KARAPACE_STORE": str(self.store),
                            "XDG_CACHE_HOME": str(work / "cache"), "XDG_CONFIG_HOME": str(work / "configuration")}

    def run(self, *command, **options):
        return subprocess.run(command, check=True, env=self.environment, stdout=subprocess.DEVNULL, **options)

    def measured(self, *command):
        """Seconds, and the most memory of the largest process in MiB."""
        begin = time.monotonic()
        process = subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"{' '.join(command)} failed")
        return time.monotonic() - begin, usage.ru_maxrss / 1024

    def layer_step(self):
        for record in (self.store / "steps").iterdir():
            value = json.loads(record.read_text())
            if "layer" in value["output"]:
                return record.name, value["output"]["layer"]
        raise SystemExit("no layer was made")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--files", type=int, default=3000)
    parser.add_argument("--size", type=int, default=100000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("/var/tmp"))
    options = parser.parse_args()
    work = pathlib.Path(tempfile.mkdtemp(prefix="karapace-bench-", dir=options.work))
    try:
        bench = Bench(options.programs.resolve(), work)
        project = work / "project"
        project.mkdir()
        archive_of(work / "root.tar", options.files, options.size)
        with open(work / "root.tar", "rb") as archive:  # in parts: a child counts the memory that it was forked with
            digest = hashlib.file_digest(archive, "sha256").hexdigest()
        (project / "karapace.toml").write_text(f'manifest_version = 1\n[base]\nimage = "{work}/root.tar"\nsha256 = "{digest}"\n')
        bench.run("karapace", "build", cwd=project, stderr=subprocess.DEVNULL)
        step, layer = bench.layer_step()
        tree = bench.store / "layers" / layer / "tree"
        packed = {}  # the record that is removed before each run
        commands = {}
        for compression in ("zstd", "gzip"):
            parameters = {"compression": compression, "rules": "1"}
            record = bench.store / "steps" / step_key("pack", parameters, [step])
            packed[f"pack, {compression}"] = record
            commands[f"pack, {compression}"] = (str(bench.programs / "karapace-step"), "pack", str(record), f"compression={compression}", "rules=1",
                                                "--", str(bench.store / "steps" / step))
        peer = work / "peer.tar.zst"
        commands["tar | zstd -T0 -3"] = ("sh", "-c", f"tar -C {tree} -cf - . | zstd -qf -T0 -3 -o {peer}")
        if shutil.which("skopeo"):
            image = work / "image"
            bench.run("umoci", "init", "--layout", str(image), stderr=subprocess.DEVNULL)
            bench.run("umoci", "new", "--image", f"{image}:a", stderr=subprocess.DEVNULL)
            bench.run("umoci", "raw", "add-layer", "--image", f"{image}:a", str(work / "root.tar"), stderr=subprocess.DEVNULL)
            commands["skopeo copy"] = ("skopeo", "--insecure-policy", "copy", "-q", "--dest-compress-format", "zstd",
                                       f"oci:{image}:a", f"oci:{work}/copied:a")
        pushed, taken, unpacked = work / "pushed", work / "taken", work / "unpacked"
        bench.run("karapace", "key", "new", "bench")
        push = ("karapace", "push", str(project), f"oci-layout:{pushed}:1", "--key", "bench")
        bench.run(*push, stderr=subprocess.DEVNULL)
        blob = max((pushed / "blobs/sha256").iterdir(), key=lambda file: file.stat().st_size)
        # What is not packed yet is packed by the push.
        commands["push, cold"] = ("karapace", "push", str(project), f"oci-layout:{work}/cold:1", "--key", "bench")
        packed["push, cold"] = packed["pack, zstd"]
        commands["push, unchanged"] = push
        commands["pull"] = ("env", f"KARAPACE_STORE={taken}", "karapace", "pull", f"oci-layout:{pushed}:1", "--name", "bench")
        commands["zstd -d | tar x"] = ("sh", "-c", f"mkdir {unpacked} && zstd -dcq {blob} | tar -C {unpacked} -xf -")
        times = {name: [] for name in commands}
        memory = {name: [] for name in commands}
        for i in range(options.runs):
            print(f"run {i + 1} of {options.runs}", file=sys.stderr, flush=True)
            for name, command in commands.items():
                for directory in (work / "copied", work / "cold", taken, unpacked):
                    shutil.rmtree(directory, ignore_errors=True)
                if name in packed and packed[name].exists():
                    (bench.store / "blobs" / json.loads(packed[name].read_text())["output"]["blob"]).unlink()
                    packed[name].unlink()
                seconds, mib = bench.measured(*command)
                times[name].append(seconds)
                memory[name].append(mib)
        for name, record in packed.items():
            print(f"{name:20} {json.loads(record.read_text())['output']['size'] / 1e6:8.1f} MB")
        for name, values in times.items():
            print(f"{name:20} {statistics.median(values):8.2f} s {max(memory[name]):8.0f} MiB")
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
