#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The README's main job with real packages, as root, as a user with subordinate ids and as one without.
source "$(dirname "$0")/lib.sh"

main_job() { # MODE
  local mode=$1 store=$work/store-$1 output
  make_user "$mode"
  mkdir -p "$work/$mode"
  cp -r "$here/../../examples/hello" "$work/$mode/hello"
  rm -rf "$work/$mode/hello/"{build.ninja,.ninja_log,.ninja_deps,.karapace}
  [ ! -e "$work/locked" ] || cp "$work/locked" "$work/$mode/hello/karapace.lock"
  chown -R "$(user_of "$mode")" "$work/$mode"
  warm "$mode" "$store"
  cd "$work/$mode/hello"

  step "$mode: doctor"
  as "$mode" KARAPACE_STORE="$store" karapace doctor || true
  step "$mode: gen and ninja"
  as "$mode" KARAPACE_STORE="$store" karapace gen
  as "$mode" KARAPACE_STORE="$store" ninja >"$work/$mode.log" || { tail -50 "$work/$mode.log"; fail "ninja as $mode"; }
  tail -1 "$work/$mode.log"
  cp karapace.lock "$work/locked"
  keep "$store"

  step "$mode: exec"
  output=$(as "$mode" KARAPACE_STORE="$store" karapace exec . -- git --version)
  [[ $output == "git version 2."* ]] || fail "exec printed \"$output\""
  expect "status of a command" 7 "$(as "$mode" KARAPACE_STORE="$store" karapace exec . -- sh -c 'exit 7' || echo $?)"
  expect "variables" "1 $mode dumb" "$(as "$mode" KARAPACE_STORE="$store" PASSED="$mode" TERM=xterm karapace exec --env SET=1 --env PASSED \
    --env UNSET_HERE --env TERM=dumb . -- sh -c 'echo $SET $PASSED $TERM $UNSET_HERE')"
  expect "standard input" "a b" "$(echo 'a b' | as "$mode" KARAPACE_STORE="$store" karapace exec . cat)"
  expect "audit" "" "$(as "$mode" KARAPACE_STORE="$store" karapace exec . -- dpkg --audit)"

  step "$mode: nothing to do"
  expect "second ninja" "ninja: no work to do." "$(as "$mode" KARAPACE_STORE="$store" ninja)"

  step "$mode: what there is"
  as "$mode" KARAPACE_STORE="$store" karapace list
  as "$mode" KARAPACE_STORE="$store" karapace list --json | "$here/../json/fits" karapace.list
  as "$mode" KARAPACE_STORE="$store" karapace inspect hello --json | "$here/../json/fits" karapace.inspect
  as "$mode" KARAPACE_STORE="$store" karapace verify-store
}

for mode in $modes; do main_job "$mode"; done
