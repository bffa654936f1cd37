#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Steps that fail say what happened and leave a state to look at; hostile archives, a full disk, lost and damaged contents
# are told clearly, and nothing finished is lost.
source "$(dirname "$0")/lib.sh"
mode=${modes%% *}
store=$work/store
make_user "$mode"
warm "$mode" "$store"
run() { as "$mode" KARAPACE_STORE="$store" "$@"; }

# failing PATTERN COMMAND...: fails, and its output matches.
failing() {
  local pattern=$1 output
  shift
  if output=$("$@" 2>&1); then fail "succeeded: $*"; fi
  grep -qE -- "$pattern" <<<"$output" || fail "$* said: $output; expected: $pattern"
}

# A root file system that can run nothing, for archives that are only unpacked.
archive_base() { # FILE
  printf 'manifest_version = 1\n[base]\nimage = "./%s"\nsha256 = "%s"\n' "$1" "$(sha256sum <"$1" | cut -d' ' -f1)" >karapace.toml
  chown -R "$(user_of "$mode")" .
  rm -f karapace.lock
}

step "a set-up command that fails, and a shell in its state"
project "$mode" "$work/setup" hello
cd "$work/setup"
cat >>karapace.toml <<'END'
[setup]
run = ["echo kept > /etc/kept", "echo what it printed; exit 3"]
END
failing 'setup command "echo what it printed; exit 3" failed with status 3' run karapace build
failing '  what it printed' run karapace build
key=$(run karapace build 2>&1 | sed -n 's/^a shell in this state: karapace debug //p' || true)
expect "the state kept" kept "$(echo 'cat /etc/kept' | run karapace debug "$key" 2>/dev/null | tr -d '\r' | grep -x kept)"

step "the step goes on once the manifest is mended"
sed -i 's/; exit 3//' karapace.toml
run karapace build >"$work/log" || { cat "$work/log"; fail "mended"; }
expect "the mended environment" kept "$(run karapace exec . -- cat /etc/kept)"
keep "$store"

step "a record that is gone comes back, and nothing else is made again"
record=$(records "$store" setup)
rm "$store/steps/$record"
run karapace build >"$work/log"
[ -e "$store/steps/$record" ] || fail "the record did not come back"
grep -q '^\[1/[12]\] setup' "$work/log" || { cat "$work/log"; fail "more than the set-up was made again"; }

step "a damaged download is noticed when it is used, and repaired"
unpack=$(records "$store" unpack | sed -n 1p)
read -r fetch blob < <(python3 - "$store/steps" "$unpack" <<'END'
import json, sys
steps, unpack = sys.argv[1:]
fetch = json.load(open(f"{steps}/{unpack}"))["inputs"][0]
print(fetch, json.load(open(f"{steps}/{fetch}"))["output"]["blob"])
END
)
chmod u+w "$store/blobs/$blob"
printf 'X' | dd of="$store/blobs/$blob" bs=1 seek=200 conv=notrunc status=none
rm "$store/steps/$unpack"
failing 'damaged' run karapace build
failing "$blob" run karapace verify-store
run karapace verify-store --repair >/dev/null
run karapace build >"$work/log" || { tail -20 "$work/log"; fail "after the repair"; }

step "hostile and broken archives"
mkdir -p "$work/hostile"
cd "$work/hostile"
python3 - <<'END'
import io, tarfile
def archive(name, *entries):
    with tarfile.open(name, "w") as tar:
        for path, kind, target in entries:
            info = tarfile.TarInfo(path)
            info.type, info.linkname = kind, target
            data = b"x" if kind == tarfile.REGTYPE else b""
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
archive("up.tar", ("../evil", tarfile.REGTYPE, ""))
archive("absolute.tar", ("/tmp/karapace-evil", tarfile.REGTYPE, ""))
archive("through.tar", ("etc", tarfile.SYMTYPE, "/tmp"), ("etc/karapace-evil", tarfile.REGTYPE, ""))
archive("device.tar", ("usr/sda", tarfile.BLKTYPE, ""))
archive("good.tar", ("file", tarfile.REGTYPE, ""))
archive("hard.tar", ("passwd", tarfile.LNKTYPE, "/etc/passwd"))
END
head -c 512 good.tar >cut.tar
for pair in 'up.tar|leads outside' 'absolute.tar|is absolute' 'through.tar|passes through "etc"' 'device.tar|device node' \
  'hard.tar|absolute' 'cut.tar|damaged|not a readable archive'; do
  archive_base "${pair%%|*}"
  failing "${pair#*|}" run karapace build
done
[ ! -e /tmp/karapace-evil ] || fail "an archive wrote outside"
archive_base cut.tar
sed -i 's/sha256 = "...../sha256 = "00000/' karapace.toml
failing 'sha256|digest' run karapace build

step "what a failing command prints is shown, and not obeyed"
rm -rf "$work/hostile" && mkdir -p "$work/hostile/root"/{dev,etc,proc,run,sys,tmp,usr/bin} && cd "$work/hostile"
ln -s usr/bin root/bin
cp -L /bin/sh root/usr/bin/sh
ldd /bin/sh | grep -o '/[^ ]*' | while read -r library; do install -D "$(realpath "$library")" "root$library"; done
tar -C root -cf base.tar .
archive_base base.tar
cat >>karapace.toml <<'END'
[setup]
run = ["printf '\\033]0;owned\\007\\033[2J\\302\\233'; exit 3", "echo \u009b \u202e"]
END
if run karapace build >"$work/log" 2>&1; then fail "the failing command succeeded"; fi
grep -qF '  \x1b]0;owned\x07\x1b[2J\xc2\x9b' "$work/log" || { cat -v "$work/log"; fail "what it printed is not shown"; }
if LC_ALL=C grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80\xae' "$work/log"; then
  cat -v "$work/log"; fail "control characters reached the terminal"
fi

if [ "$(id -u)" = 0 ]; then
  step "a full disk"
  cp -r "$work/setup" "$work/full"
  rm -rf "$work/full/.karapace"
  mkdir "$work/small"
  export -f as user_of fail
  unshare --mount bash -c '
    set -euo pipefail
    work=$1 mode=$2 programs=$3; shift 3
    mount -t tmpfs -o size=120m,mode=0700 tmpfs "$work/small"
    cd "$work/full"
    if as "$mode" KARAPACE_STORE="$work/small" karapace build >"$work/full.log" 2>&1; then fail "a full disk went unnoticed"; fi
    grep -q "No space left on device" "$work/full.log" || { tail -20 "$work/full.log"; fail "the message does not tell"; }
    as "$mode" KARAPACE_STORE="$work/small" karapace verify-store >/dev/null || fail "a full disk damaged the store"
    mount -o remount,size=3g "$work/small"
    as "$mode" KARAPACE_STORE="$work/small" karapace build >"$work/full.log" 2>&1 || { tail -20 "$work/full.log"; fail "it did not go on"; }
    as "$mode" KARAPACE_STORE="$work/small" karapace exec . -- cat /etc/kept' bash "$work" "$mode" "$programs"
fi
