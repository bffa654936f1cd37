#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What would a power failure leave of what a person made? The system calls of the real commands are recorded, and replayed in a
model of a disk that loses whatever was not forced to it, in any order: contents of files, attributes, and names in each directory.

When something of an instance, a name or a project gets its name by a rename, all of it must be on the disk; and when the command ends,
so must these names be. No network."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

from instance_project import Project

PROGRAMS = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else "build/check/bin").resolve()
CALLS = ("open", "openat", "creat", "write", "pwrite64", "writev", "pwritev2", "sendfile", "copy_file_range", "ioctl", "ftruncate", "truncate",
         "fallocate", "fchmod", "fchmodat", "chmod", "fchown", "fchownat", "chown", "lchown", "utimensat", "setxattr", "lsetxattr", "fsetxattr",
         "removexattr", "lremovexattr", "fremovexattr", "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "unlink",
         "unlinkat", "rmdir", "mkdir", "mkdirat", "mknod", "mknodat", "fsync", "fdatasync", "syncfs", "sync")
KEPT = ("instances", "names", "roots")
# Of an instance, but no loss: locks, lists of what runs, notes that are made anew, and what counts as a person's without its record.
NOTES = re.compile(r"/instances/[^/]+/(lock|session|shown|(current|previous|next)/(first-entry|snapshot|scaffold\.json|work(/.*)?))$"
                   r"|/\.[^/]+\.[0-9a-f]{16}$")  # or a file that has not got its name yet


def calls_of(trace):
    """(call, arguments) of those that succeeded, each where it ended."""
    begun = {}
    for line in trace.splitlines():
        found = re.match(r"(\d+) +(.*)", line)
        if not found:
            continue
        pid, text = found.groups()
        if text.endswith(" <unfinished ...>"):
            begun[pid] = text.removesuffix(" <unfinished ...>")
            continue
        resumed = re.match(r"<\.\.\. (\w+) resumed>(.*)", text)
        if resumed:
            text = begun.pop(pid, "") + resumed[2]
        call = re.match(r"(\w+)\((.*)\) += (\d+)(<.*>)?$", text)
        if call:
            yield call[1], arguments_of(call[2]), call[4]


def arguments_of(text):
    """Paths are made absolute by the directories that strace -y shows."""
    parts = re.findall(r'"(?:[^"\\]|\\.)*"(?:\.\.\.)?|(?:AT_FDCWD|\d+)<[^>]*>|[^,]+', text)
    return [part.strip() for part in parts if part.strip()]


def path_in(arguments, index):
    """The path at `index`, which may be relative to the descriptor before it."""
    word = arguments[index]
    path = word.strip('"').encode().decode("unicode_escape") if word.startswith('"') else ""
    if path.startswith("/"):
        return os.path.normpath(path)
    shown = re.search(r"<(.*)>$", arguments[index - 1]) if index > 0 else None
    return os.path.normpath(os.path.join(shown[1] if shown else "/unknown", path))


def opened(word):
    shown = re.match(r"\d+<(.*)>$", word)
    return shown[1] if shown else "/unknown"


class Disk:
    """What was changed since it was last forced: files by what is in them, directories by the names in them."""

    def __init__(self, store):
        self.store = str(store)
        self.files, self.directories = set(), set()
        self.made = set()  # directories, whose own mode comes with their names
        self.wrong = []

    def is_kept(self, path):
        below = path.removeprefix(self.store + "/")
        return below != path and below.split("/")[0] in KEPT and not NOTES.search(path)

    def is_in(self, path):
        return path.startswith(self.store + "/")

    def name(self, path):
        if self.is_in(path) and not NOTES.search(path):
            self.directories.add(os.path.dirname(path))

    def change(self, path):
        if self.is_in(path) and path not in self.made:
            self.files.add(path)

    def lost(self, old, new):
        """What is to become a part of `new`."""
        below = (one for one in self.files | self.directories if one == old or one.startswith(old + "/"))
        return sorted(one for one in below if not NOTES.search(new + one[len(old):]))

    def move(self, moves):
        """[(from, to), ...] at once."""
        for old, new in moves:
            lost = self.lost(old, new) if self.is_kept(new) else []
            if lost:
                self.wrong.append(f"{old} became {new} before {', '.join(lost[:4])} was on the disk")
        for names in (self.files, self.directories):
            moved = {}
            for one in list(names):
                for old, new in moves:
                    if one == old or one.startswith(old + "/"):
                        names.discard(one)
                        moved[one] = new + one[len(old):]
            names.update(moved.values())
        for old, new in moves:
            self.name(old)
            self.name(new)

    def remove(self, path):
        self.files.discard(path)
        self.directories.discard(path)  # a name that comes back is no loss

    def replay(self, call, words, result):
        if call in ("sync", "syncfs"):
            self.files.clear()
            self.directories.clear()
        elif call in ("fsync", "fdatasync"):
            self.files.discard(opened(words[0]))
            self.directories.discard(opened(words[0]))
        elif call in ("open", "openat", "creat"):
            path = opened(result.join(("0", ""))) if result else "/unknown"
            if "O_EXCL" in " ".join(words) or call == "creat":
                self.name(path)
                self.change(path)
            elif "O_TRUNC" in " ".join(words):
                self.change(path)
        elif call in ("rename", "renameat", "renameat2"):
            paths = [path_in(words, 0), path_in(words, 1)] if call == "rename" else [path_in(words, 1), path_in(words, 3)]
            moves = [tuple(paths)]
            if "RENAME_EXCHANGE" in words[-1]:
                moves.append((paths[1], paths[0]))
            self.move(moves)
        elif call in ("link", "linkat"):
            self.name(path_in(words, 1 if call == "link" else 3))
        elif call in ("symlink", "symlinkat"):
            self.name(path_in(words, 1 if call == "symlink" else 2))
        elif call in ("mkdir", "mknod", "unlink", "rmdir"):
            self.make_or_remove(call, path_in(words, 0))
        elif call in ("mkdirat", "mknodat", "unlinkat"):
            self.make_or_remove(call, path_in(words, 1))
        elif call in ("truncate", "chmod", "chown", "lchown", "setxattr", "lsetxattr", "removexattr", "lremovexattr"):
            self.change(path_in(words, 0))
        elif call in ("fchmodat", "fchownat", "utimensat"):
            self.change(path_in(words, 1) if words[1].startswith('"') else opened(words[0]))
        elif call == "copy_file_range":
            self.change(opened(words[2]))
        elif call == "ioctl":
            if "FICLONE" in " ".join(words):
                self.change(opened(words[0]))
        else:
            self.change(opened(words[0]))

    def make_or_remove(self, call, path):
        if call.startswith(("unlink", "rmdir")):
            self.remove(path)
            return
        self.name(path)
        if call.startswith("mkdir"):
            self.made.add(path)

    def end(self):
        for path in sorted(self.files | self.directories):
            # What sessions write there is as safe as in a home directory.
            if self.is_kept(path) and "/current/upper" not in path:
                self.wrong.append(f"{path} was not on the disk at the end")


class PowerLoss(unittest.TestCase):
    runs = 0

    @classmethod
    def setUpClass(cls):
        cls.project = Project(PROGRAMS, "karapace-power-")
        cls.addClassCleanup(cls.project.remove)
        cls.plain = cls.project.copy(cls.project.store, "plain")
        cls.project.run("commit", ".", "-m", "first")
        cls.snapshot = json.loads(cls.project.run("--json", "snapshots", ".").stdout)["snapshots"][0]["snapshot"]
        cls.project.change()

    def record(self, *words, store=None):
        """What the command left open to a power failure, in a copy of the store."""
        PowerLoss.runs += 1
        store = self.project.copy(store or self.project.store, f"copy{PowerLoss.runs}")
        trace = self.project.scratch / "trace"
        self.project.run(*words, store=store,
                         tracer=("strace", "-f", "-qqq", "-y", "-s", "4096", "-e", "signal=none", "-o", trace, "-e", f"trace={','.join(CALLS)}"))
        disk = Disk(store)
        text = trace.read_text(encoding="utf-8", errors="replace")
        self.assertIn("rename", text)
        for call in calls_of(text):
            disk.replay(*call)
        disk.end()
        self.assertEqual(disk.wrong, [])
        return store

    def test_the_model_tells_what_is_not_forced(self):
        disk = Disk("/s")
        for line in ('openat(AT_FDCWD</>, "/s/staging/a", O_WRONLY|O_CREAT|O_EXCL, 0600) = 3</s/staging/a>', 'write(3</s/staging/a>, "x", 1) = 1',
                     'rename("/s/staging/a", "/s/names/a") = 0'):
            disk.replay(*next(calls_of(f"1 {line}")))
        disk.end()
        self.assertEqual(len(disk.wrong), 3, disk.wrong)

    def test_a_first_session(self):
        store = self.project.copy(self.project.store, "none")
        shutil.rmtree(self.project.instance(store))
        self.record("exec", ".", "--", "/bin/sh", "-c", "true", store=store)

    def test_commit(self):
        self.record("commit", ".")

    def test_commit_of_what_is_kept_already(self):
        self.record("commit", ".", store=self.record("commit", "."))

    def test_restore_and_undo(self):
        store = self.record("restore", ".", self.snapshot)
        self.record("undo", ".", store=store)

    def test_rename_freeze_and_archive(self):
        store = self.record("rename", ".", "work")
        self.record("rename", "work", "other", store=store)
        for command in ("freeze", "archive"):
            self.record(command, ".")

    def test_build_and_rebuild(self):
        self.project.manifest("two")
        self.addCleanup(self.project.manifest, "one")
        store = self.record("build")
        self.record("rebuild", "--keep-changes", ".", store=store)
        self.record("rebuild", ".", store=store)

    def test_migrate(self):
        self.record("migrate", store=self.record("migrate", "--back", store=self.plain))


if __name__ == "__main__":
    unittest.main(verbosity=2)
