#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Images that others made become bases with exactly the files that umoci unpacks: umoci's and buildah's, gzip and zstd, OCI's
# and docker's, of an index, of 127 layers; with hard links, whiteouts, attributes, capabilities and odd names.
source "$(dirname "$0")/lib.sh"
for program in docker-registry skopeo umoci buildah setcap; do
  command -v $program >/dev/null || { echo "$program is not installed"; exit 77; }
done
[ "$(id -u)" = 0 ] || { echo "umoci unpacks owners as root only"; exit 77; }
make_user root
start_registry
cd "$work"
store=$work/store-root
quiet() { "$@" >"$work/said" 2>&1 || { tail -5 "$work/said"; fail "$*"; }; }

# first ROOT, second ROOT: what is in the first layer, and what the second makes of it.
first_layer() {
  local root=$1
  mkdir -p "$root"/{etc/skel,usr/bin,usr/lib/deep/er,opt/gone/deep,opt/again,opt/file,tmp,srv/replaced}
  echo one >"$root/etc/one"
  echo two >"$root/etc/with space \"ü\""
  printf 'odd' >"$root/etc/"$'new\nline'
  echo hidden >"$root/etc/hidden"
  ln "$root/etc/one" "$root/usr/bin/hard"
  ln -s ../../etc/one "$root/usr/bin/soft"
  ln -s /nowhere "$root/etc/dangling"
  cp /bin/true "$root/usr/bin/true"
  cp /bin/true "$root/usr/bin/able"
  echo x | tee "$root"/opt/{gone/deep,again,file,../srv/replaced}/x >"$root/usr/lib/deep/er/x"
  mkfifo "$root/tmp/fifo"
  chown 1000:1001 "$root/etc/skel" "$root/usr/bin/true"
  chmod 4755 "$root/usr/bin/true"
  chmod 1777 "$root/tmp"
  setcap cap_net_raw+ep "$root/usr/bin/able"
  python3 -c 'import os, sys; os.setxattr(sys.argv[1], "user.note", b"a\0b")' "$root/etc/one"
}
second_layer() {
  local root=$1
  rm -r "$root"/{opt/gone,opt/again,opt/file,etc/hidden,srv/replaced}
  mkdir "$root/opt/again"
  echo y >"$root/opt/again/y"
  echo file >"$root/opt/file"
  ln -s /etc "$root/srv/replaced"
  ln "$root/usr/bin/true" "$root/usr/bin/another"
  chmod 700 "$root/etc/skel"
  mkdir -p "$root/new/a"
  echo n >"$root/new/a/n"
}

step "umoci makes an image of two layers"
quiet umoci init --layout made
quiet umoci new --image made:umoci
for layer in first_layer second_layer; do
  quiet umoci unpack --image made:umoci bundle
  $layer bundle/rootfs
  quiet umoci repack --image made:umoci bundle
  rm -r bundle
done

step "umoci makes one of 127 layers"
quiet umoci new --image made:many
mkdir -p part
for i in $(seq 127); do
  rm -rf part/*
  mkdir -p part/d
  echo "$i" >"part/d/$((i % 10))"
  echo "$i" >"part/$i"
  [ "$i" -lt 20 ] || : >"part/.wh.$((i - 10))"
  tar -C part --sort=name -cf part.tar .
  quiet umoci raw add-layer --image made:many part.tar
done

step "buildah makes one of two layers, and an index"
buildah() { command buildah --storage-driver vfs --root "$work/buildah" --runroot "$work/buildah-run" "$@"; }
quiet buildah from --name one scratch
for layer in first_layer second_layer; do
  $layer "$(buildah mount one)"
  quiet buildah umount one
  quiet buildah commit one "localhost/$layer"
  quiet buildah from --name two "localhost/$layer"
  quiet buildah rm one
  quiet buildah rename two one
done
quiet buildah push --tls-verify=false localhost/second_layer "docker://$registry/team/buildah:1"
quiet buildah push --tls-verify=false --format v2s2 localhost/second_layer "docker://$registry/team/docker:1"
quiet buildah manifest create both
quiet buildah manifest add both localhost/second_layer
other=$(buildah from --arch s390x scratch)
quiet buildah config --arch s390x "$other"
quiet buildah commit "$other" localhost/other
quiet buildah manifest add --arch s390x both localhost/other
quiet buildah manifest push --all --tls-verify=false both "docker://$registry/team/index:1"

step "skopeo brings them to the registry"
copy() { quiet skopeo --insecure-policy copy -q --dest-tls-verify=false "$@"; }
copy oci:made:umoci "docker://$registry/team/umoci:1"
copy oci:made:many "docker://$registry/team/many:1"
copy --dest-compress-format zstd oci:made:umoci oci:zstd:1
copy oci:zstd:1 "docker://$registry/team/zstd:1"
copy --format v2s2 oci:made:umoci "docker://$registry/team/v2s2:1"
copy oci:made:umoci oci-archive:archive.tar:1
copy --format v2s2 oci:made:umoci docker-archive:docker.tar:team/docker:1

# same NAME BASE SOURCE: the environment on BASE is what umoci unpacks of SOURCE, an address of skopeo's.
same() {
  local name=$1 base=$2 source=$3
  rm -rf unpacked bundle "project-$name"
  quiet skopeo --insecure-policy copy -q --src-tls-verify=false "$source" oci:unpacked:1
  quiet umoci unpack --image unpacked:1 bundle
  "$here/look.py" bundle/rootfs >"wanted-$name"
  mkdir "project-$name"
  printf 'manifest_version = 1\n[base]\nimage = "%s"\n' "$base" >"project-$name/karapace.toml"
  quiet as root KARAPACE_STORE="$store" karapace build "$work/project-$name"
  look_at_environment "$store" "$work/project-$name" >"found-$name"
  diff "wanted-$name" "found-$name" >differences || { sed -n 1,20p differences; fail "$name: the environment is another than what umoci unpacks"; }
  echo "$name: $(wc -l <"found-$name") paths"
}

step "each is a base with the files that umoci unpacks"
for name in umoci buildah docker index v2s2 many; do
  same $name "oci:$registry/team/$name:1" "docker://$registry/team/$name:1"
done
same zstd "oci:$registry/team/zstd:1" oci:made:umoci
same layout "oci-layout:$work/made:umoci" oci:made:umoci
same archive "oci-archive:$work/archive.tar" oci:made:umoci
same docker-archive "docker-archive:$work/docker.tar" oci:made:umoci
[ "$(wc -l <wanted-umoci)" -gt 25 ] || fail "what umoci made has only $(wc -l <wanted-umoci) paths"
finds capability <wanted-umoci || fail "there are no capabilities to compare"
finds user.note <wanted-buildah || fail "there are no attributes to compare"
cmp found-umoci found-layout || fail "the layout has another tree than the registry"
quiet as root KARAPACE_STORE="$store" karapace verify-store
echo "image_makers: passed"
