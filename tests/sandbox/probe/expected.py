# SPDX-License-Identifier: Apache-2.0
"""The expected results: expected.txt, a line per attempt.

    NAME  RESULT  WHERE=RESULT ...

RESULT is one of the words of attempt.hpp, or several with `|` where kernels differ. WHERE is a context (exec), a mode
(single), both (exec/single) or a lack of this machine (no-scopes: the kernel knows no Landlock scopes); of those that fit
the last one counts. `#` begins a comment."""
import pathlib

RESULTS = {"refused", "absent", "contained", "allowed"}


class Table:
    def __init__(self, path: pathlib.Path):
        self.rows = {}
        for number, line in enumerate(path.read_text().splitlines(), 1):
            words = line.split("#")[0].split()
            if not words:
                continue
            rules = [("", words[1])] + [tuple(word.split("=", 1)) for word in words[2:]]
            for _, results in rules:
                if not set(results.split("|")) <= RESULTS:
                    raise SystemExit(f"{path}:{number}: \"{results}\" is not a result")
            if words[0] in self.rows:
                raise SystemExit(f"{path}:{number}: {words[0]} is there twice")
            self.rows[words[0]] = rules

    def expected(self, name: str, context: str, mode: str, lacks: set) -> str:
        fitting = {"", context, mode, f"{context}/{mode}"} | lacks
        return [results for where, results in self.rows[name] if where in fitting][-1]
