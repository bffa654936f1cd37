#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `karapace build` shows on a terminal, and that nothing of it stays there; and what it prints elsewhere."""
import hashlib
import os
import pathlib
import re
import signal
import subprocess
import tarfile
import tempfile
import time
import unittest

from terminal import Terminal

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM = pathlib.Path(os.environ["KARAPACE_TEST_BUILD"]) / "bin/karapace"


def shown(text, width=80):
    """What stands on a terminal in the end: lines, as far as the sequences go that we use."""
    screen, row, column = [""], 0, 0
    for piece in re.findall(r"\x1b\[\d*[A-Za-z]|\x1b\[[0-9;]*m|[\r\n]|[^\x1b\r\n]", text):
        if piece == "\r":
            column = 0
        elif piece == "\n":
            row, column = row + 1, 0
            screen += [""] * (row + 1 - len(screen))
        elif piece.endswith("A") and piece.startswith("\x1b"):
            row -= int(piece[2:-1])
        elif piece == "\x1b[J":
            del screen[row + 1:]
            screen[row] = screen[row][:column]
        elif piece == "\x1b[K":
            screen[row] = screen[row][:column]
        elif not piece.startswith("\x1b"):
            if column == width:
                row, column = row + 1, 0
                screen += [""] * (row + 1 - len(screen))
            screen[row] = screen[row][:column].ljust(column) + piece + screen[row][column + 1:]
            column += 1
    return [line for line in screen if line]


class Progress(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="karapace progress-", ignore_cleanup_errors=True))).resolve()
        keep = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG"}}
        self.environment = keep | {"HOME": str(self.directory), "KARAPACE_STORE": str(self.directory / "store"), "TERM": "xterm"}
        self.archive = self.directory / "root.tar"
        shell = self.directory / "sh"
        subprocess.run(["c++", "-static", "-o", shell, HERE.parent / "json/sh.cpp"], check=True)
        with tarfile.open(self.archive, "w") as tar:
            tar.add(shell, "bin/sh")
            tar.add(HERE / "CMakeLists.txt", "etc/issue")
        self.write_manifest("stamp")

    def write_manifest(self, run):
        digest = hashlib.sha256(self.archive.read_bytes()).hexdigest()
        (self.directory / "karapace.toml").write_text(
            f'manifest_version = 1\n[base]\nimage = "{self.archive}"\nsha256 = "{digest}"\n[setup]\nrun = ["{run}"]\n',
            encoding="utf-8")

    def on_terminal(self, *words, **size):
        return Terminal([str(PROGRAM), *words], self.environment, self.directory, **size)

    def piped(self, *words):
        return subprocess.run([PROGRAM, *words], cwd=self.directory, env=self.environment, check=False, timeout=120, capture_output=True,
                              text=True)

    def test_a_block_tells_how_far_it_is_and_goes(self):
        self.write_manifest("wait")
        terminal = self.on_terminal("build", "--name", "demo")
        seen = terminal.wait_for(r"\[3/5\] .* of .*, (\d+) s\r\n  waiting for: setup [^\r]*\(2 s\)")
        self.assertIn("1 s", seen.group(0))
        self.assertEqual(terminal.end(), 0)
        lines = shown(terminal.text)
        self.assertRegex(lines[-2], r"^5 steps in \d+ s, [0-9.]+ [KM]iB fetched$")
        self.assertRegex(lines[-1], r"^demo [0-9a-f]{12}$")
        self.assertEqual([line for line in lines if "[" in line or "waiting" in line], [])

    def test_nothing_is_shown_when_nothing_is_done(self):
        self.assertEqual(self.piped("build", "--name", "demo").returncode, 0)
        terminal = self.on_terminal("build", "--name", "demo")
        self.assertEqual(terminal.end(), 0)
        self.assertRegex("\n".join(shown(terminal.text)), r"\Ademo [0-9a-f]{12}\Z")

    def test_what_failed_stands_above(self):
        self.write_manifest("fail")
        terminal = self.on_terminal("build")
        self.assertEqual(terminal.end(), 1)
        lines = shown(terminal.text, 10**6)
        self.assertIn("as asked", "\n".join(lines))
        self.assertEqual([line for line in lines if line.startswith("FAILED: ")], [], "the step's command and its keys hide what it said")
        self.assertRegex(lines[0], "^karapace-step: setup: ")
        self.assertRegex(lines[-1], "^karapace: error: ninja ended with status 1")
        self.assertEqual([line for line in lines if "waiting for" in line], [])

    def test_control_c_leaves_the_terminal_clean(self):
        self.write_manifest("wait")
        terminal = self.on_terminal("build")
        terminal.wait_for(r"waiting for: setup")
        terminal.send("\x03")
        self.assertEqual(terminal.end(), 130)
        lines = shown(terminal.text)
        self.assertEqual([line for line in lines if "waiting" in line or re.match(r"\[\d", line)], [], lines)
        self.assertIn("ninja: build stopped: interrupted by user.", lines)
        self.assertEqual(list((self.directory / "store/layers").glob("*/.unfinished")), [])
        self.write_manifest("stamp")
        self.assertEqual(self.piped("build").returncode, 0)

    def test_an_interrupted_build_in_a_pipe_ends_with_the_signals_status(self):
        for number, words in enumerate([["build"], ["build", "--quiet"]]):
            self.write_manifest(f"wait {number}")
            with subprocess.Popen([PROGRAM, *words], cwd=self.directory, env=self.environment, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, text=True, start_new_session=True) as build:
                for _ in range(600):
                    if len(list((self.directory / "store/logs").glob("*"))) > number:
                        break
                    time.sleep(0.1)
                os.killpg(build.pid, signal.SIGINT)
                errors = build.communicate(timeout=60)[1]
            self.assertEqual(build.returncode, 130, errors)
            self.assertNotIn("ninja ended with status", errors)

    def test_lines_fit_a_window_that_becomes_narrower(self):
        self.write_manifest("wait")
        terminal = self.on_terminal("build", size=(24, 120))
        terminal.wait_for(r"waiting for: setup")
        terminal.resize(24, 30)
        terminal.read_for(0.5)
        start = len(terminal.text)
        self.assertEqual(terminal.end(), 0)
        for frame in re.split(r"\x1b\[J", terminal.text[start:])[1:-2]:
            for line in re.sub(r"\r\x1b\[\d+A", "", frame).strip("\r").split("\r\n"):
                self.assertLess(len(line), 30, frame)

    def test_elsewhere_each_step_is_a_plain_line(self):
        result = self.piped("build", "--name", "demo")
        self.assertEqual(result.returncode, 0)
        self.assertNotIn("\x1b", result.stdout + result.stderr)
        self.assertNotIn("\r", result.stdout + result.stderr)
        self.assertRegex(result.stdout, r"(?m)^\[5/5\] environment demo [0-9a-f]{12}$")

    def test_quietly_only_the_result_is_told(self):
        result = self.piped("build", "--name", "demo", "--quiet")
        self.assertRegex(result.stdout, r"\Ademo [0-9a-f]{12}\n\Z")
        self.assertEqual(result.stderr, "")
        self.write_manifest("fail")
        result = self.piped("build", "-q")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn("as asked", result.stderr)
        terminal = self.on_terminal("build", "-q")
        self.assertEqual(terminal.end(), 1)
        self.assertNotIn("waiting for", terminal.text)

    def test_with_json_the_block_is_on_standard_error(self):
        self.write_manifest("wait")
        terminal = Terminal(["sh", "-c", f"'{PROGRAM}' --json build >out.json"], self.environment, self.directory)
        terminal.wait_for(r"waiting for: setup")
        self.assertEqual(terminal.end(), 0)
        self.assertIn('"karapace.build"', (self.directory / "out.json").read_text(encoding="utf-8"))


if __name__ == "__main__":
    unittest.main()
