#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check.sh: everything that CI asks of a project with an environment. Run it in the project's directory.
#
#   BASE       a git revision to compare the environment with (default: none); the differences go to changes.md
#   RECORDS    where the records go that other machines compare with (default: records.json)
#   EXPECTED   records of another machine to compare with (default: none)
#
# Ends with 0 when all is well; else with the status of the command that found something.
set -eu

say() { printf '\n== %s\n' "$*"; }

say "This machine"
karapace doctor || true  # says what is missing; whether that matters, the steps tell

if [ -e build.ninja ]; then
  say "The graph in the repository is what manifest and lock give"
  karapace gen --check
fi

if [ -n "${BASE-}" ]; then
  say "Why the environment changed since $BASE"
  # 1 says that it did, which is no failure.
  karapace graph diff --markdown "$BASE" >changes.md || [ $? = 1 ]
  cat changes.md
fi

say "Build exactly what is locked; a lock that does not fit its manifest is an error"
karapace build --locked

say "Every step once more, in an empty store and under other circumstances"
karapace reproduce

say "Records for other machines"
karapace records export --listings -o "${RECORDS:-records.json}"

if [ -n "${EXPECTED-}" ]; then
  say "The same bytes as on the other machine"
  karapace reproduce --against "$EXPECTED"
fi
