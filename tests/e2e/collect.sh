#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What gc removes comes back by ninja; what is in use stays; changes of an instance survive rebuilding and collecting.
source "$(dirname "$0")/lib.sh"
mode=single
make_user $mode
store=$work/store
warm $mode "$store"
project $mode "$work/p" hello
cd "$work/p"
run() { as $mode KARAPACE_STORE="$store" "$@"; }
run karapace build . >"$work/build.log" 2>&1 || { tail -50 "$work/build.log"; fail "karapace build"; }

step "an instance keeps its changes, the environment does not get them"
run karapace exec . -- sh -c 'echo mine > /root/note'
run karapace gc
expect "note" mine "$(run karapace exec . -- cat /root/note)"
run karapace verify-store

step "nothing needs it any more"
run karapace destroy p || run karapace destroy .
rm -rf karapace.toml build.ninja .karapace
run karapace gc
expect "layers left" "" "$(ls "$store/layers")"

step "and back"
project $mode "$work/p" hello
run karapace gen
run ninja >"$work/again.log" || { tail -50 "$work/again.log"; fail "building again"; }
run karapace exec . -- hello
run karapace verify-store
