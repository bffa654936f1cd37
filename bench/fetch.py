#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures the fetches of a first build against `curl --parallel`, from a server of its own on this machine.

    bench/fetch.py PROGRAMS [--old PROGRAMS] [--packages 184] [--megabytes 143] [--runs 3]
                   [--delay 20] [--lookup 5] [--drop 0] [--jobs 0]

PROGRAMS is the directory of karapace; --old that of another release, to compare with. The server answers each new
connection and each request after DELAY milliseconds, a name server each look-up after LOOKUP; --drop N loses every Nth
look-up, as a resolver does that is asked too much. Ninja and curl fetch the same files; what arrived is checked. The
sizes are those of Debian packages: many small ones, few large ones. Needs curl, ninja and user namespaces.
Prints medians, and how many look-ups, connections and requests each run took."""

import argparse
import asyncio
import hashlib
import json
import math
import os
import pathlib
import random
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import gen_scale

HOST = "mirror.test"
PORT = 8080
INSIDE = "KARAPACE_BENCH_INSIDE"


def sizes(count, total):
    """A log-normal distribution, as packages have it (median about a tenth of the mean), always the same."""
    dice = random.Random(8)
    raw = [math.exp(dice.gauss(0, 2.1)) for _ in range(count)]
    return [max(1000, int(size * total / sum(raw))) for size in raw]


class Counts:
    def __init__(self):
        self.reset()

    def reset(self):
        self.lookups = self.connections = self.requests = 0

    def text(self):
        return json.dumps(vars(self))


class NameServer(asyncio.DatagramProtocol):
    """Answers every question for an address of version 4 with 127.0.0.1, and others with nothing."""

    def __init__(self, counts, options):
        self.counts = counts
        self.options = options

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.counts.lookups += 1
        if self.options.drop and self.counts.lookups % self.options.drop == 0:
            return
        end = data.index(b"\0", 12) + 5
        found = data[end - 4:end - 2] == b"\0\1"
        answer = data[:2] + b"\x81\x80\0\1" + (b"\0\1" if found else b"\0\0") + b"\0\0\0\0" + data[12:end]
        if found:
            answer += b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1"
        asyncio.get_running_loop().call_later(self.options.lookup / 1e3, self.transport.sendto, answer, address)


class Mirror:
    def __init__(self, counts, options):
        self.counts = counts
        self.options = options

    async def serve(self, reader, writer):
        self.counts.connections += 1
        await asyncio.sleep(self.options.delay / 1e3)
        try:
            while line := await reader.readline():
                while (await reader.readline()).strip():
                    pass
                await self.answer(line.split()[1].decode(), writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        writer.close()

    async def answer(self, path, writer):
        if path == "/counts":
            body = self.counts.text().encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            self.counts.reset()
            return
        self.counts.requests += 1
        await asyncio.sleep(self.options.delay / 1e3)
        with open(self.options.directory + path, "rb") as file:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % os.fstat(file.fileno()).st_size)
            await writer.drain()
            await asyncio.get_running_loop().sendfile(writer.transport, file)


async def run_servers(options):
    counts = Counts()
    await asyncio.get_running_loop().create_datagram_endpoint(lambda: NameServer(counts, options), ("127.0.0.1", 53))
    server = await asyncio.start_server(Mirror(counts, options).serve, "127.0.0.1", PORT, backlog=512)
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


def enter_namespaces():
    """Begins again in a network of its own, with a resolv.conf of its own."""
    mine = [] if os.geteuid() == 0 else ["--map-root-user"]
    set_up = ('ip link set lo up && mount -t tmpfs none /mnt && echo "nameserver 127.0.0.1" >/mnt/resolv.conf && '
              'mount --bind /mnt/resolv.conf /etc/resolv.conf && exec "$@"')
    os.environ[INSIDE] = "1"
    os.execvp("unshare", ["unshare", "--net", "--mount", *mine, "sh", "-c", set_up, "sh", sys.executable, *sys.argv])


def packages(mirror, options):
    """The files of the mirror, and the lock's packages that they are."""
    dice = random.Random(9)
    found = []
    for number, size in enumerate(sizes(options.packages, options.megabytes * 1_000_000)):
        package = gen_scale.package(f"package-{number:03}")
        file = mirror / package["path"]
        file.parent.mkdir(parents=True, exist_ok=True)
        content = dice.randbytes(size)
        file.write_bytes(content)
        found.append(package | {"size": size, "sha256": hashlib.sha256(content).hexdigest()})
    return found


def make_project(work, found):
    project = work / "project"
    project.mkdir()
    document = gen_scale.lock(found[2:], [], found[:2])
    names = json.dumps(document["request"]["packages"])
    (project / "karapace.toml").write_text(
        f'manifest_version = 1\n[base]\nimage = "debian/bookworm"\n[system]\npackages = {names}\n')
    (project / "karapace.lock").write_text(json.dumps(document, indent=1) + "\n")
    config = work / "config/karapace"
    config.mkdir(parents=True)
    (config / "config.toml").write_text(f'[mirrors]\ndebian = "http://{HOST}:{PORT}"\n')
    return project


def counts():
    with socket.create_connection(("127.0.0.1", PORT)) as connection:
        connection.sendall(b"GET /counts HTTP/1.1\r\n\r\n")
        return json.loads(connection.recv(4096).split(b"\r\n\r\n")[1])


def timed(command, **more):
    counts()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **more)
    elapsed = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if done.returncode:
        sys.exit(f"bench: {command[0]} failed:\n{done.stdout[-3000:]}")
    return elapsed, {"cpu": round(cpu, 2)} | counts()


def with_curl(work, found):
    target = work / "curl"
    config = work / "curl.conf"
    config.write_text("".join(f'url = "http://{HOST}:{PORT}/{p["path"]}"\noutput = "{target}/{p["sha256"]}"\n'
                              for p in found))
    def run():
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        result = timed(["curl", "--silent", "--show-error", "--fail", "--parallel", "--config", str(config)])
        assert {file.name: file.stat().st_size for file in target.iterdir()} == {p["sha256"]: p["size"] for p in found}
        return result
    return run


def with_programs(work, found, programs, name, options):
    project = work / "project"
    build = work / name
    store = work / f"store-{name}"
    environment = os.environ | {"XDG_CONFIG_HOME": str(work / "config")}
    environment = {key: value for key, value in environment.items() if not key.lower().endswith("_proxy")}
    def run():
        for path in (build, store):
            shutil.rmtree(path, ignore_errors=True)
        subprocess.run([programs / "karapace", "--store", store, "gen", "--frozen", "-C", build, project], check=True,
                       stdout=subprocess.DEVNULL, env=environment)
        wanted = {package["sha256"] for package in found}
        text = (build / "build.ninja").read_text()
        keys = [block.split(":")[0].split("/")[1] for block in text.split("\nbuild ")[1:]
                if ": fetch" in block and any(digest in wanted for digest in block.split("sha256=")[1:2]
                                              for digest in [digest[:64]])]
        jobs = ["-j", str(options.jobs)] if options.jobs else []
        result = timed(["ninja", "-C", str(build), *jobs, *(f"{store}/steps/{key}" for key in keys)], env=environment)
        assert len(keys) == len(found) == len(list((store / "steps").iterdir()))
        return result
    return run


def measure(ways, runs):
    results = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            results[name].append(way())
    first = None
    for name, values in results.items():
        seconds = statistics.median(elapsed for elapsed, _ in values)
        first = first or seconds
        print(f"{name:16} {seconds:7.2f} s  {seconds / first:6.2f}  {values[-1][1]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--old", type=pathlib.Path)
    for option, value in (("packages", 184), ("megabytes", 143), ("runs", 3), ("delay", 20), ("lookup", 5), ("drop", 0),
                          ("jobs", 0)):
        parser.add_argument(f"--{option}", type=int, default=value)
    parser.add_argument("--serve", dest="directory", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.directory:
        return asyncio.run(run_servers(options))
    if INSIDE not in os.environ:
        enter_namespaces()
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        found = packages(work / "mirror", options)
        make_project(work, found)
        server = subprocess.Popen([sys.executable, *sys.argv, "--serve", str(work / "mirror")], stdout=subprocess.PIPE)
        try:
            server.stdout.readline()
            ways = {"curl --parallel": with_curl(work, found),
                    "karapace": with_programs(work, found, options.programs.absolute(), "new", options)}
            if options.old:
                ways["old"] = with_programs(work, found, options.old.absolute(), "old", options)
            measure(ways, options.runs)
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
