#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The same lock gives the same layers on every file system: ext4 with two hash seeds, tmpfs, and xfs and btrfs where kernel
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

build() { # NAME
  local place=$work/on/$1
  step "$1"
  project root "$place/project" $packages
  cat >>"$place/project/karapace.toml" <<<"$setup"
  [ ! -e "$work/lock" ] || cp "$work/lock" "$place/project/karapace.lock"
  warm root "$place/store"
  as root KARAPACE_STORE="$place/store" karapace build "$place/project" >"$work/log" 2>&1 ||
    { tail -30 "$work/log"; fail "build on $1"; }
  cp "$place/project/karapace.lock" "$work/lock"
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

build disk
step "what its indexes hold"
inside() { as root KARAPACE_STORE="$work/on/disk/store" karapace exec --ephemeral "$work/on/disk/project" -- sh -ec "$1"; }
inside 'names() { sed -n "s/^\(\* [^:]*:\).*/\1/p" "$1" | LC_ALL=C sort -u; }
  names /usr/share/info/dir >/tmp/here
  update-info-dir
  names /usr/share/info/dir | cat - /tmp/here | sort | uniq -u >/tmp/different
  [ "$(cat /tmp/different)" = "* own:" ] || { cat /tmp/different; exit 1; }
  [ "$(wc -l </tmp/here)" -gt 100 ]' || fail "other entries than update-info-dir makes, and the own one"
inside 'ghc-pkg check --global && ghc-pkg list --global | grep random- >/dev/null' || fail "ghc-pkg is not content"
for other in ext4 ext4-again tmpfs xfs btrfs; do
  [ -d "$work/on/$other" ] || continue
  build $other
  compare $other
  umount "$work/on/$other"
done
