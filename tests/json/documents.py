# SPDX-License-Identifier: Apache-2.0
"""The program, run with --json, and the schemas of what it prints (docs/schemas, one file per document)."""
import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest
import warnings

import jsonschema

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the distribution's release has nothing else yet
    from jsonschema import RefResolver

SCHEMAS = pathlib.Path(__file__).resolve().parents[2] / "docs/schemas"
PROGRAM = pathlib.Path(os.environ["KARAPACE_TEST_BUILD"]) / "bin/karapace"
COMMON = "common.json"


def schemas():
    """By the name of the document; without what several share."""
    return {f"karapace.{path.stem}": json.loads(path.read_text(encoding="utf-8"))
            for path in sorted(SCHEMAS.glob("*.json")) if path.name != COMMON}


def validator(schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    store = {path.as_uri(): json.loads(path.read_text(encoding="utf-8")) for path in SCHEMAS.glob("*.json")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return jsonschema.Draft202012Validator(schema, resolver=RefResolver(f"{SCHEMAS.as_uri()}/", schema, store))


class DocumentsTest(unittest.TestCase):
    """Runs the program with a store and a home of its own."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.schemas = schemas()
        cls.validators = {name: validator(schema) for name, schema in cls.schemas.items()}
        cls.seen = {}  # document: what was printed
        cls.scratch = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="karapace json-", ignore_cleanup_errors=True))).resolve()
        cls.directory = cls.scratch

    def run_program(self, *words, directory=None, **variables):
        keep = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG", "NINJA"}}
        environment = keep | {"HOME": str(self.scratch), "KARAPACE_STORE": str(self.scratch / "store")} | variables
        return subprocess.run([PROGRAM, *words], cwd=directory or self.directory, env=environment, check=False, timeout=120,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def document(self, *words, status=0, name=None, **places):
        """What the command prints with --json, which must be the one document of that name and fit its schema."""
        result = self.run_program("--json", *words, **places)
        self.assertEqual(result.returncode, status, (words, result.stdout, result.stderr))
        return self.checked(result.stdout, words, name)

    def error(self, *words, **places):
        """The error that the command ends with."""
        result = self.run_program("--json", *words, **places)
        error = self.checked(result.stdout, words, "karapace.error")["error"]
        self.assertEqual(error["exit_status"], result.returncode, words)
        return error

    def checked(self, output, words, name=None):
        text = output.decode("utf-8")
        self.assertNotRegex(text, r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", words)
        document = json.loads(text)
        self.assertIn(document.get("document"), self.validators, words)
        if name:
            self.assertEqual(document["document"], name, (words, document))
        problems = [f"{'/'.join(map(str, problem.absolute_path))}: {problem.message}"
                    for problem in self.validators[document["document"]].iter_errors(document)]
        self.assertEqual(problems, [], (words, document))
        self.seen.setdefault(document["document"], []).append(document)
        return document

    def commands(self):
        text = self.run_program("--help").stdout.decode()
        return re.findall(r"^  ([a-z][a-z -]*[a-z])  .*", text[:text.index("\nGlobal options")], re.M)
