#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An image of a registry that wants a login is the base, and a package is installed on top of it: the lock
# pins it, what its dpkg has counts, its variables hold, and a tag that moves changes nothing until `--upgrade`.
source "$(dirname "$0")/lib.sh"
for program in docker-registry skopeo; do
  command -v $program >/dev/null || { echo "$program is not installed"; exit 77; }
done
modes="${modes%% *} single"  # subid has no code of its own on this way
maker=single
make_user $maker
warm $maker "$work/store-made"

step "an image of three layers in a registry with a login"
project $maker "$work/made"
as $maker KARAPACE_STORE="$work/store-made" karapace build "$work/made" >"$work/made.log" 2>&1 ||
  { tail -20 "$work/made.log"; fail "build the base"; }
as $maker KARAPACE_STORE="$work/store-made" karapace exec --ephemeral "$work/made" -- \
  tar -C / --one-file-system --exclude=./run/* --exclude=./proc/* --exclude=./sys/* --exclude=./dev/* --exclude=./tmp/* \
  --exclude=./usr/share/locale -cf - . >"$work/base.tar"
python3 -W ignore -c 'import crypt; print("me:" + crypt.crypt("secret", crypt.mksalt(crypt.METHOD_BLOWFISH)))' >"$work/htpasswd"
start_registry "auth: {htpasswd: {realm: test, path: $work/htpasswd}}"
cat >"$work/image.py" <<'END'
import hashlib, io, json, os, sys, tarfile, zlib
out, base, words = sys.argv[1:]
os.makedirs(out + "/blobs/sha256")

def blob(data, kind):
    digest = hashlib.sha256(data).hexdigest()
    with open(f"{out}/blobs/sha256/{digest}", "wb") as file:
        file.write(data)
    return {"mediaType": "application/vnd.oci.image." + kind, "digest": "sha256:" + digest, "size": len(data)}

def layer(tar):
    squeeze = zlib.compressobj(1, zlib.DEFLATED, 31)
    return blob(squeeze.compress(tar) + squeeze.flush(), "layer.v1.tar+gzip"), "sha256:" + hashlib.sha256(tar).hexdigest()

def second(words):
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w", format=tarfile.PAX_FORMAT) as tar:
        def add(name, content="", **more):
            entry = tarfile.TarInfo(name)
            entry.size = len(content.encode())
            for key, value in more.items():
                setattr(entry, key, value)
            tar.addfile(entry, io.BytesIO(content.encode()))
        add("etc/words", words)
        add("usr/share/doc/.wh..wh..opq")
        add("etc/.wh.motd")
        add("bin/another-ls", type=tarfile.LNKTYPE, linkname="bin/ls")
    return memory.getvalue()

with open(base, "rb") as file:
    tars = [file.read(), bytes(1024), second(words), bytes(1024)]
layers = [layer(tar) for tar in tars]
config = blob(json.dumps({"architecture": os.environ["ARCHITECTURE"], "os": "linux", "rootfs": {"type": "layers", "diff_ids": [d for _, d in layers]},
    "config": {"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "WORDS=of the image", "MINE=of the image"]}}).encode(), "config.v1+json")
manifest = blob(json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config,
    "layers": [l for l, _ in layers]}).encode(), "manifest.v1+json")
manifest["annotations"] = {"org.opencontainers.image.ref.name": "1"}
with open(out + "/oci-layout", "w") as file:
    file.write('{"imageLayoutVersion": "1.0.0"}')
with open(out + "/index.json", "w") as file:
    json.dump({"schemaVersion": 2, "manifests": [manifest]}, file)
END
push() { # WORDS
  rm -rf "$work/layout"
  ARCHITECTURE=$(dpkg --print-architecture) python3 "$work/image.py" "$work/layout" "$work/base.tar" "$1"
  skopeo copy -q --dest-creds me:secret --dest-tls-verify=false "oci:$work/layout:1" "docker://$registry/team/debian:12"
}
push first

for mode in $modes; do
  make_user "$mode"
  project=$work/p-$mode
  run() { as "$mode" KARAPACE_STORE="$work/store-$mode" "$@"; }
  mkdir "$project"
  printf 'manifest_version = 1\n[base]\nimage = "oci:%s/team/debian:12"\n[system]\npackages = ["hello"]\n[environment]\nMINE = "mine"\n' \
    "$registry" >"$project/karapace.toml"
  warm "$mode" "$work/store-$mode"
  chown -R "$(user_of "$mode")" "$project"

  step "$mode: without a login it is not had, and that is said"
  if run karapace lock "$project" 2>"$work/said"; then fail "a lock without a login"; fi
  finds "podman login" <"$work/said" || fail "what is said: $(cat "$work/said")"
  run sh -c 'mkdir -p ~/.docker; echo "{\"auths\": {\"'"$registry"'\": {\"auth\": \"bWU6c2VjcmV0\"}}}" >~/.docker/config.json'

  step "$mode: with one it is the base of a package"
  run karapace build "$project" >"$work/build.log" 2>&1 || { tail -20 "$work/build.log"; fail "build"; }
  run karapace build "$project" >"$work/again.log" 2>&1
  finds "no work to do" <"$work/again.log" || fail "built again: $(cat "$work/again.log")"
  inside() { run karapace exec --ephemeral "$project" -- sh -c "$1"; }
  expect "hello" "Hello, world!" "$(inside hello)"
  expect "variables" "of the image, mine" "$(inside 'echo $WORDS, $MINE')"
  expect "the second layer" "first" "$(inside 'cat /etc/words')"
  expect "what it hides" "hello" "$(inside 'ls /usr/share/doc; ls /etc/motd 2>/dev/null || true')"
  expect "a hard link to a file below it" "2" "$(inside 'stat -c %h /bin/ls')"
  expect "audit" "" "$(inside 'dpkg --audit')"
  run karapace verify-store >"$work/verify.log" 2>&1 || { tail -5 "$work/verify.log"; fail "verify-store"; }
done
step "every mode has the same lock and the same records"
made() { # MODE
  (cd "$work/store-$1/steps" && grep -lE '"kind": "(unpack|install|environment)"' ./* | sort | xargs cat | sha256sum)
}
for mode in $modes; do
  cmp "$work/p-$mode/karapace.lock" "$project/karapace.lock" || fail "the lock of $mode is another"
  expect "records of $mode" "$(made "${modes##* }")" "$(made "$mode")"
done
mode=${modes##* }

step "a tag that moves"
push second
run karapace build "$project" >"$work/build.log" 2>&1
expect "the lock stays" "first" "$(inside 'cat /etc/words')"
run karapace lock --upgrade "$project" >"$work/lock.log" 2>&1 || { cat "$work/lock.log"; fail "lock --upgrade"; }
run karapace build "$project" >"$work/build.log" 2>&1 || { tail -20 "$work/build.log"; fail "build of the new one"; }
expect "the new one" "second" "$(inside 'cat /etc/words')"

step "what can not be is said"
refuse() { # IMAGE PART-OF-THE-MESSAGE
  printf 'manifest_version = 1\n[base]\nimage = "%s"\n' "$1" >"$project/karapace.toml"
  if run karapace lock "$project" >"$work/said" 2>&1; then fail "$1 is locked"; fi
  finds -F "$2" <"$work/said" || fail "$1: $(cat "$work/said")"
}
refuse "oci:$registry/team/debian:none" "none"
refuse "oci:$registry/team/Debian:12" "karapace.toml:3:9: base.image"
refuse "oci-layout:nowhere" "nowhere"
echo "image_base: passed"
