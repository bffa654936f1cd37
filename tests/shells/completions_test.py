#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The scripts of `karapace completions`, in bash, zsh and fish as people use them."""
import hashlib
import os
import pathlib
import subprocess
import tarfile
import tempfile
import unittest

from terminal import Terminal

PROGRAM = pathlib.Path(os.environ["KARAPACE_TEST_BUILD"]) / "bin/karapace"


class Completions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="karapace shells-", ignore_cleanup_errors=True))).resolve()
        keep = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG", "NINJA"}}
        cls.environment = keep | {"HOME": str(cls.scratch), "KARAPACE_STORE": str(cls.scratch / "store"), "TERM": "xterm",
                                  "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}", "NO_COLOR": "1"}
        archive = cls.scratch / "root.tar"
        with tarfile.open(archive, "w"):
            pass
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        for name in ("hello", "help-desk", "other"):
            (cls.scratch / name).mkdir()
            (cls.scratch / name / "karapace.toml").write_text(
                f'manifest_version = 1\n[base]\nimage = "{archive}"\nsha256 = "{digest}"\n', encoding="utf-8")
            subprocess.run([PROGRAM, "gen", "-C", "out"], cwd=cls.scratch / name, env=cls.environment, check=True,
                           stdout=subprocess.DEVNULL)
        for shell in ("bash", "zsh", "fish"):
            script = subprocess.run([PROGRAM, "completions", shell], env=cls.environment, check=True, capture_output=True).stdout
            (cls.scratch / f"script.{shell}").write_bytes(script)
        (cls.scratch / "a file.toml").touch()
        cls.recorder = cls.scratch / "recorder"
        cls.recorder.mkdir()
        (cls.recorder / "karapace").write_text(
            f'#!/bin/sh\n[ "$1" = completions ] && exec "{PROGRAM}" "$@"\nprintf "%s" "$*" >"$RAN.new" && mv "$RAN.new" "$RAN"\n',
            encoding="utf-8")
        (cls.recorder / "karapace").chmod(0o755)

    def run_shell(self, *words):
        result = subprocess.run(words, cwd=self.scratch, env=self.environment, check=False, timeout=60, capture_output=True)
        self.assertEqual((result.returncode, result.stderr), (0, b""), words)
        return result.stdout.decode().splitlines()

    def in_bash(self, *words):
        """What bash's function answers for these words."""
        program = ('source script.bash; compopt() { printf "<%s>\\n" "$2"; }; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1));'
                   '_karapace "$1"; printf "%s\\n" "${COMPREPLY[@]}"')
        return [line for line in self.run_shell("bash", "-c", program, "bash", *words) if line]

    def in_fish(self, line):
        return [found.split("\t")[0] for found in self.run_shell("fish", "-c", 'source script.fish; complete -C "$argv[1]"', line)]

    def typed(self, shell, lines):
        """What a shell on a terminal runs when TAB follows each of these lines."""
        start = {"bash": ["bash", "--norc", "--noprofile", "-i"], "zsh": ["zsh", "-f", "-i"], "fish": ["fish", "--private", "-i"]}
        setup = {"bash": "source script.bash", "zsh": "autoload -U compinit; compinit -D -u; source ./script.zsh",
                 "fish": "source script.fish"}[shell]
        ran = self.scratch / "ran"
        variables = {"PATH": f"{self.recorder}:{self.environment['PATH']}", "RAN": str(ran)}
        terminal = Terminal(start[shell], self.environment | variables, self.scratch, size=(40, 200))
        terminal.send(f"{setup}; echo set''up done\r")
        terminal.wait_for(r"setup done", seconds=60)
        found = []
        for line in lines:
            terminal.send(line)
            terminal.read_for(0.1)
            terminal.send("\t")
            terminal.read_for(0.2)
            terminal.send("\r")
            for _ in range(100):
                if ran.exists():
                    break
                terminal.read(0.1)
            found.append(ran.read_text(encoding="utf-8") if ran.exists() else terminal.text)
            ran.unlink(missing_ok=True)
        terminal.send("exit\r")
        terminal.end()
        return found

    def test_bash_completes(self):
        self.assertEqual(self.in_bash("karapace", "verify"), ["verify", "verify-store"])
        self.assertEqual(self.in_bash("karapace", "graph", ""), ["diff", "show", "trace"])
        self.assertEqual(self.in_bash("karapace", "exec", "hel"), ["hello", "help-desk"])
        self.assertEqual(self.in_bash("karapace", "gc", "--dr"), ["--dry-run"])
        self.assertEqual(self.in_bash("karapace", "new", "--template", "=", "mi"), ["minimal"])
        self.assertEqual(self.in_bash("karapace", "build", ""), ["<default>"])
        self.assertEqual(self.in_bash("karapace", "gen", "-C", ""), ["<dirnames>"])
        self.assertEqual(self.in_bash(str(PROGRAM), "exec", "hello", ""), ["<default>"])
        self.assertEqual(self.in_bash("/not/there/karapace", "exec", ""), [])

    def test_fish_completes(self):
        self.assertEqual(self.in_fish("karapace verify"), ["verify", "verify-store"])
        self.assertEqual(self.in_fish("karapace graph "), ["diff", "show", "trace"])
        self.assertEqual(self.in_fish("karapace exec hel"), ["hello", "help-desk"])
        self.assertEqual(self.in_fish("karapace gc --dr"), ["--dry-run"])
        self.assertEqual(self.in_fish("karapace new --template=mi"), ["--template=minimal"])
        self.assertIn("hello/", self.in_fish("karapace gen -C "))
        self.assertNotIn("a file.toml", self.in_fish("karapace gen -C "))
        self.assertIn("a file.toml", self.in_fish("karapace build "))
        self.assertEqual(self.in_fish("karapace graph trace --output=root"), ["--output=root.tar"])
        self.assertEqual(self.in_fish("karapace list "), [])

    def test_on_a_terminal(self):
        lines = {"karapace verify-": "verify-store", "karapace exec oth": "exec other", "karapace gc --dr": "gc --dry-run",
                 "karapace graph tr": "graph trace", "karapace gen -C oth": "gen -C other",
                 "karapace exec other -- roo": "exec other -- root.tar", "karapace new --template=mi": "new --template=minimal",
                 "karapace build a": "build a file.toml"}
        for shell in ("bash", "zsh", "fish"):
            with self.subTest(shell):
                # zsh takes the slash of a directory away again.
                self.assertEqual([ran.rstrip("/") for ran in self.typed(shell, lines)], list(lines.values()))


if __name__ == "__main__":
    unittest.main()
