#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The pages of `karapace man-pages`: groff and man find nothing to warn of, and they tell what the help tells."""
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

PROGRAM = pathlib.Path(os.environ["KARAPACE_TEST_BUILD"]) / "bin/karapace"
SECTIONS = ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "SEE ALSO"]


def output(*words, **variables):
    return subprocess.run(words, check=True, capture_output=True, env=os.environ | variables).stdout.decode()


class ManPages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="karapace man-")))
        cls.directory = cls.scratch / "man1"
        subprocess.run([PROGRAM, "man-pages", cls.directory], check=True, stdout=subprocess.DEVNULL)
        cls.pages = sorted(cls.directory.iterdir())
        cls.commands = re.findall(r"^  ([a-z][a-z -]*[a-z])  .*", output(PROGRAM, "--help").partition("\nGlobal options")[0], re.M)

    def shown(self, page):
        return output("man", "-l", page, MANWIDTH="100", LC_ALL="C.UTF-8", MAN_KEEP_FORMATTING="")

    def test_there_is_one_for_the_program_and_for_every_command(self):
        wanted = ["karapace.1"] + [f"karapace-{command.replace(' ', '-')}.1" for command in self.commands]
        self.assertEqual([page.name for page in self.pages], sorted(wanted))

    def test_nothing_to_warn_of(self):
        for page in self.pages:
            for words in (["groff", "-man", "-ww", "-b", "-Tutf8", page], ["man", "--warnings=w", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page]):
                result = subprocess.run(words, check=False, capture_output=True)
                self.assertEqual((result.returncode, result.stderr), (0, b""), words)

    def test_sections_and_texts(self):
        for command in self.commands:
            name = f"karapace-{command.replace(' ', '-')}"
            text = self.shown(self.directory / f"{name}.1")
            found = re.findall(r"^([A-Z][A-Z ]+)$", text, re.M)
            self.assertEqual([section for section in found if section in SECTIONS], SECTIONS, name)
            self.assertRegex(text, rf"\n *karapace {command}[ \n]", "the synopsis")
            told = output(PROGRAM, *command.split(), "--help")
            for option in re.findall(r"^  (?:-\w, )?(--[a-z-]+)", told, re.M):
                self.assertIn(option, text, name)
            for example in re.findall(r"^  (karapace .*)$", told.partition("\nExamples:\n")[2], re.M):
                self.assertIn("".join(example.split()), "".join(text.split()), name)

    def test_the_index_of_pages_knows_them(self):
        """As mandb(8) reads the line under NAME."""
        found = output("lexgrog", self.directory / "karapace-graph-diff.1")
        self.assertIn('karapace-graph-diff - Say why a graph is another than before"', found)


if __name__ == "__main__":
    unittest.main()
