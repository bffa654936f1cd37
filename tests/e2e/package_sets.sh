#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Sets of packages, at random and of those that are hard to install (awkward_packages.txt, made by find_awkward.py), are
# installed as mmdebstrap installs them, and dpkg finds nothing wrong. KARAPACE_RANDOM_SETS and KARAPACE_AWKWARD_SETS (default
# 1 each, of ten packages) say how many, KARAPACE_PACKAGE_SEED (default 1) which. `check --long` runs more of them.
source "$(dirname "$0")/package_equality.sh"
store=$work/store
seed=${KARAPACE_PACKAGE_SEED:-1}
run() { as root KARAPACE_STORE="$store" "$@"; }

warm root "$store"
project root "$work/base"
run karapace gen "$work/base" >/dev/null

# Names that the archive has, from the resolver's own lists.
cat "$work"/home-root/.cache/karapace/resolve-deb/*/lists/*_bookworm_main_*_Packages |
  sed -n 's/^Package: //p' | LC_ALL=C sort -u >"$work/random"
[ "$(wc -l <"$work/random")" -gt 1000 ] || fail "only $(wc -l <"$work/random") names of packages are known"
sed '/^#/d; s/ .*//' "$(dirname "$0")/awkward_packages.txt" >"$work/awkward"

choose() { # KIND ROUND: ten names
  python3 -c 'import random, sys
choice = random.Random(" ".join(sys.argv[1:4]))
print("\n".join(choice.sample(open(sys.argv[4]).read().split(), 10)))' "$seed" "$1" "$2" "$work/$1"
}

lock_with() { # PACKAGE...
  project root "$PWD" "$@"
  run karapace lock >"$work/lock.log" 2>&1 || return 1
  python3 -c 'import json, sys
sys.exit(sum(p["size"] for p in json.load(open("karapace.lock"))["packages"]) > 300_000_000)'
}

# A project of those that go together, as the order has it.
lock_set() { # PACKAGE...
  ! lock_with "$@" || return 0
  local kept=()
  for package in "$@"; do
    if lock_with "${kept[@]}" "$package"; then kept+=("$package"); fi
  done
  echo "left out, as they do not go together or are large: $(printf '%s\n' "$@" | grep -vxF "$(printf '%s\n' "${kept[@]}")" | tr '\n' ' ')"
  lock_with "${kept[@]}"
}

runs=0 failures=0
try_set() { # KIND ROUND
  mkdir -p "$work/$1-$2"
  cd "$work/$1-$2"
  local packages
  mapfile -t packages < <(choose "$1" "$2")
  step "$1 set $2: ${packages[*]}"
  lock_set "${packages[@]}" || fail "no lock: $(cat "$work/lock.log")"
  runs=$((runs + 1))
  if ! run karapace build >"$work/build.log" 2>&1; then
    tail -30 "$work/build.log"
    failures=$((failures + 1))
  else
    same_as_dpkg && dpkg_is_content || failures=$((failures + 1))
  fi
  run karapace destroy . >/dev/null || true
  cd "$work"
  rm -rf "$work/$1-$2"
}

for ((round = 1; round <= ${KARAPACE_RANDOM_SETS:-1}; round++)); do try_set random $round; done
for ((round = 1; round <= ${KARAPACE_AWKWARD_SETS:-1}; round++)); do try_set awkward $round; done
echo "runs: $runs"
echo "failures: $failures"
[ $failures = 0 ]
