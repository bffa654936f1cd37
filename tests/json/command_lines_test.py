#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Wrong command lines of every command, made from its help: each gives one error document of kind usage that
leads to the help."""
import re
import unittest

from documents import DocumentsTest


class CommandLines(DocumentsTest):
    def options_of(self, command):
        """Flags, options with a value, and the number of words that the command needs."""
        text = self.run_program(*command.split(), "--help").stdout.decode()
        usage = re.search(r"^Usage: karapace (.*)$", text, re.M).group(1)
        needed = [word for word in usage.split() if word.isupper() and word[0] not in "[-" and word not in {"COMMAND", "WORD"}]
        named = re.findall(r"^  (-[a-zA-Z-]+(?:, --?[a-z-]+)*)((?: \S+)?)(?:  |$)", text, re.M)
        flags = [names.split(", ")[-1] for names, value in named if not value]
        valued = [(names.split(", ")[-1], value.strip()) for names, value in named if value]
        return flags, valued, needed

    def refused(self, *words, says=None):
        error = self.error(*words)
        self.assertEqual(error["code"], "usage", (words, error))
        self.assertIn("--help", error["message"], words)
        if says:
            self.assertIn(says, error["message"], words)

    def test_every_command_refuses_what_is_no_option_or_has_no_value(self):
        for command in self.commands():
            words = command.split()
            flags, valued, needed = self.options_of(command)
            with self.subTest(command):
                self.refused(*words, "--no-such-option")
                for count in range(len(needed)):
                    self.refused(*words, *["x"] * count)
                for flag in set(flags) - {"--help", "--version", "--json", "--verbose"}:
                    self.refused(*words, f"{flag}=maybe")
                    self.refused(*words, f"{flag}=")
                for option, value in valued:
                    if not value.startswith("["):
                        self.refused(*words, option)
                    if value == "N":
                        for wrong in ("-3", "x", "", "99999999999999999999", "1.5", "0x10"):
                            self.refused(*words, option, wrong)

    def test_help_in_a_bundle_of_flags_runs_nothing(self):
        for command in self.commands():
            for bundle in ("-vh", "-hv"):
                result = self.run_program(*command.split(), bundle)
                self.assertEqual(result.returncode, 0, (command, bundle))
                self.assertIn(f"Usage: karapace {command}", result.stdout.decode(), (command, bundle))

    def test_global_options_are_refused_as_those_of_commands(self):
        for words in (["--store"], ["list", "--store"], ["list", "--store", "a", "--store", "b"], ["--json=maybe", "list"],
                      ["list", "--verbose=x"], ["list", "--help=x"], ["--nonsense"], [], ["list", "one", "two"], ["list", ""],
                      ["list", "-q"], ["list", "-"], ["list", "---"], ["list", "--="], ["list", "-vq"]):
            self.refused(*words)

    def test_a_value_that_is_missing_is_named_with_its_option(self):
        self.refused("reproduce", "--jobs", says="--jobs needs a value: --jobs N")
        self.refused("build", "--jobs", "1", "--jobs", "2", says="--jobs is given more than once")
        self.refused("inspect", says="ENVIRONMENT is missing")
        self.refused("gc", "--dry-run=maybe", says="--dry-run takes no value")


if __name__ == "__main__":
    unittest.main()
