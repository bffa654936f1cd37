#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A build that is interrupted or killed at any time continues, and the store is sound in between.
#
# KARAPACE_INTERRUPT_ROUNDS (default 0) adds so many interruptions at times and by signals that KARAPACE_INTERRUPT_SEED (default 1)
# chooses; whenever a build got to its end, the next begins in an empty store.
source "$(dirname "$0")/lib.sh"
mode=root
[ "$(id -u)" = 0 ] || mode=own
store=$work/store
project $mode "$work/p" hello
warm $mode "$store"
cd "$work/p"
export KARAPACE_STORE=$store
run() { as $mode KARAPACE_STORE="$store" "$@"; }
run karapace gen

cut() { # SIGNAL SECONDS
  step "SIG$1 after $2 s"
  # A group of its own, so that ninja's children get what a terminal would send them.
  setsid env HOME="$work" PATH="$work/bin:$PATH" KARAPACE_STORE="$store" ninja >"$work/ninja.log" 2>&1 &
  local group=$!
  sleep "$2"
  kill -s "$1" -- "-$group" 2>/dev/null || true
  wait "$group" 2>/dev/null || true
  run karapace verify-store >"$work/verify.log" || { cat "$work/verify.log"; fail "the store is damaged after SIG$1"; }
}

rounds=6
cut INT 0.5
cut KILL 1
cut INT 2
cut KILL 3
cut TERM 4
cut KILL 6
RANDOM=${KARAPACE_INTERRUPT_SEED:-1}
signals=(INT TERM HUP KILL KILL)
for ((round = 0; round < ${KARAPACE_INTERRUPT_ROUNDS:-0}; round++)); do
  cut "${signals[RANDOM % ${#signals[@]}]}" "$(printf '%d.%03d' $((RANDOM % 5)) $((RANDOM % 1000)))"
  rounds=$((rounds + 1))
  if [ "$(run ninja -n | tail -1)" = "ninja: no work to do." ]; then
    rm -rf "$store"
    warm $mode "$store"
    run karapace gen
  fi
done
step "to the end"
run ninja >"$work/ninja.log" || { tail -50 "$work/ninja.log"; fail "the build does not continue"; }
run karapace exec . -- hello
run karapace verify-store
expect "after the end" "ninja: no work to do." "$(run ninja)"
run karapace gc >/dev/null
expect "left in staging" "" "$(ls "$store/staging")"
expect "gc keeps what is needed" "ninja: no work to do." "$(run ninja)"
echo "runs: $rounds"
