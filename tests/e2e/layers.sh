#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a person changed in an environment becomes a layer of its manifest, and the same tree in every store and id mode.
source "$(dirname "$0")/lib.sh"

# Everything that a layer can hold; a secret and a socket, which it can not.
change='
rm /etc/issue
rm -r /etc/skel
mkdir -p /etc/skel /etc/ssh /opt/tools/deep
echo new >/etc/skel/.profile
echo tool >/opt/tools/tool
chmod 4755 /opt/tools/tool
ln /opt/tools/tool /opt/tools/another
mkfifo -m 620 /opt/tools/pipe
ln -s ../nowhere /opt/tools/link
truncate -s 64M /opt/tools/image
printf x | dd of=/opt/tools/image bs=1 seek=40000000 conv=notrunc status=none
echo secret-of-this-instance >/etc/ssh/ssh_host_rsa_key
ln /etc/ssh/ssh_host_rsa_key /opt/tools/copy
chmod 2775 /opt/tools/deep
touch -d "2001-02-03 04:05:06 UTC" /opt/tools/tool
perl -MSocket -e '"'"'
  for my $name ("\xff\n caf\xc3\xa9 cafe\xcc\x81", "n" x 255) { open(my $file, ">", "/opt/tools/$name") or die; print $file "odd"; }
  my $deep = "/opt/tools";
  for (1 .. 20) { $deep .= "/" . "d" x 100; mkdir $deep or die; }
  for (["user.a=b", "\n=\xff"], ["user.empty", ""]) {
    my ($file, $name, $value) = ("/opt/tools/tool", @$_);
    syscall(188, $file, $name, $value, length $value, 0) == 0 or die "setxattr: $!";
  }
  socket(my $socket, PF_UNIX, SOCK_STREAM, 0) or die;
  bind($socket, pack_sockaddr_un("/opt/tools/socket")) or die;
'"'"'
'

# Owners can be seen where there are ids for them; those of single mode are compared by the layer.
look='
cd /
find etc opt -path etc/ssh -prune -o ! -path opt/tools/copy ! -path opt/tools/socket ! -path etc/hosts ! -path etc/hostname \
  ! -path etc/resolv.conf ! -path etc/machine-id ! -path etc/mtab ! -path etc/.pwd.lock \
  \( -type d -printf "%y %p %m %U %G\n" -o -type f -printf "%y %p %m %U %G %s %n " -exec sha256sum {} \; \
     -o -printf "%y %p %m %U %G %l\n" \) | LC_ALL=C sort
stat -c "%Y" opt/tools/tool
perl -e '"'"'my ($file, $name, $value) = ("/opt/tools/tool", "user.a=b", "x" x 9); print syscall(191, $file, $name, $value, 9), unpack("H*", $value), "\n";'"'"'
'

inside() { # MODE DIRECTORY SCRIPT
  (cd "$2" && as "$1" KARAPACE_STORE="$work/store-$1" karapace exec . -- sh -ec "$3" 2>"$work/told") ||
    { cat "$work/told"; fail "a script as $1"; }
}

build() { # MODE DIRECTORY OPTION...
  local mode=$1 directory=$2
  shift 2
  (cd "$directory" && as "$mode" KARAPACE_STORE="$work/store-$mode" karapace build "$@" >"$work/build.log" 2>&1) ||
    { tail -50 "$work/build.log"; fail "build as $mode"; }
}

first=${modes%% *}
make_user "$first"
warm "$first" "$work/store-$first"
origin=$work/origin
project "$first" "$origin"
printf '\n# a comment that stays   \n[environment]\nEDITOR = "vi" # and this' >>"$origin/karapace.toml"
cp "$origin/karapace.toml" "$work/before.toml"

step "a person's changes become a layer"
build "$first" "$origin"
keep "$work/store-$first"
inside "$first" "$origin" "$change"
inside "$first" "$origin" "$look" >"$work/seen"
commit_to_manifest() { (cd "$origin" && as "$first" KARAPACE_STORE="$work/store-$first" karapace commit . --to-manifest "$@"); }
(cd "$origin" && as "$first" KARAPACE_STORE="$work/store-$first" karapace exec . --ephemeral -- \
  sh -c 'touch begun; sleep 4') &
other=$!
for i in $(seq 100); do [ -e "$origin/begun" ] && break; sleep 0.1; done
! commit_to_manifest >/dev/null 2>"$work/told" || fail "a manifest was replaced under a session that shows it"
grep -q "a session runs that shows the manifest" "$work/told" || { cat "$work/told"; fail "the other session is not told"; }
[ ! -e "$origin/layers/origin-1.tar.zst" ] || fail "an archive is left"
wait "$other"
rm "$origin/begun"
commit_to_manifest -m "our tools" >"$work/committed" 2>"$work/told" || { cat "$work/told"; fail "commit"; }
cat "$work/committed" "$work/told"
printf '\n\n[[layers]]\narchive = "layers/origin-1.tar.zst"\ntitle = "our tools"\n' | cat "$work/before.toml" - >"$work/after.toml"
cmp "$work/after.toml" "$origin/karapace.toml" || fail "the manifest is another"
grep -q "each instance has its own: /etc/ssh/ssh_host_rsa_key, /opt/tools/copy" "$work/told" || fail "secrets were not told"
grep -q "sockets: /opt/tools/socket" "$work/told" || fail "a socket was not told"
zstd -dc "$origin/layers/origin-1.tar.zst" >"$work/archive.tar"
! grep -q secret-of-this-instance "$work/archive.tar" || fail "a secret is in the archive"
commit_to_manifest >"$work/committed" 2>/dev/null || fail "a second commit"
grep -q "origin-1.tar.zst.* is a layer of the manifest already" "$work/committed" || fail "the same changes were written twice"
cmp "$work/after.toml" "$origin/karapace.toml" || fail "the manifest has the same changes twice"
inside "$first" "$origin" 'touch /opt/later'
! commit_to_manifest >/dev/null 2>"$work/told" || fail "changes that a layer to come has were written once more"
grep -q "has not the layer layers/origin-1.tar.zst yet" "$work/told" || { cat "$work/told"; fail "why it was refused"; }
inside "$first" "$origin" 'rm /opt/later'

step "and are locked"
build "$first" "$origin"
grep -q '"archive": "layers/origin-1.tar.zst", "title": "our tools"' "$origin/karapace.lock" || fail "the lock has no layer"

layer=
for mode in $modes; do
  step "$mode: another store has the same tree"
  make_user "$mode"
  project=$work/elsewhere-$mode
  cp -r "$origin" "$project"
  rm -rf "$project/.karapace" "$project/build.ninja"
  chown -R "$(user_of "$mode")" "$project"
  rm -rf "$work/store-$mode"
  warm "$mode" "$work/store-$mode"
  build "$mode" "$project" --locked
  found=$(cd "$project" && as "$mode" KARAPACE_STORE="$work/store-$mode" karapace inspect . --json |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["layers"][-1]["layer"])')
  expect "the layer" "${layer:=$found}" "$found"
  ! grep -rq secret-of-this-instance "$work/store-$mode/layers/$found" || fail "a secret is in the layer"
  inside "$mode" "$project" "$look" >"$work/seen-$mode"
  if [ "$mode" = single ]; then
    cut -d ' ' -f 1-3 "$work/seen" >"$work/expected" && cut -d ' ' -f 1-3 "$work/seen-$mode" >"$work/found"
  else
    cp "$work/seen" "$work/expected" && cp "$work/seen-$mode" "$work/found"
  fi
  diff "$work/expected" "$work/found" || fail "the tree as $mode differs"
  blocks=$(find "$work/store-$mode/layers/$found/tree/opt/tools/image" -printf %b)
  [ "$blocks" -lt 1000 ] || fail "the holes of a sparse file were filled: $blocks blocks"
  as "$mode" KARAPACE_STORE="$work/store-$mode" karapace verify-store
done

step "a changed archive is noticed"
echo >>"$origin/layers/origin-1.tar.zst"
(cd "$origin" && as "$first" KARAPACE_STORE="$work/store-$first" karapace gen --locked 2>"$work/told") && fail "it was not" || true
grep -q "layers: ~ layers/origin-1.tar.zst" "$work/told" || { cat "$work/told"; fail "it was told otherwise"; }
