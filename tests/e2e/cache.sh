#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A cache in a real registry: one machine builds and pushes, others (other users, other id modes, mirrors out of reach)
# take the environment over and go on from there.
source "$(dirname "$0")/lib.sh"

requests() { grep -c '"http.request.method"' "$work/registry.log" || true; }
start_registry

builder=${modes%% *}
make_user "$builder"
step "$builder builds and pushes"
project "$builder" "$work/built" git curl
warm "$builder" "$work/store-built"
cd "$work/built"
as "$builder" KARAPACE_STORE="$work/store-built" karapace build -q
id=$(as "$builder" KARAPACE_STORE="$work/store-built" karapace list --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["environments"][0]["environment"])')
as "$builder" karapace key new team >/dev/null
as "$builder" KARAPACE_STORE="$work/store-built" karapace cache push "oci:$registry/team/cache" . --key team
cp "$work/home-$builder/.config/karapace/keys/team.pub" "$work/team.pub"
chmod 644 "$work/team.pub"
before=$(requests)
again=$(as "$builder" KARAPACE_STORE="$work/store-built" karapace cache push "oci:$registry/team/cache" . --key team)
expect "the second push" "built: there already" "$again"
[ $(($(requests) - before)) -le 4 ] || fail "an unchanged push takes $(($(requests) - before)) requests"

step "an image takes over the cache's layers, and is verified where it lies"
pushed=$(as "$builder" KARAPACE_STORE="$work/store-built" karapace push --index . "$registry/team/dev:1" --key team)
echo "$pushed"
finds "sent 2 blobs, .* taken from another repository there" <<<"$pushed" || fail "layers were sent again"
verified=$(as "$builder" KARAPACE_STORE="$work/store-built" karapace verify "$registry/team/dev:1" --trust "$work/team.pub")
echo "$verified"
for link in archive index lock record layer signature image; do
  finds "^$link  *verified" <<<"$verified" || fail "the link $link is not verified"
done

take_over() { # MODE
  local mode=$1 store=$work/store-taken-$1 before output
  step "$mode takes it over, with mirrors out of reach"
  make_user "$mode"
  mkdir -p "$work/taken-$mode"
  install -d -m 700 -o "$(user_of "$mode")" "$store"
  cp "$work/built/karapace.toml" "$work/built/karapace.lock" "$work/taken-$mode/"
  chown -R "$(user_of "$mode")" "$work/taken-$mode"
  cd "$work/taken-$mode"
  as "$mode" karapace cache add "team-$mode" "oci:$registry/team/cache" --trust "$work/team.pub"
  before=$(requests)
  output=$(as "$mode" KARAPACE_STORE="$store" http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 karapace build 2>&1) ||
    { echo "$output"; fail "build as $mode"; }
  echo "$output"
  finds "of .* steps none was run" <<<"$output" || fail "steps were run"
  # Two layers, and at most ten more.
  [ $(($(requests) - before)) -le 12 ] || fail "it took $(($(requests) - before)) requests"
  expect "ninja" "ninja: no work to do." "$(as "$mode" KARAPACE_STORE="$store" karapace gen >/dev/null; as "$mode" KARAPACE_STORE="$store" ninja)"
  expect "the environment" "$id" "$(as "$mode" KARAPACE_STORE="$store" karapace list --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["environments"][0]["environment"])')"
  as "$mode" KARAPACE_STORE="$store" karapace verify-store
  as "$mode" KARAPACE_STORE="$store" karapace exec . -- git --version
  expect "audit" "" "$(as "$mode" KARAPACE_STORE="$store" karapace exec . -- dpkg --audit)"
  for record in "$store"/steps/*; do
    cmp "$record" "$work/store-built/steps/${record##*/}" || fail "a record differs"
  done
}
for mode in $modes; do take_over "$mode"; done

mode=${modes##* }
step "$mode adds a package: nothing of the base is fetched"
cd "$work/taken-$mode"
sed -i 's/"curl"/"curl", "tree"/' karapace.toml
as "$mode" KARAPACE_STORE="$work/store-taken-$mode" karapace gen
as "$mode" KARAPACE_STORE="$work/store-taken-$mode" ninja >"$work/ninja.log" || { tail -20 "$work/ninja.log"; fail "ninja"; }
finds "fetch tree" <"$work/ninja.log" || fail "tree was not fetched"
finds "fetch libc6" <"$work/ninja.log" && fail "a package of the base was fetched"
as "$mode" KARAPACE_STORE="$work/store-taken-$mode" karapace exec . -- tree --version
as "$mode" KARAPACE_STORE="$work/store-taken-$mode" karapace verify-store
expect "ninja" "ninja: no work to do." "$(as "$mode" KARAPACE_STORE="$work/store-taken-$mode" ninja)"

step "what is collected of it comes back"
as "$mode" KARAPACE_STORE="$work/store-taken-$mode" karapace gc >/dev/null
as "$mode" KARAPACE_STORE="$work/store-taken-$mode" karapace verify-store

step "a registry that is down, or has damaged blobs, costs a warning"
layer=$(find "$work/registry" -name data -size +1M | first 1)
printf 'x' | dd of="$layer" bs=1 seek=5000 conv=notrunc status=none
as "$builder" karapace cache add broken "oci:$registry/team/cache" --trust "$work/team.pub" --offline 2>/dev/null || true
cd "$work/built"
warm "$builder" "$work/store-broken"
output=$(as "$builder" KARAPACE_STORE="$work/store-broken" karapace build 2>&1) || { echo "$output"; fail "a damaged cache keeps a build from going on"; }
finds "warning: the cache" <<<"$output" || fail "nothing was said of the damaged layer: $output"
stop_registry
warm "$builder" "$work/store-down"
output=$(as "$builder" KARAPACE_STORE="$work/store-down" karapace build 2>&1) || { echo "$output"; fail "a cache that is down keeps a build from going on"; }
finds "warning: the cache" <<<"$output" || fail "nothing was said of the registry that is down: $output"
