#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Damage, loss and power failures as people meet them: the real programs on a store from which things are taken. No
network."""
import hashlib
import io
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest

PROGRAMS = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else "build/check/bin").resolve()
SHELL = pathlib.Path(__file__).resolve().parent.parent / "json/sh.cpp"


class Damage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = pathlib.Path(tempfile.mkdtemp(prefix="karapace-damage-"))
        subprocess.run(["c++", "-static", "-o", cls.shared / "sh", SHELL], check=True)
        with tarfile.open(cls.shared / "root.tar", "w") as tar:
            shell = (cls.shared / "sh").read_bytes()
            for name, content, mode in (("etc/issue", b"base\n", 0o644), ("bin/sh", shell, 0o755), ("usr/bin/cc", shell, 0o755)):
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(content), mode
                tar.addfile(entry, io.BytesIO(content))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.shared, ignore_errors=True)

    def setUp(self):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="karapace-damage-"))
        self.addCleanup(shutil.rmtree, self.scratch, ignore_errors=True)
        self.store = self.scratch / "store"
        self.project = self.scratch / "project"
        self.project.mkdir()
        (self.project / "motd").write_text("hello\n", encoding="utf-8")
        digest = hashlib.sha256((self.shared / "root.tar").read_bytes()).hexdigest()
        (self.project / "karapace.toml").write_text(
            f'manifest_version = 1\n[base]\nimage = "{self.shared}/root.tar"\nsha256 = "{digest}"\n'
            '[[setup.files]]\nsource = "motd"\ntarget = "/etc/motd"\n', encoding="utf-8")
        self.run_program("build")

    def run_program(self, *words, status=0, **options):
        environment = {**os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}", "KARAPACE_STORE": str(self.store),
                       "XDG_CACHE_HOME": str(self.scratch / "cache")}
        done = subprocess.run([PROGRAMS / "karapace", *words], cwd=self.project, env=environment, capture_output=True, text=True,
                              check=False, **options)
        if status is not None:
            self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def inspect(self):
        return json.loads(self.run_program("--json", "inspect", ".").stdout)

    def restart(self, seconds=0):
        """As if the machine had been restarted, everything before `seconds` being on the disk."""
        text = f"karapace sync 1\nanother-boot\n{seconds}\n"
        check = subprocess.run(["b3sum", "--no-names"], input=text.encode(), capture_output=True, check=True).stdout.decode().strip()
        (self.store / "synced").write_text(f"{text}{check}\n", encoding="utf-8")

    def damage(self, path):
        path.chmod(0o644)
        path.write_bytes(b"else\n")

    def test_a_lost_layer_is_told_with_the_remedy_which_helps(self):
        layer = self.inspect()["layers"][0]["layer"]
        shutil.rmtree(self.store / "layers" / layer)
        told = self.run_program("exec", ".", "--", "/bin/sh", status=125).stderr
        self.assertIn(f"the store has lost the layer {layer[:12]}", told)
        self.assertIn(f"run `karapace build` in {self.project}", told)
        self.assertIn("the store has lost what 1 step made", self.run_program("build").stderr)
        self.run_program("verify-store")
        self.run_program("exec", ".", "--", "/bin/sh")

    def test_what_was_made_of_a_damaged_layer_is_made_again(self):
        before = self.inspect()
        self.damage(self.store / "layers" / before["layers"][0]["layer"] / "tree/etc/issue")
        problems = json.loads(self.run_program("--json", "verify-store", status=3).stdout)["problems"]
        self.assertEqual([(one["trouble"], one["class"]) for one in problems], [("damaged", "rebuildable")])
        repaired = json.loads(self.run_program("--json", "verify-store", "--repair").stdout)
        self.assertIn("layer", [one["kind"] for one in repaired["derived"]], "the layer of the set-up stands on it")
        self.run_program("gc")
        self.run_program("build")
        self.run_program("verify-store")
        self.assertEqual(self.inspect()["layers"], before["layers"])

    def test_a_damaged_file_of_the_setup_gets_into_no_layer(self):
        blob = hashlib.sha256(b"hello\n").hexdigest()
        record = next(path for path in (self.store / "steps").iterdir() if blob in path.read_text(encoding="utf-8"))
        self.damage(self.store / "blobs" / re.search(r'"blob": "(\w+)"', record.read_text(encoding="utf-8"))[1])
        for step in (self.store / "steps").iterdir():
            if '"kind": "setup"' in step.read_text(encoding="utf-8"):
                step.unlink()
        told = self.run_program("build", status=1).stderr + self.run_program("build", status=1).stdout
        self.assertIn("is damaged in the store; run `karapace verify-store --repair`", told)
        self.run_program("verify-store", "--repair")
        self.run_program("build")
        self.run_program("verify-store")

    def test_what_a_power_failure_took_is_made_again(self):
        environment = self.inspect()
        self.restart()
        layer = self.store / "layers" / environment["layers"][-1]["layer"]
        motd = layer / "tree/etc/motd"
        motd.chmod(0o644)
        os.truncate(motd, 0)
        told = self.run_program("list").stderr
        self.assertEqual(len(told.splitlines()), 1, told)
        self.assertIn("the machine was restarted before what steps made was on its disk", told)
        self.assertFalse(layer.exists())
        self.assertEqual(self.run_program("list").stderr, "")
        self.run_program("build")
        self.run_program("verify-store")
        self.assertEqual(self.inspect()["layers"], environment["layers"])

    def test_what_was_synced_before_a_restart_is_not_read_again(self):
        self.restart(2_000_000_000)
        (self.store / "blobs" / next((self.store / "blobs").iterdir()).name).chmod(0)
        self.restart(int(max(path.stat().st_mtime for path in self.store.rglob("*"))) + 10)
        self.assertEqual(self.run_program("list").stderr, "")

    def test_what_can_not_be_read_is_no_damage(self):
        for most in range(6, 12):
            done = self.run_program("--json", "verify-store", "--repair", status=None,
                                    preexec_fn=lambda most=most: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most)))
            if done.returncode == 4:
                found = json.loads(done.stdout)
                self.assertEqual({(one["trouble"], one["repaired"]) for one in found["problems"]}, {("unchecked", False)})
        self.assertFalse(any((self.store / "quarantine").iterdir()))
        self.run_program("verify-store")

    def test_gc_does_what_its_dry_run_says_and_why_tells_the_rest(self):
        environment = self.inspect()["environment"]
        why = json.loads(self.run_program("--json", "why", environment[:10]).stdout)["objects"]
        self.assertEqual({one["ways"][0]["things"][0]["title"] for one in why}, {"project"})
        self.run_program("destroy", ".")
        self.assertIn("nothing needs it", self.run_program("why", environment).stdout)
        planned = json.loads(self.run_program("--json", "gc", "--dry-run").stdout)
        done = json.loads(self.run_program("--json", "gc").stdout)
        for report in (planned, done):
            report.pop("dry_run")
            for one in report["garbage"]:
                one.pop("age_seconds")
        self.assertEqual(planned, done)
        self.assertEqual(json.loads(self.run_program("--json", "gc", "--dry-run").stdout)["garbage"], [])

    def test_a_sysroot_shares_no_file_with_a_layer(self):
        self.run_program("toolchain")
        sysroot = next(path for path in (self.store / "sysroots").iterdir() if path.is_dir())
        self.assertEqual((sysroot / "etc/issue").stat().st_nlink, 1)
        self.assertEqual((sysroot / "etc/issue").stat().st_mode & 0o222, 0)
        self.damage(sysroot / "etc/issue")
        self.run_program("verify-store", status=3)
        self.run_program("verify-store", "--repair")
        self.run_program("verify-store")


if __name__ == "__main__":
    unittest.main()
