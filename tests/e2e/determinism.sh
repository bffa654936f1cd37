#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The same lock, built by different users in different id modes, stores, directories, locales, umasks, time zones and
# under different host names, gives the same graph, step records and layers. Lists every file that differs.
source "$(dirname "$0")/lib.sh"
# munge, nvme-cli and postfix: random secrets that no layer keeps, and a full host name that is asked for.
packages="hello ca-certificates python3-minimal munge nvme-cli postfix"

build() { # MODE DIRECTORY UMASK HOSTNAME NAME=VALUE...
  local mode=$1 directory=$2 mask=$3 host=$4 store=$2/store
  shift 4
  make_user "$mode"
  project "$mode" "$directory" $packages
  printf '[system.answers]\n"postfix/main_mailer_type" = "Satellite system"\n"postfix/mailname" = "mail.invalid"\n' \
    >>"$directory/karapace.toml"
  chmod 755 "$directory"
  [ ! -e "$work/lock" ] || cp "$work/lock" "$directory/karapace.lock"
  chown -R "$(user_of "$mode")" "$directory"
  warm "$mode" "$store"
  cd "$directory"
  local other_host=()
  [ "$(id -u)" != 0 ] || other_host=(unshare --uts bash -c 'hostname "$1"; shift; exec "$@"' bash "$host")
  export -f as user_of
  step "$mode in $directory"
  "${other_host[@]}" bash -c '
    programs=$1 work=$2 mask=$3 mode=$4; shift 4
    umask "$mask"
    as "$mode" "$@" karapace gen && as "$mode" "$@" ninja >"$work/build-$mode.log"' \
    bash "$programs" "$work" "$mask" "$mode" KARAPACE_STORE="$store" "$@" ||
    { tail -50 "$work/build-$mode.log"; fail "build as $mode"; }
  [ -e "$work/lock" ] || cp karapace.lock "$work/lock"
}

compare() { # DIRECTORY DIRECTORY
  local a=$1 b=$2 differences=0
  cmp "$a/build.ninja" "$b/build.ninja" || differences=1
  diff <(ls "$a/store/steps") <(ls "$b/store/steps") || differences=1
  diff -rq "$a/store/steps" "$b/store/steps" || differences=1
  diff -rq "$a/store/environments" "$b/store/environments" || differences=1
  if [ $differences = 1 ]; then
    echo "files that differ in the layers of the same step:"
    for record in "$a"/store/steps/*; do
      local key=${record##*/} one other
      one=$(sed -n 's/.*"layer": "\(.*\)".*/\1/p' "$record")
      other=$(sed -n 's/.*"layer": "\(.*\)".*/\1/p' "$b/store/steps/$key" 2>/dev/null || true)
      [ "$one" = "$other" ] || diff "$a/store/layers/$one/listing" "$b/store/layers/$other/listing" | first 40 || true
    done
    fail "$a and $b differ"
  fi
}

set -- $modes
build "$1" "$work/a" 022 alpha LC_ALL=C TZ=UTC
build "$2" "$work/b/a much longer path" 077 beta.example LC_ALL=C.UTF-8 LANG=de_DE.UTF-8 TZ=Asia/Tokyo MAKEFLAGS=-j7
compare "$work/a" "$work/b/a much longer path"
if [ $# -gt 2 ]; then
  build "$3" "$work/c" 002 gamma SOURCE_DATE_EPOCH=1 TMPDIR=/var/tmp
  compare "$work/a" "$work/c"
fi

step "answers to debconf"
grep -qx 'mail.invalid' "$work"/a/store/layers/*/tree/etc/mailname || fail "the name of the mail system is not what was answered"
