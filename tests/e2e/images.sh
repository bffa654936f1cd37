#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An environment as an image: the same bytes in every store and id mode, however many processors there are, and exactly the
# environment's tree in other tools.
source "$(dirname "$0")/lib.sh"

manifest='
[setup]
run = ["rm /etc/issue && rm -r /etc/skel && mkdir -p /etc/skel /opt/tools && echo new >/etc/skel/.profile && echo tool >/opt/tools/tool && chmod 4755 /opt/tools/tool && ln /opt/tools/tool /opt/tools/another && chown 33:33 /opt/tools"]
[environment]
EDITOR = "vi"
[image]
entrypoint = ["/bin/cat"]
command = ["/opt/tools/another"]
user = "33:33"
labels = { "org.example.team" = "e2e" }
'

for mode in $modes; do
  make_user "$mode"
  step "$mode: images of the same lock"
  warm "$mode" "$work/store-$mode"
  project "$mode" "$work/$mode/dev"
  printf '%s' "$manifest" >>"$work/$mode/dev/karapace.toml"
  [ ! -e "$work/karapace.lock" ] || cp "$work/karapace.lock" "$work/$mode/dev/"
  chown -R "$(user_of "$mode")" "$work/$mode"
  cd "$work/$mode/dev"
  run=(as "$mode" "KARAPACE_STORE=$work/store-$mode")
  "${run[@]}" karapace build --quiet
  cp karapace.lock "$work/karapace.lock"
  "${run[@]}" karapace image . -o dev.tar -j 8
  "${run[@]}" karapace image . -o oci-layout:layout:dev --compression gzip -j 1
  "${run[@]}" karapace image . -o oci-layout:layout:one --compression gzip --squash
  "${run[@]}" karapace image . -o docker-archive:docker.tar
  mv dev.tar first.tar
  "${run[@]}" karapace gc >/dev/null
  "${run[@]}" taskset -c 0 karapace image . -o dev.tar -j 1
  cmp first.tar dev.tar || fail "$mode: packed again, the image has other bytes"
  first=${first-$mode}
  for file in dev.tar docker.tar layout/index.json; do
    cmp "$work/$first/dev/$file" "$file" || fail "$mode: $file is another than as $first"
  done
done

cd "$work/$first/dev"
if [ "$(id -u)" = 0 ] && command -v umoci >/dev/null; then
  step "umoci unpacks the environment's tree"
  look_at_environment "$work/store-root" . >wanted
  [ "$(wc -l <wanted)" -gt 5000 ] || fail "only $(wc -l <wanted) paths"
  for tag in dev one; do
    umoci unpack --image "layout:$tag" "bundle-$tag" >/dev/null 2>&1 || fail "umoci does not unpack $tag"
    "$here/look.py" "bundle-$tag/rootfs" >found
    diff wanted found >differences || { sed -n 1,20p differences; fail "umoci's tree of $tag differs"; }
  done
fi

if command -v skopeo >/dev/null; then
  step "skopeo reads all forms"
  for image in oci-archive:dev.tar oci:layout:dev oci:layout:one docker-archive:docker.tar; do
    skopeo inspect --config "$image" >config || fail "skopeo does not read $image"
    finds '"EDITOR=vi"' <config || fail "$image has not the manifest's variables"
    finds '"org.example.team": "e2e"' <config || fail "$image has not the manifest's labels"
    skopeo --insecure-policy copy -q "$image" "dir:copy" || fail "skopeo does not copy $image"
    rm -r copy
  done
fi

if [ "$(id -u)" = 0 ] && command -v podman >/dev/null && command -v buildah >/dev/null; then
  step "podman loads it, and buildah runs it"
  where=(--storage-driver vfs --root "$work/podman" --runroot "$work/podman-run")
  podman "${where[@]}" load -q -i dev.tar >/dev/null || fail "podman does not load the image"
  podman "${where[@]}" load -q -i docker.tar >/dev/null || fail "podman does not load the docker-archive"
  # Without a runtime and its cgroups, which not every machine that tests has.
  container=$(buildah "${where[@]}" from --pull-never localhost/dev:latest)
  said=$(buildah "${where[@]}" run --isolation chroot --network host "$container" -- sh -c 'cat /opt/tools/another; echo $EDITOR; id -u; test -e /etc/issue || echo gone')
  [ "$said" = "$(printf 'tool\nvi\n33\ngone')" ] || fail "in buildah: $said"
  buildah "${where[@]}" rm "$container" >/dev/null

  step "podman runs it"
  # Without limits and cgroups of its own, which not every machine that tests may set.
  run=(podman "${where[@]}" run --rm --cgroups=disabled --network host --ulimit nproc=1000:1000 --ulimit nofile=1000:1000)
  [ -e /sys/fs/cgroup/cgroup.procs ] ||
    run=(unshare --mount sh -c 'umount -l /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec "$@"' sh "${run[@]}")
  if "${run[@]}" --rootfs "$PWD/bundle-dev/rootfs" /bin/true 2>probe; then
    expect "its entry point" "tool" "$("${run[@]}" localhost/dev:latest)"
    expect "its variables and its user" "vi 33" "$("${run[@]}" --entrypoint /bin/sh localhost/dev:latest -c 'echo $EDITOR $(id -u)')"
  else
    echo "podman runs no tree here, whoever made it: $(first 1 <probe)"
  fi
fi
echo "images: all as they should be"
