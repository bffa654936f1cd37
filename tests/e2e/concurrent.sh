#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Two projects are built, listed, verified and collected at the same time in one store.
source "$(dirname "$0")/lib.sh"
mode=subid
[ "$(id -u)" = 0 ] || mode=own
make_user $mode
store=$work/store
warm $mode "$store"
run() { as $mode KARAPACE_STORE="$store" "$@"; }
for name in one two; do
  project $mode "$work/$name" hello
  [ $name = one ] || project $mode "$work/$name" bc
done
(cd "$work/one" && run karapace gen && run ninja >"$work/one.log" 2>&1) & first=$!
(cd "$work/two" && run karapace gen && run ninja >"$work/two.log" 2>&1) & second=$!
while kill -0 $first 2>/dev/null || kill -0 $second 2>/dev/null; do
  run karapace list >/dev/null || fail "list while building"
  run karapace gc >"$work/gc.log" 2>&1 || { cat "$work/gc.log"; fail "gc while building"; }
  sleep 1
done
wait $first || { tail -50 "$work/one.log"; fail "the first build"; }
wait $second || { tail -50 "$work/two.log"; fail "the second build"; }
cd "$work/one"
run karapace exec . -- hello
cd "$work/two"
expect "bc" 4 "$(run karapace exec . -- sh -c 'echo 2+2 | bc')"
run karapace verify-store
