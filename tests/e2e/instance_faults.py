#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Instances under faults: the real commands are killed at every system call that changes something, and these calls fail
with a full disk, a bad one, too many files and no memory; so do builds, with all that ninja runs, and migrations. After each the
store is sound, what a person had made is there, and the same command then does its work. No network.

KARAPACE_FAULT_POINTS (default 4; 0: all) takes so many points of each command and fault, by KARAPACE_FAULT_SEED."""
import collections
import json
import os
import pathlib
import random
import re
import shutil
import sys
import tarfile
import unittest

from instance_project import Project, contents

PROGRAMS = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else "build/check/bin").resolve()
POINTS = int(os.environ.get("KARAPACE_FAULT_POINTS", "4"))
SEED = int(os.environ.get("KARAPACE_FAULT_SEED", "1"))
CALLS = ("rename", "renameat", "renameat2", "link", "linkat", "symlinkat", "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat", "mknodat",
         "openat", "write", "pwrite64", "fsync", "fdatasync", "syncfs", "ftruncate", "fchmod", "fchmodat", "fchown", "fchownat",
         "utimensat", "fsetxattr", "setxattr", "copy_file_range", "mount", "fsmount", "move_mount")
ERRORS = ("ENOSPC", "EIO", "EMFILE", "ENOMEM")


class Faults(unittest.TestCase):
    runs = 0

    @classmethod
    def setUpClass(cls):
        cls.project = Project(PROGRAMS, "karapace-faults-")
        cls.addClassCleanup(cls.project.remove)
        cls.plain = cls.project.copy(cls.project.store, "plain")
        cls.project.run("commit", ".", "-m", "first")
        cls.snapshot = json.loads(cls.project.run("--json", "snapshots", ".").stdout)["snapshots"][0]["snapshot"]
        cls.project.change()

    def copy(self, store):
        """With what a build changes beside the manifest as it was, and without what was exported."""
        if self.removed:
            self.removed.unlink(missing_ok=True)
        if self.kept:
            shutil.rmtree(self.project.directory)
            shutil.copytree(self.kept, self.project.directory, symlinks=True)
        return self.project.copy(store)

    def setUp(self):
        self.kept = None  # a copy of the project's directory
        self.removed = None

    @staticmethod
    def states(store):
        """The contents of all generations, current first, in a store of either version; None without an instance."""
        found = list((store / "instances").iterdir())
        if not found:
            return None
        places = (found[0] / name for name in ("upper", "current/upper", "next/upper", "previous/upper"))
        return [contents(place) for place in places if place.is_dir()]

    def points(self, words, fault, first):
        store = self.copy(first)
        trace = self.project.scratch / "trace"
        self.project.run(*words, store=store, tracer=("strace", "-f", "-qqq", "-e", "signal=none", "-o", trace, "-e", f"trace={','.join(CALLS)}"))
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

    def attack(self, words, after=lambda state: True, again=0, first=None, judge=None):
        """`after`: of the first state, whether it is that of a command that has done its work; `judge` looks at a store of which
        a migration may not have ended."""
        first = first or self.project.store
        judge = judge or (lambda store: self.project.run("verify-store", store=store))
        before = self.states(first)
        snapshots = self.snapshots(first)
        for fault in ("signal=KILL", *(f"error={error}" for error in ERRORS)):
            for call, number in self.points(words, fault, first):
                with self.subTest(words=words, fault=fault, call=call, number=number):
                    store = self.copy(first)
                    Faults.runs += 1
                    done = self.project.run(*words, store=store, status=None, tracer=(
                        "strace", "-f", "-qqq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:{fault}:when={number}"))
                    if fault != "signal=KILL":
                        self.assertLess(done.returncode, 128, done.stdout + done.stderr)
                    judge(store)
                    now = self.states(store)
                    if words[0] != "destroy":
                        self.assertTrue(now[0] == before[0] or after(now[0]), (done.stderr, now[0].keys()))
                        self.assertIn(before[0], now, "what the person had made is gone")
                        self.assertLessEqual(snapshots, self.snapshots(store))
                    second = self.project.run(*words, store=store, status=None)
                    self.assertIn(second.returncode, (0, again), done.stderr + second.stdout + second.stderr)
                    now = self.states(store)
                    self.assertTrue(now is None if words[0] == "destroy" else after(now[0]), second.stderr)
                    judge(store)

    def snapshots(self, store):
        directory = self.project.instance(store) / "snapshots"
        return {path.name for path in directory.iterdir()} if directory.is_dir() else set()

    def test_commit(self):
        self.attack(("commit", "."), lambda state: state["etc/note"][2] == b"two")

    def test_restore(self):
        self.attack(("restore", ".", self.snapshot), lambda state: state["etc/note"][2] == b"one" and "own" not in state)

    def test_undo(self):
        store = self.project.copy(self.project.store, "restored")
        self.project.run("restore", ".", self.snapshot, store=store)
        # Twice is as it was.
        self.attack(("undo", "."), lambda state: state["etc/note"][2] in (b"one", b"two"), first=store)

    def test_rename_freeze_and_archive(self):
        for words in (("rename", ".", "work"), ("freeze", "."), ("archive", ".")):
            self.attack(words, lambda state: "own" in state)

    def test_export(self):
        target = self.project.scratch / "exported.tar"

        def judge(store):
            self.project.run("verify-store", store=store)
            if target.exists():
                with tarfile.open(target) as archive:
                    self.assertIn("own", archive.getnames(), "what has the name is not whole")
                target.unlink()

        self.project.run("export", ".", target)
        judge(self.project.store)
        self.removed = target
        self.attack(("export", ".", target), lambda state: "own" in state, judge=judge)

    def test_destroy(self):
        self.attack(("destroy", "."), None, again=1)

    def test_gc(self):
        self.attack(("gc",), lambda state: "own" in state)

    def new_manifest(self):
        self.project.manifest("two")
        self.addCleanup(self.project.run, "build")
        self.addCleanup(self.project.manifest, "one")

    def test_rebuild(self):
        self.new_manifest()
        self.project.run("build")
        self.attack(("rebuild", "--keep-changes", "."), lambda state: "own" in state)

    def test_build(self):
        self.new_manifest()
        store = self.project.copy(self.project.store, "built")
        self.kept = self.project.scratch / "kept"
        shutil.copytree(self.project.directory, self.kept, symlinks=True)
        self.project.run("build", store=store)
        made = {path.name for path in (store / "steps").iterdir()}

        def judge(one):
            self.project.run("verify-store", store=one)
            self.assertLessEqual({path.name for path in (one / "steps").iterdir()}, made)

        self.attack(("build",), lambda state: "own" in state, judge=judge)

    def test_migrate(self):
        old = self.project.copy(self.plain, "version1")
        self.project.run("migrate", "--back", store=old)

        def judge(store):
            done = self.project.run("verify-store", store=store, status=None)
            self.assertTrue(done.returncode == 0 or "karapace migrate" in done.stderr, done.stderr)

        for words, first in ((("migrate",), old), (("migrate", "--back"), self.plain)):
            self.attack(words, lambda state: state["etc/note"][2] == b"one", first=first, judge=judge)


if __name__ == "__main__":
    result = unittest.main(argv=sys.argv, verbosity=2, exit=False).result
    print(f"runs: {Faults.runs}")
    print(f"failures: {len(result.failures) + len(result.errors)}")
    sys.exit(not result.wasSuccessful())
