#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What may not be shared is made at the first entry of an instance: once, with the package's owners and modes, different in
# every instance, and such that the programs can use it.
source "$(dirname "$0")/lib.sh"
packages="munge openssh-server ssl-cert bind9"
files="/etc/munge/munge.key /etc/ssh/ssh_host_ed25519_key /etc/ssl/private/ssl-cert-snakeoil.key /etc/bind/rndc.key"

build() { # MODE DIRECTORY
  local mode=$1 directory=$2
  project "$mode" "$directory" $packages
  printf '[runtime]\nnetwork_isolation = true\n' >>"$directory/karapace.toml"  # its port 53 is free
  [ ! -e "$work/lock" ] || cp "$work/lock" "$directory/karapace.lock"
  chown -R "$(user_of "$mode")" "$directory"
  (cd "$directory" && as "$mode" KARAPACE_STORE="$work/store-$mode" karapace build >"$work/build.log" 2>&1) ||
    { tail -50 "$work/build.log"; fail "build as $mode"; }
  [ -e "$work/lock" ] || cp "$directory/karapace.lock" "$work/lock"
}

inside() { # MODE DIRECTORY SCRIPT: standard error in $work/told
  (cd "$2" && as "$1" KARAPACE_STORE="$work/store-$1" karapace exec . -- sh -ec "$3" 2>"$work/told") ||
    { cat "$work/told"; fail "$3 as $1"; }
}

check() { # MODE
  local mode=$1 a=$work/$1-a b=$work/$1-b sums_a sums_b
  make_user "$mode"
  warm "$mode" "$work/store-$mode"
  step "$mode: nothing of it is in a layer"
  build "$mode" "$a"
  for file in $files; do
    ! compgen -G "$work/store-$mode/layers/*/tree$file" || fail "$file is in a layer"
  done
  step "$mode: the first session makes it, the second does not"
  sums_a=$(inside "$mode" "$a" "sha256sum $files")
  expect "what was told" \
    "karapace: made for this instance: ssh host keys, ssl-cert's snake-oil certificate, rndc.key, munge.key" \
    "$(cat "$work/told")"
  expect "the second session's files" "$sums_a" "$(inside "$mode" "$a" "sha256sum $files")"
  expect "what the second session told" "" "$(cat "$work/told")"
  step "$mode: owners and modes are the package's"
  local owners="munge:munge 600 root:root 600 root:ssl-cert 640 bind:bind 640"
  # With a single id sessions see the owner on disk.
  [ "$mode" != single ] || owners="root:root 600 root:root 600 root:root 640 root:root 640"
  expect "owners" "$owners" "$(inside "$mode" "$a" "stat -c '%U:%G %a' $files" | xargs)"
  step "$mode: another instance has others"
  build "$mode" "$b"
  sums_b=$(inside "$mode" "$b" "sha256sum $files")
  expect "equal files in two instances" "" "$(comm -12 <(sort <<<"$sums_a") <(sort <<<"$sums_b"))"
  step "$mode: programs use it"  # servers that become another user can not with a single id
  inside "$mode" "$a" "mkdir -p /run/sshd && sshd -t && named-checkconf &&
    openssl verify -CAfile /etc/ssl/certs/ssl-cert-snakeoil.pem /etc/ssl/certs/ssl-cert-snakeoil.pem &&
    find /etc/ssl/certs -lname ssl-cert-snakeoil.pem | grep ." >"$work/used"
  [ "$mode" = single ] || inside "$mode" "$a" "mkdir -p /run/munge && chown munge: /run/munge &&
    runuser -u munge -- munged && munge -n | unmunge" | finds '^STATUS: *Success'
  [ "$mode" = single ] || inside "$mode" "$a" "named -u bind
    for i in 1 2 3 4 5 6 7 8 9 10; do rndc status >/tmp/status 2>&1 && break; sleep 1; done
    cat /tmp/status; rndc stop" | finds 'server is up and running'
}

set -- $modes
check "$1"
check "${3:-$2}"
