#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sixteen at once on one store: building, entering, committing, restoring, collecting, verifying, for KARAPACE_CROWD_SECONDS
(default 8). Nothing goes wrong but what must be refused, afterwards everything is there, and nobody waits long for a lock that
somebody has who has nothing to do with him. No network."""
import collections
import hashlib
import io
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import time

PROGRAMS = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/check/bin").resolve()
SHELL = pathlib.Path(__file__).resolve().parent.parent / "json/sh.cpp"
SECONDS = float(os.environ.get("KARAPACE_CROWD_SECONDS", "8"))
SEED = int(os.environ.get("KARAPACE_CROWD_SEED", "1"))
MOST_WAIT = 0.050  # seconds
# Locks of one instance, project, step or build directory are waited for by those who want the same; so is gc's by another gc.
# At "sync" only processes wait that nobody waits for.
SHARED_BY_ALL = re.compile(r"/(store/lock|locks/(contents|identity|graphs|graphs-turn|name-.*|shown-.*)|environments/[^/]*)$")
# Sessions that begin and gens that change a graph wait for each other by design (store/shown.hpp): told, not judged.
TAKES_TURNS = ("locks/graphs", "locks/graphs-turn")
# What one of them may be told because of another.
REFUSALS = ("a session is running", "nothing was restored", "changed while it was read", "has no instance yet", "is gone meanwhile", "is in use")


def make_project(scratch, name):
    project = scratch / name
    project.mkdir()
    (project / "motd").write_text(name, encoding="utf-8")
    digest = hashlib.sha256((scratch / "root.tar").read_bytes()).hexdigest()
    (project / "karapace.toml").write_text(
        f'manifest_version = 1\n[base]\nimage = "{scratch}/root.tar"\nsha256 = "{digest}"\n'
        '[[setup.files]]\nsource = "motd"\ntarget = "/etc/motd"\n', encoding="utf-8")
    return project


def make_image(scratch):
    subprocess.run(["c++", "-static", "-o", scratch / "sh", SHELL], check=True)
    with tarfile.open(scratch / "root.tar", "w") as tar:
        for name, content, mode in (("etc/issue", b"base\n", 0o644), ("bin/sh", (scratch / "sh").read_bytes(), 0o755)):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))


class Control:
    """How long one waits on this machine, as busy as it is, for a lock that is never held for more than 5 ms of work."""

    HOLD = """
import fcntl, sys, time
file = open(sys.argv[1], "w")
while True:
    fcntl.flock(file, fcntl.LOCK_EX)
    end = time.process_time() + 0.005
    while time.process_time() < end: pass
    fcntl.flock(file, fcntl.LOCK_UN)
    time.sleep(0.02)
"""
    WAIT = """
import fcntl, sys, threading, time
file, longest, done = open(sys.argv[1], "w"), 0, []
threading.Thread(target=lambda: done.append(sys.stdin.read()), daemon=True).start()
while not done:
    begin = time.monotonic()
    fcntl.flock(file, fcntl.LOCK_SH)
    longest = max(longest, time.monotonic() - begin)
    fcntl.flock(file, fcntl.LOCK_UN)
    time.sleep(0.005)
print(longest)
"""

    def __init__(self, scratch):
        words = [[sys.executable, "-c", text, scratch / "control"] for text in (self.HOLD, self.WAIT)]
        self.holder = subprocess.Popen(words[0])
        self.waiter = subprocess.Popen(words[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def longest(self):
        said = self.waiter.communicate("")[0]
        self.holder.kill()
        self.holder.wait()
        return float(said)


def waits_in(trace):
    """(lock, seconds) of each lock that was asked for until it was had."""
    asked = {}
    for line in trace.splitlines():
        call = re.match(r"(\d+) +([\d.]+) (?:flock\(\d+<([^>]*)>, (\S+?)(?:\)| <unf)|<\.\.\. flock resumed>)(.*)", line)
        if not call:
            continue
        pid, time_asked, path, mode, rest = call.groups()
        # Who only tries does not wait; these are tried again and again.
        if mode and ("LOCK_UN" in mode or ("LOCK_NB" in mode and not path.endswith(("/graphs", "/graphs-turn")))):
            continue
        if path:
            if asked.get(pid, ("",))[0] != path:
                asked[pid] = (path, float(time_asked))
        result = re.search(r"= (-?\d+).*<([\d.]+)>$", rest)
        if result and result[1] == "0" and pid in asked:
            lock, begin = asked.pop(pid)
            yield lock, float(time_asked) - begin + float(result[2]) if path else float(result[2])


class Crowd:
    def __init__(self, scratch):
        self.environment = {**os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}", "KARAPACE_STORE": str(scratch / "store"),
                            "XDG_CACHE_HOME": str(scratch / "cache")}
        self.projects = [make_project(scratch, name) for name in ("one", "two", "three")]
        self.edited = [make_project(scratch, name) for name in ("four", "five")]  # by one each, who builds anew
        self.snapshot = {}
        self.problems = []
        self.done = 0
        self.traces = scratch / "traces" if os.geteuid() == 0 and shutil.which("strace") else None
        if self.traces:
            self.traces.mkdir()
        self.guard = threading.Lock()

    def run(self, project, *words, trace=None):
        tracer = ("strace", "-f", "--seccomp-bpf", "-qqq", "-y", "-ttt", "-T", "-e", "signal=none", "-e", "trace=flock", "-o", trace)
        return subprocess.run([*(tracer if trace else ()), PROGRAMS / "karapace", *words], cwd=project, env=self.environment, capture_output=True, text=True,
                              check=False, timeout=120, stdin=subprocess.DEVNULL)

    def begin(self):
        for project in self.projects:
            assert self.run(project, "build").returncode == 0
            self.run(project, "exec", ".", "--", "/bin/sh")
            instance = json.loads(self.run(project, "--json", "inspect", ".").stdout)["instances"][0]
            self.run(project, "stop", ".")
            note = pathlib.Path(instance["instance_directory"]) / "current/upper/note"
            note.write_text("mine", encoding="utf-8")
            committed = self.run(project, "commit", ".")
            assert committed.returncode == 0, committed.stderr
            self.snapshot[project] = json.loads(self.run(project, "--json", "snapshots", ".").stdout)["snapshots"][0]["snapshot"]

    def one(self, number, end):
        chance = random.Random(SEED * 100 + number)
        for count in range(10**9):
            if time.monotonic() >= end:
                return
            project = chance.choice(self.projects)
            words = chance.choice((("exec", ".", "--", "/bin/sh"), ("exec", ".", "--", "/bin/sh"), ("build",), ("commit", "."), ("list",),
                                   ("restore", ".", self.snapshot[project]), ("undo", "."), ("gc",), ("verify-store",), ("diff", "."),
                                   ("rebuild", "."), ("exec", "--ephemeral", ".", "--", "/bin/sh")))
            if number < len(self.edited) and chance.random() < 0.5:
                project, words = self.edited[number], ("build",)
                (project / "motd").write_text(f"{number} {count}", encoding="utf-8")
            done = self.run(project, *words, trace=self.traces and self.traces / f"{number}-{count}")
            with self.guard:
                self.done += 1
                said = done.stdout + done.stderr
                if done.returncode != 0 and not any(refusal in said for refusal in REFUSALS):
                    self.problems.append(f"{project.name}: {' '.join(words)}: {done.returncode}: {said}")

    def judge_waits(self, control):
        """Of the locks that everybody takes. What the machine takes from who holds one, or asks, is known by the control, and by
        the store's own lock: that is never held but shared."""
        longest = collections.Counter()
        count = over = 0
        for trace in self.traces.iterdir():
            for lock, seconds in waits_in(trace.read_text(encoding="utf-8", errors="replace")):
                if not SHARED_BY_ALL.search(lock):
                    continue
                count += 1
                over += seconds > MOST_WAIT
                name = re.sub(r"[0-9a-f]{8,}|(?<=shown-).*", "*", "/".join(lock.split("/")[-2:]))
                longest[name] = max(longest[name], seconds)
        control = max(control, longest.pop("store/lock", 0))
        print(f"asked {count} times for locks that are everybody's, {over} times for more than {MOST_WAIT * 1000:.0f} ms; "
              f"control {control * 1000:.0f} ms; longest: " +
              ", ".join(f"{name} {seconds * 1000:.1f} ms" for name, seconds in longest.most_common(5)))
        if count == 0:
            self.problems.append("no lock was seen")
        for name, seconds in longest.items():
            if seconds > MOST_WAIT + control and name not in TAKES_TURNS:
                self.problems.append(f"somebody waited {seconds * 1000:.0f} ms for the lock {name}, and the control {control * 1000:.0f} ms")

    def end(self):
        for project in self.projects:
            self.run(project, "stop", ".")
            for words in (("verify-store",), ("restore", ".", self.snapshot[project]), ("gc",), ("verify-store",), ("build",)):
                done = self.run(project, *words)
                if done.returncode != 0:
                    self.problems.append(f"afterwards: {project.name}: {' '.join(words)}: {done.stdout}{done.stderr}")


def main():
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="karapace-crowd-"))
    try:
        make_image(scratch)
        crowd = Crowd(scratch)
        crowd.begin()
        control = Control(scratch)
        end = time.monotonic() + SECONDS
        threads = [threading.Thread(target=crowd.one, args=(number, end)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        longest = control.longest()
        if crowd.traces:
            crowd.judge_waits(longest)
        crowd.end()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(f"runs: {crowd.done}")
    print(f"failures: {len(crowd.problems)}")
    for problem in crowd.problems[:10]:
        print(problem)
    return 1 if crowd.problems or crowd.done < 16 else 0


if __name__ == "__main__":
    sys.exit(main())
