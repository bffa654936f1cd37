#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Adding a package fetches and unpacks only what is new; editing the manifest and plain `ninja` is enough; a second
# project in the same store shares everything that it can.
source "$(dirname "$0")/lib.sh"
mode=single
make_user $mode
store=$work/store
warm $mode "$store"
project $mode "$work/p" hello
cd "$work/p"
run() { as $mode KARAPACE_STORE="$store" "$@"; }
run karapace gen
run ninja >"$work/first.log" || { tail -50 "$work/first.log"; fail "the first build"; }
records "$store" fetch >"$work/fetched"
records "$store" unpack >"$work/unpacked"

step "one package more"
sleep 1
project $mode "$work/p" hello bc
run ninja >"$work/second.log" || { tail -50 "$work/second.log"; fail "the second build"; }
new_packages=$(($(grep -c '"sha256"' karapace.lock || true)))
[ "$new_packages" -gt 0 ] || fail "no packages in the lock"
unpacked_now=$(comm -13 "$work/unpacked" <(records "$store" unpack) | wc -l)
[ "$unpacked_now" -ge 1 ] && [ "$unpacked_now" -le 3 ] || fail "$unpacked_now packages were unpacked for bc"
[ "$(records "$store" install | wc -l)" -le 4 ] || fail "the base was installed again"
expect "bc" 42 "$(run karapace exec . -- sh -c 'echo 6*7 | bc')"

step "a second project shares the base"
project $mode "$work/q" bc
before=$(records "$store" unpack | wc -l)
cd "$work/q"
run karapace gen
run ninja >"$work/third.log" || { tail -50 "$work/third.log"; fail "the third build"; }
expect "packages unpacked again" "$before" "$(records "$store" unpack | wc -l)"

step "a record that vanishes is made again"
rm "$store/steps/$(records "$store" unpack | first 1)"
run ninja >/dev/null
expect "then" "ninja: no work to do." "$(run ninja)"
