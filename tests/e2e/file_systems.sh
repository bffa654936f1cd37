#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The same lock gives the same layers on every file system, and with KARAPACE_PLACE_SETS (default 0) so many random sets of packages do, for every user
# besides; KARAPACE_PLACE_SEED (default 1) says which, and more than five fill the images: ext4 with two hash seeds, tmpfs, and xfs and btrfs where kernel
# and tools know them. Among them are indexes that programs write in the order of directories (info's, ghc's). Mounting needs root:
# elsewhere the test is skipped, but in CI it fails.
source "$(dirname "$0")/lib.sh"
if [ "$(id -u)" != 0 ]; then
  [ -z "${CI-}" ] || fail "mounting file systems needs root"
  echo "skipped: mounting file systems needs root"
  exit 77
fi
if [ -z "${KARAPACE_TEST_MOUNTS-}" ]; then  # mounts of its own, gone with the test however it ends
  rm -rf "$work"
  KARAPACE_TEST_MOUNTS=private exec unshare --mount "$0" "$@"
fi

unmount() {
  local status=$? place
  set +e
  for place in "$work"/on/*; do umount "$place" 2>/dev/null; done
  (exit $status)
  cleanup
}
trap unmount EXIT

on_image() { # NAME MKFS...: a file system in a file, where the machine has loop devices
  local name=$1
  shift
  truncate -s 5G "$work/$name.image"
  "$@" "$work/$name.image" >"$work/log" 2>&1 || { cat "$work/log"; fail "$*"; }
  mkdir -p "$work/on/$name"
  mount -o loop "$work/$name.image" "$work/on/$name" || { rmdir "$work/on/$name"; echo "not tested: $name, no loop device"; }
}

has() { # NAME: kernel and tools
  type "mkfs.$1" >/dev/null 2>&1 && { grep -qw "$1" /proc/filesystems || modprobe "$1" 2>/dev/null; }
}

mkdir -p "$work/on/disk"
on_image ext4 mkfs.ext4 -q -E hash_seed=11111111-1111-4111-8111-111111111111
on_image ext4-again mkfs.ext4 -q -E hash_seed=22222222-2222-4222-8222-222222222222
mkdir "$work/on/tmpfs"
mount -t tmpfs -o size=5G none "$work/on/tmpfs"
for name in xfs btrfs; do
  if has $name; then on_image $name mkfs.$name -q; else echo "not tested: $name"; fi
done

packages="hello ed wget time man-db openssh-server ca-certificates busybox-static info gawk ghc libghc-split-dev libghc-random-dev"

# An entry of a document that update-info-dir does not know.
setup='[setup]
run = [
  "printf \"INFO-DIR-SECTION Own\\nSTART-INFO-DIR-ENTRY\\n* own: (/opt/own).  Own.\\nEND-INFO-DIR-ENTRY\\n\" >/opt/own.info",
  "install-info /opt/own.info /usr/share/info/dir",
]'

user_mode() { # NAME: of a place
  case $1 in subid | single) echo "$1" ;; *) echo root ;; esac
}

at() { # NAME COMMAND...
  as "$(user_mode "$1")" KARAPACE_STORE="$work/on/$1/store" "${@:2}"
}

build() { # NAME PROJECT: with the lock that another place has made, if one has
  local place=$work/on/$1
  [ ! -e "$work/$2.lock" ] || install -o "$(user_of "$(user_mode "$1")")" "$work/$2.lock" "$place/$2/karapace.lock"
  at "$1" karapace build "$place/$2" >"$work/log" 2>&1 || { tail -30 "$work/log"; fail "build of $2 on $1"; }
  cp "$place/$2/karapace.lock" "$work/$2.lock"
}

build_all() { # NAME
  local mode round
  mode=$(user_mode "$1")
  step "$1"
  make_user "$mode"
  warm "$mode" "$work/on/$1/store"
  project "$mode" "$work/on/$1/project" $packages
  cat >>"$work/on/$1/project/karapace.toml" <<<"$setup"
  build "$1" project
  for round in "${!sets[@]}"; do
    # shellcheck disable=SC2086  # a word for each package
    project "$mode" "$work/on/$1/$round" ${sets[round]}
    build "$1" "$round"
  done
}

# Sets of up to four packages that go together and are not large, from the names that the resolver knows.
choose_sets() { # NUMBER
  local tried=0 set
  project root "$work/names"
  (cd "$work/names" && at disk karapace lock) >/dev/null 2>&1
  cat "$work"/home-root/.cache/karapace/resolve-deb/*/lists/*_main_*_Packages | sed -n 's/^Package: //p' | LC_ALL=C sort -u >"$work/random"
  while [ ${#sets[@]} -lt "$1" ]; do
    tried=$((tried + 1))
    [ $tried -le $((20 + 10 * $1)) ] || fail "hardly any set can be installed"
    set=$(python3 -c 'import random, sys
choice = random.Random(" ".join(sys.argv[1:3]))
print(" ".join(choice.sample(open(sys.argv[3]).read().split(), choice.randint(1, 4))))' "${KARAPACE_PLACE_SEED:-1}" $tried "$work/random")
    rm -rf "$work/names"
    # shellcheck disable=SC2086
    project root "$work/names" $set
    (cd "$work/names" && at disk karapace lock) >/dev/null 2>&1 || continue
    python3 -c 'import json, sys
sys.exit(sum(p["size"] for p in json.load(open(sys.argv[1]))["packages"]) > 100_000_000)' "$work/names/karapace.lock" || continue
    echo "set: $set"
    sets+=("$set")
  done
}

layer_of() { sed -n 's/.*"layer": "\(.*\)".*/\1/p' "$1"; }

compare() { # NAME: with the first
  local one=$work/on/disk/store second=$work/on/$1/store record
  diff -rq "$one/steps" "$second/steps" && diff -rq "$one/environments" "$second/environments" && return
  for record in $(cd "$one/steps" && grep -l '"kind": "\(install\|setup\)"' ./*); do
    diff "$one/layers/$(layer_of "$one/steps/$record")/listing" \
      "$second/layers/$(layer_of "$second/steps/$record")/listing" || true
  done 2>/dev/null | first 40
  fail "layers on the disk and on $1 differ"
}

sets=()
[ "${KARAPACE_PLACE_SETS:-0}" = 0 ] || choose_sets "$KARAPACE_PLACE_SETS"
build_all disk
step "what its indexes hold"
inside() { at disk karapace exec --ephemeral "$work/on/disk/project" -- sh -ec "$1"; }
inside 'names() { sed -n "s/^\(\* [^:]*:\).*/\1/p" "$1" | LC_ALL=C sort -u; }
  names /usr/share/info/dir >/tmp/here
  update-info-dir
  names /usr/share/info/dir | cat - /tmp/here | sort | uniq -u >/tmp/different
  [ "$(cat /tmp/different)" = "* own:" ] || { cat /tmp/different; exit 1; }
  [ "$(wc -l </tmp/here)" -gt 100 ]' || fail "other entries than update-info-dir makes, and the own one"
inside 'ghc-pkg check --global && ghc-pkg list --global | grep random- >/dev/null' || fail "ghc-pkg is not content"
others="ext4 ext4-again tmpfs xfs btrfs"
if [ ${#sets[@]} -gt 0 ]; then
  others+=" subid single"
  mkdir "$work/on/subid" "$work/on/single"
  for mode in subid single; do make_user $mode; chown "$(user_of $mode)" "$work/on/$mode"; done
fi
for other in $others; do
  [ -d "$work/on/$other" ] || continue
  build_all $other
  compare $other
  umount "$work/on/$other" 2>/dev/null || true
done
echo "runs: $((1 + ${#sets[@]}))"
