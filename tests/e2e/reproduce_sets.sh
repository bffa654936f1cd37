#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Random sets of packages are built, and built again under other circumstances (karapace reproduce): every step to the same
# bytes. KARAPACE_REPRODUCE_SETS (default 1) says how many, KARAPACE_REPRODUCE_SEED (default 1) which. For `check --long`.
source "$(dirname "$0")/lib.sh"
mode=root
[ "$(id -u)" = 0 ] || mode=own
store=$work/store
run() { as $mode KARAPACE_STORE="$store" "$@"; }

# Names that the archive has, from the resolver's own lists: a set may be impossible or large, which is no failure of ours.
names() {
  cat "$work/home-$mode"/.cache/karapace/resolve-deb/*/lists/*_Packages 2>/dev/null || cat "$store"/*/resolve-deb/*/lists/*_Packages
}

warm $mode "$store"
project $mode "$work/base"
run karapace gen "$work/base"
names | sed -n 's/^Package: //p' | LC_ALL=C sort -u >"$work/names"
[ "$(wc -l <"$work/names")" -gt 1000 ] || fail "only $(wc -l <"$work/names") names of packages are known"

choose() { # ROUND: a set of one to four
  python3 -c 'import random, sys
choice = random.Random(f"{sys.argv[1]} {sys.argv[2]}")
print(" ".join(choice.sample(open(sys.argv[3]).read().split(), choice.randint(1, 4))))' "${KARAPACE_REPRODUCE_SEED:-1}" "$1" "$work/names"
}

runs=0 failures=0 round=0
while [ $runs -lt "${KARAPACE_REPRODUCE_SETS:-1}" ]; do
  round=$((round + 1))
  [ $round -le $((20 + 10 * ${KARAPACE_REPRODUCE_SETS:-1})) ] || fail "hardly any set can be installed"
  set=$(choose $round)
  # shellcheck disable=SC2086  # a word for each package
  project $mode "$work/set$round" $set
  cd "$work/set$round"
  run karapace lock >"$work/log" 2>&1 || { echo "$set: can not be installed"; continue; }
  size=$(python3 -c 'import json; print(sum(p["size"] for p in json.load(open("karapace.lock"))["packages"]) // 1000000)')
  [ "$size" -le 200 ] || { echo "$set: $size MB, left out"; continue; }
  runs=$((runs + 1))
  if ! run karapace build >"$work/log" 2>&1; then
    echo "FAILED to build $set:"
    tail -20 "$work/log"
    failures=$((failures + 1))
  elif ! run karapace reproduce . >"$work/log" 2>&1; then
    echo "FAILED to reproduce $set:"
    grep -v '^\[' "$work/log" | tail -40
    failures=$((failures + 1))
  else
    echo "$set: identical"
  fi
  run karapace destroy . >/dev/null
done
echo "runs: $runs"
echo "failures: $failures"
[ $failures = 0 ]
