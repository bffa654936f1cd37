#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sixteen at once on one store: building, entering, committing, restoring, collecting, verifying, for KARAPACE_CROWD_SECONDS
(default 8). Nothing goes wrong but what must be refused, and afterwards everything is there. No network."""
import hashlib
import io
import json
import os
import pathlib
import random
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


class Crowd:
    def __init__(self, scratch):
        self.environment = {**os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}", "KARAPACE_STORE": str(scratch / "store"),
                            "XDG_CACHE_HOME": str(scratch / "cache")}
        self.projects = [make_project(scratch, name) for name in ("one", "two", "three")]
        self.snapshot = {}
        self.problems = []
        self.done = 0
        self.guard = threading.Lock()

    def run(self, project, *words):
        return subprocess.run([PROGRAMS / "karapace", *words], cwd=project, env=self.environment, capture_output=True, text=True,
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

    def one(self, chance, end):
        while time.monotonic() < end:
            project = chance.choice(self.projects)
            words = chance.choice((("exec", ".", "--", "/bin/sh"), ("exec", ".", "--", "/bin/sh"), ("build",), ("commit", "."), ("list",),
                                   ("restore", ".", self.snapshot[project]), ("undo", "."), ("gc",), ("verify-store",), ("diff", "."),
                                   ("rebuild", "."), ("exec", "--ephemeral", ".", "--", "/bin/sh")))
            done = self.run(project, *words)
            with self.guard:
                self.done += 1
                said = done.stdout + done.stderr
                if done.returncode != 0 and not any(refusal in said for refusal in REFUSALS):
                    self.problems.append(f"{project.name}: {' '.join(words)}: {done.returncode}: {said}")

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
        end = time.monotonic() + SECONDS
        threads = [threading.Thread(target=crowd.one, args=(random.Random(SEED * 100 + number), end)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
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
