#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# examples/ci/check.sh on a project in git, as docs/ci.md's workflows run it: a good project passes, on another machine
# too, with the store carried over as the workflows do; a lock that was not updated and a set-up that writes the time fail.
source "$(dirname "$0")/lib.sh"
# The first mode only: what differs between them is reproduce.sh's matter.
mode=${modes%% *}
make_user "$mode"
cp "$here/../../examples/ci/check.sh" "$work/check.sh"
cd "$work"

check() { # EXPECTED-STATUS STORE NAME=VALUE...
  local expected=$1 store=$2 status=0
  shift 2
  as "$mode" KARAPACE_STORE="$work/$store" "$@" "$work/check.sh" >"$work/text" 2>"$work/log" || status=$?
  [ "$status" = "$expected" ] || { cat "$work/text"; tail -30 "$work/log"; fail "check.sh: $status, not $expected"; }
}

commit() { # MESSAGE
  as "$mode" git add karapace.toml karapace.lock
  as "$mode" git -c user.name=nobody -c user.email=nobody@example.invalid commit -qm "$1"
}

project "$mode" "$work/demo" hello
printf '[setup]\nrun = ["date -d @$SOURCE_DATE_EPOCH > /etc/built"]\n' >>demo/karapace.toml
warm "$mode" "$work/store"
cd demo
as "$mode" git init -q -b main
as "$mode" KARAPACE_STORE="$work/store" karapace lock >"$work/log" 2>&1 || { cat "$work/log"; fail "karapace lock"; }
commit "An environment"

step "a good project"
check 0 store
cp records.json "$work/first.json"

step "a graph in the repository, and what changed since"
as "$mode" KARAPACE_STORE="$work/store" karapace gen >"$work/log" 2>&1
as "$mode" git add build.ninja
commit "The graph, too"
sed -i 's/"hello"/"hello", "ed"/' karapace.toml
check 1 store BASE=main
grep -q 'karapace.lock does not fit' "$work/text" || { cat "$work/text"; fail "gen --check"; }
as "$mode" KARAPACE_STORE="$work/store" karapace gen >"$work/log" 2>&1
check 0 store BASE=main
grep -q 'ed' changes.md || { cat changes.md; fail "the change is not told"; }
as "$mode" git checkout -q .
as "$mode" git rm -q --cached build.ninja
rm build.ninja

step "another machine, with the store carried over as docs/ci.md does"
if [ "$mode" = root ]; then
  tar -C "$work/store" --xattrs --xattrs-include='*' -cf "$work/store.tar" .
  install -d -m 700 "$work/carried"
  tar -C "$work/carried" --xattrs --xattrs-include='*' -xf "$work/store.tar"
  rm "$work/store.tar"
  as "$mode" karapace --store "$work/carried" verify-store | finds 'all good' || fail "the carried store is damaged"
  check 0 carried EXPECTED="$work/first.json" RECORDS="$work/second.json"
  cmp "$work/first.json" "$work/second.json" || fail "the records of two machines"
  grep -q 'as in .*: identical' "$work/text" || fail "the comparison with the first machine"
  rm -rf "$work/carried"
fi

step "a lock that does not fit"
sed -i 's/"hello"/"hello", "ed"/' karapace.toml
check 2 store

step "a set-up that writes the time"
as "$mode" git checkout -q karapace.toml
sed -i 's/-d @$SOURCE_DATE_EPOCH //' karapace.toml
as "$mode" KARAPACE_STORE="$work/store" karapace lock >"$work/log" 2>&1
commit "The time of the build"
check 1 store
grep -q '^  /etc/built: content$' "$work/text" || { cat "$work/text"; fail "the file is not named"; }
