#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Instances under faults: the real commands are killed at every system call that changes something, and these calls fail
with a full disk, a bad one, too many files and no memory. After each the store is sound, what a person had made is there,
and the same command then does its work. No network.

KARAPACE_FAULT_POINTS (default 6; 0: all) takes so many points of each command and fault, by KARAPACE_FAULT_SEED."""
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
import unittest

PROGRAMS = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else "build/check/bin").resolve()
SHELL = pathlib.Path(__file__).resolve().parent.parent / "json/sh.cpp"
POINTS = int(os.environ.get("KARAPACE_FAULT_POINTS", "6"))
SEED = int(os.environ.get("KARAPACE_FAULT_SEED", "1"))
CALLS = ("rename", "renameat", "renameat2", "link", "linkat", "symlinkat", "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat", "mknodat",
         "openat", "write", "pwrite64", "fsync", "fdatasync", "syncfs", "ftruncate", "fchmod", "fchmodat", "fchown", "fchownat",
         "utimensat", "fsetxattr", "setxattr", "copy_file_range", "mount", "fsmount", "move_mount")
ERRORS = ("ENOSPC", "EIO", "EMFILE", "ENOMEM")


def contents(directory):
    """What is in an upper directory, path by path."""
    found = {}
    for path in sorted(pathlib.Path(directory).rglob("*")) if pathlib.Path(directory).is_dir() else ():
        status = path.lstat()
        text = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[str(path.relative_to(directory))] = (status.st_mode, status.st_uid, text)
    return found


class Faults(unittest.TestCase):
    runs = 0

    @classmethod
    def setUpClass(cls):
        cls.shared = pathlib.Path(tempfile.mkdtemp(prefix="karapace-faults-"))
        cls.project = cls.shared / "project"
        cls.project.mkdir()
        subprocess.run(["c++", "-static", "-o", cls.shared / "sh", SHELL], check=True)
        with tarfile.open(cls.shared / "root.tar", "w") as tar:
            for name, content, mode in (("etc/issue", b"base\n", 0o644), ("bin/sh", (cls.shared / "sh").read_bytes(), 0o755)):
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(content), mode
                tar.addfile(entry, io.BytesIO(content))
        cls.store = cls.shared / "first"
        cls.manifest("one")
        cls.program("build")
        cls.program("inspect", ".")
        cls.program("exec", ".", "--", "/bin/sh", "-c", "true", status=None)
        cls.program("stop", ".", status=None)
        upper = cls.instance(cls.store) / "current/upper"
        (upper / "etc").mkdir(exist_ok=True)
        (upper / "etc/note").write_text("one", encoding="utf-8")
        (upper / "many").mkdir()
        for number in range(20):
            (upper / "many" / str(number)).write_text(f"file {number}", encoding="utf-8")
        cls.program("commit", ".", "-m", "first")
        cls.snapshot = json.loads(cls.program("--json", "snapshots", ".").stdout)["snapshots"][0]["snapshot"]
        (upper / "etc/note").write_text("two", encoding="utf-8")
        (upper / "many/3").unlink()
        (upper / "own").write_text("mine", encoding="utf-8")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.shared, ignore_errors=True)

    @classmethod
    def manifest(cls, text):
        (cls.project / "motd").write_text(text, encoding="utf-8")
        digest = hashlib.sha256((cls.shared / "root.tar").read_bytes()).hexdigest()
        (cls.project / "karapace.toml").write_text(
            f'manifest_version = 1\n[base]\nimage = "{cls.shared}/root.tar"\nsha256 = "{digest}"\n'
            '[[setup.files]]\nsource = "motd"\ntarget = "/etc/motd"\n', encoding="utf-8")

    @staticmethod
    def instance(store):
        return next((store / "instances").iterdir())

    @classmethod
    def program(cls, *words, status=0, store=None, tracer=()):
        environment = {**os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}", "KARAPACE_STORE": str(store or cls.store),
                       "XDG_CACHE_HOME": str(cls.shared / "cache")}
        done = subprocess.run([*tracer, PROGRAMS / "karapace", *words], cwd=cls.project, env=environment, capture_output=True, text=True,
                              check=False, timeout=120, stdin=subprocess.DEVNULL)
        if status is not None and done.returncode != status:
            raise AssertionError(f"{words}: {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def copy(self):
        store = self.shared / "copy"
        shutil.rmtree(store, ignore_errors=True)
        subprocess.run(["cp", "-a", self.store, store], check=True)
        return store

    def states(self, store):
        """The contents of all generations, current first; None without an instance."""
        found = list((store / "instances").iterdir())
        if not found:
            return None
        return [contents(found[0] / name / "upper") for name in ("current", "next", "previous") if (found[0] / name).is_dir()]

    def points(self, words, fault):
        store = self.copy()
        trace = self.shared / "trace"
        self.program(*words, store=store, tracer=("strace", "-f", "-qqq", "-e", "signal=none", "-o", trace, "-e", f"trace={','.join(CALLS)}"))
        most = collections.Counter()
        count = collections.Counter()
        for line in trace.read_text(encoding="utf-8", errors="replace").splitlines():
            named = re.match(r"(\d+) +([a-z0-9_]+)\(", line)
            if named:
                count[named.groups()] += 1
                most[named[2]] = max(most[named[2]], count[named.groups()])
        points = [(call, number) for call in sorted(most) for number in range(1, most[call] + 1)]
        if POINTS:
            points = random.Random(f"{SEED} {words} {fault}").sample(points, min(POINTS, len(points)))
        return points

    def attack(self, words, after, again=0):
        """`after`: of the first state, whether it is that of a command that has done its work."""
        before = self.states(self.store)
        snapshots = {path.name for path in (self.instance(self.store) / "snapshots").iterdir()}
        for fault in ("signal=KILL", *(f"error={error}" for error in ERRORS)):
            for call, number in self.points(words, fault):
                with self.subTest(words=words, fault=fault, call=call, number=number):
                    store = self.copy()
                    Faults.runs += 1
                    done = self.program(*words, store=store, status=None, tracer=(
                        "strace", "-f", "-qqq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:{fault}:when={number}"))
                    if fault != "signal=KILL":
                        self.assertLess(done.returncode, 128, done.stdout + done.stderr)
                    self.program("verify-store", store=store)
                    now = self.states(store)
                    if words[0] != "destroy":
                        self.assertTrue(now[0] == before[0] or after(now[0]), (done.stderr, now[0].keys()))
                        self.assertIn(before[0], now, "what the person had made is gone")
                        left = {path.name for path in (self.instance(store) / "snapshots").iterdir()}
                        self.assertLessEqual(snapshots, left)
                    second = self.program(*words, store=store, status=None)
                    self.assertIn(second.returncode, (0, again), done.stderr + second.stdout + second.stderr)
                    now = self.states(store)
                    self.assertTrue(now is None if words[0] == "destroy" else after(now[0]), second.stderr)
                    self.program("verify-store", store=store)

    def test_commit(self):
        self.attack(("commit", "."), lambda state: state["etc/note"][2] == b"two")

    def test_restore(self):
        self.attack(("restore", ".", self.snapshot), lambda state: state["etc/note"][2] == b"one" and "own" not in state)

    def test_rename_and_freeze(self):
        self.attack(("rename", ".", "work"), lambda state: "own" in state)
        self.attack(("freeze", "."), lambda state: "own" in state)

    def test_destroy(self):
        self.attack(("destroy", "."), None, again=1)

    def test_gc(self):
        self.attack(("gc",), lambda state: "own" in state)

    def test_rebuild(self):
        self.manifest("two")
        self.program("build")
        self.addCleanup(self.program, "build")
        self.addCleanup(self.manifest, "one")
        self.attack(("rebuild", "--keep-changes", "."), lambda state: "own" in state)


if __name__ == "__main__":
    result = unittest.main(argv=[sys.argv[0]], verbosity=2, exit=False).result
    print(f"runs: {Faults.runs}")
    print(f"failures: {len(result.failures) + len(result.errors)}")
    sys.exit(not result.wasSuccessful())
