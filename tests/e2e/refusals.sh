#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Bad input end to end: the exit status, one JSON document, the way out, and nothing lost.
source "$(dirname "$0")/lib.sh"
mode=single
make_user $mode
store=$work/store
warm $mode "$store"
run() { as $mode KARAPACE_STORE="$store" "$@"; }

refused() { # STATUS PATTERN COMMAND...
  local status=$1 pattern=$2 output actual=0
  shift 2
  output=$(run "$@" 2>&1) || actual=$?
  expect "status of $*" "$status" "$actual"
  grep -Eq -- "$pattern" <<<"$output" || fail "\"$*\" said: $output"
}

step "no manifest, a wrong one, an unknown package"
mkdir "$work/empty" && cd "$work/empty" && chown "$(user_of $mode)" .
refused 2 'karapace.toml' karapace gen
project $mode "$work/p" hello
cd "$work/p"
sed -i 's/packages/pakages/' karapace.toml
refused 2 'karapace.toml:5:1: .*packages' karapace gen
project $mode "$work/p" gti
refused 2 'gti' karapace gen
run karapace gen --json >"$work/error.json" 2>/dev/null || true
python3 -c 'import json,sys; e=json.load(open(sys.argv[1]))["error"]; assert e["code"] in ("lock","manifest"), e' "$work/error.json"

step "a lock whose digest is wrong"
project $mode "$work/p" hello
run karapace gen
first=$(grep -o '"sha256": *"[0-9a-f]*"' karapace.lock | tail -1 | grep -o '[0-9a-f]\{64\}')
sed -i "s/$first/$(printf '0%.0s' {1..64})/" karapace.lock
run karapace gen --frozen
if run ninja >"$work/log" 2>&1; then fail "a package with another digest was accepted"; fi
grep -q 'sent other bytes (sha256' "$work/log" || { tail -20 "$work/log"; fail "the wrong digest was not named"; }
run karapace verify-store

step "a store of a newer version, a read-only store"
cp -a "$store/version" "$work/version.kept"
echo 'karapace store 999' >"$store/version"
refused 3 'newer|version' karapace list
cp "$work/version.kept" "$store/version"
chmod u-w "$store" "$store"/*/
project $mode "$work/q" bc
cd "$work/q"
[ "$(user_of $mode)" = root ] || refused 3 'Permission denied|not writable|writ' karapace gen
chmod u+w "$store" "$store"/*/
run karapace gen

step "an environment that does not exist"
refused 125 'no' karapace exec nothing-of-this-name -- true
