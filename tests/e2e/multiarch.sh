#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Packages of a second architecture: the tree that dpkg itself makes of them, in every id mode, and their programs run.
source "$(dirname "$0")/lib.sh"
[ "$(dpkg --print-architecture)" = amd64 ] || { echo "i386 beside amd64 only"; exit 77; }

# The C library in both; one that both install anew, with files that they share; a program, and one with users and scripts.
packages=(libc6:i386 zlib1g-dev zlib1g-dev:i386 libpam-runtime libpam0g:i386 hello:i386 mawk:i386)
[ "$(id -u)" = 0 ] || packages=(libc6:i386 zlib1g-dev:i386 hello:i386)

inside() { as "$1" KARAPACE_STORE="$work/store-$1" karapace exec . -- "${@:2}"; }

for mode in $modes; do
  make_user "$mode"
  project "$mode" "$work/$mode" "${packages[@]}"
  [ ! -e "$work/karapace.lock" ] || { cp "$work/karapace.lock" "$work/$mode/"; chown "$(user_of "$mode")" "$work/$mode/karapace.lock"; }
  warm "$mode" "$work/store-$mode"
  cd "$work/$mode"
  step "$mode: build"
  as "$mode" KARAPACE_STORE="$work/store-$mode" karapace build >"$work/build.log" 2>&1 || { tail -40 "$work/build.log"; fail "build"; }
  cp karapace.lock "$work/karapace.lock"
  expect "foreign architectures" i386 "$(inside "$mode" dpkg --print-foreign-architectures)"
  expect "dpkg's list" "amd64 i386" "$(inside "$mode" cat /var/lib/dpkg/arch | xargs)"
  expect "audit" "" "$(inside "$mode" dpkg --audit)"
  expect "verify" "" "$(inside "$mode" dpkg --verify)"
  expect "the C library" "amd64 i386" "$(inside "$mode" dpkg-query -Wf '${Architecture} ' libc6 | xargs)"
  expect "a program" "Hello, world!" "$(inside "$mode" hello)"
  as "$mode" KARAPACE_STORE="$work/store-$mode" karapace inspect . --json | python3 -c 'import json,sys
print(*(layer["layer"] for layer in json.load(sys.stdin)["layers"]))' >"$work/layers-$mode"
  [ ! -e "$work/layers" ] || cmp "$work/layers" "$work/layers-$mode" || fail "$mode has other layers"
  cp "$work/layers-$mode" "$work/layers"
done

[ "$(id -u)" = 0 ] || exit 0
step "the same packages by mmdebstrap"
cd "$work/root"
names=$(python3 -c 'import json
lock = json.load(open("karapace.lock"))
print(",".join(p["name"] + (":i386" if p["architecture"] == "i386" else "") for p in lock["base"] + lock["packages"]))')
mmdebstrap --variant=custom --mode=root --architectures=amd64,i386 --include="$names" bookworm "$work/reference" \
  >"$work/mmdebstrap.log" 2>&1 || { tail -20 "$work/mmdebstrap.log"; fail "mmdebstrap"; }
listing='cd / && find bin etc lib lib64 opt sbin srv usr var -xdev -mindepth 0 \( -type f -printf "%p %y %m %u:%g %s\n" \) -o -printf "%p %y %m %u:%g %l\n"
find usr etc -xdev -type f -print0 | sort -z | xargs -0 sha256sum; LC_ALL=C sort var/lib/dpkg/arch
dpkg-query -W -f "\${binary:Package} \${Status} \${Conffiles}\n"'
# As in equality.sh: caches, logs, backups, what is random, dated or of who looks.
different() {
  grep -vE '(^|  )(var/(log|cache/(apt|man|ldconfig|debconf)|lib/(apt|dpkg/(status|available|lock|triggers|cmethopt|info|statoverride)))|etc/(apt/(sources\.list|apt\.conf\.d)|machine-id|hostname|hosts|resolv\.conf|fstab|shadow|shells|mtab|passwd|group|gshadow|subuid|subgid|\.pwd\.lock|ld\.so\.cache))' |
    grep -vE '/__pycache__|-old |etc/.*- '
}
chroot "$work/reference" sh -c "$listing" | different | LC_ALL=C sort >"$work/expected"
inside root sh -c "$listing" | different | LC_ALL=C sort >"$work/actual"
[ "$(wc -l <"$work/expected")" -gt 5000 ] || fail "too few paths to mean anything"
diff "$work/expected" "$work/actual" >"$work/difference" || { head -60 "$work/difference"; fail "the systems differ"; }
echo "$(wc -l <"$work/expected") lines agree"
