# SPDX-License-Identifier: Apache-2.0
# Shared by the end-to-end tests: users, projects, stores. Sourced by bash; $1 of every test is the directory of the
# programs, $2 the directory kept between tests (downloads).
set -euo pipefail

programs=$(cd "$1" && pwd)
mkdir -p "$2"
kept=$(cd "$2" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[1]}")" && pwd)

# Everything happens below a directory that any user may pass: the clone itself may be below /root.
work=$(mktemp -d "${TMPDIR:-/tmp}/karapace-e2e-XXXXXX")
chmod 755 "$work"
mkdir "$work/bin"
cp "$programs"/karapace* "$work/bin"
chmod -R a+rX "$work"

# at_exit COMMAND: one more thing to do when the test ends. Its own status counts for nothing, the test's does.
at_exit=()
at_exit() { at_exit+=("$*"); }

cleanup() {
  local status=$? command
  trap - EXIT
  for command in "${at_exit[@]}"; do eval "$command" || true; done
  # Stores of mapped users hold files of ids that only root or their namespace may remove.
  rm -rf "$work" 2>/dev/null || find "$work" -maxdepth 2 -name 'store*' >&2 || true
  exit $status
}
trap cleanup EXIT

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

step() { echo "--- $*"; }

# finds GREP-ARGUMENT...: whether standard input has such a line. It reads to the end: behind `grep -q`, which leaves at the
# first match, whoever still writes dies of SIGPIPE, and pipefail calls that a failure.
finds() { grep "$@" | cat >/dev/null; }

# first N: the first N lines of standard input, which is read to its end for the same reason.
first() { sed -n "1,$1p"; }

# The users of the three id modes. An ordinary caller tests itself, and itself restricted to a single id.
if [ "$(id -u)" = 0 ]; then
  modes="root subid single"
else
  modes="own single"
fi

user_of() { # MODE
  case $1 in
    subid) echo karapace-test-subid ;;
    single) [ "$(id -u)" = 0 ] && echo karapace-test-single || id -un ;;
    *) id -un ;;
  esac
}

make_user() { # MODE: idempotent; only as root. Tests run side by side.
  local user range_start=700000
  user=$(user_of "$1")
  [ "$(id -u)" = 0 ] && [ "$1" != root ] || return 0
  (
    flock 9
    id "$user" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$user"
    for file in /etc/subuid /etc/subgid; do
      touch "$file"
      if [ "$1" = subid ]; then
        grep -q "^$user:" "$file" || echo "$user:$range_start:65536" >>"$file"
      elif grep -q "^$user:" "$file"; then
        sed -i "/^$user:/d" "$file"
      fi
    done
  ) 9>/run/lock/karapace-test-users
}

# as MODE [NAME=VALUE]... COMMAND...: runs as that mode's user with a clean environment, in the current directory.
as() {
  local mode=$1 user home name
  shift
  user=$(user_of "$mode")
  home=$work/home-$mode
  [ -d "$home" ] || { mkdir -m 755 "$home" && chown "$user" "$home"; }
  local clean=(env -i HOME="$home" USER="$user" PATH="$work/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin" TERM=dumb)
  for name in http_proxy https_proxy no_proxy KARAPACE_TEST_TRACE; do
    [ -z "${!name-}" ] || clean+=("$name=${!name}")
  done
  [ "$mode" != single ] || clean+=(KARAPACE_ID_MODE=single)
  if [ "$user" = "$(id -un)" ]; then
    "${clean[@]}" "$@"
  else
    setpriv --reuid "$user" --regid "$user" --init-groups "${clean[@]}" "$@"
  fi
}

# project MODE DIRECTORY PACKAGE...: a manifest that its user owns. An existing lock is kept.
project() {
  local mode=$1 directory=$2 list=""
  shift 2
  for package in "$@"; do list+="${list:+, }\"$package\""; done
  mkdir -p "$directory"
  printf 'manifest_version = 1\n[base]\nimage = "debian/bookworm"\n[system]\npackages = [%s]\n' "$list" \
    >"$directory/karapace.toml"
  chown -R "$(user_of "$mode")" "$directory"
}

# warm MODE STORE: puts what earlier tests downloaded into a store, so that the mirrors are asked once.
warm() {
  local mode=$1 store=$2
  install -d -m 700 "$store"
  [ -d "$kept/store/blobs" ] || { chown "$(user_of "$mode")" "$store"; return 0; }
  # Records before what they name: others may keep more at this moment, and they move what is named first.
  cp -a -t "$store" "$kept/store/steps"
  find "$kept/store" -mindepth 1 -maxdepth 1 ! -name steps -exec cp -a -t "$store" {} +
  chmod 700 "$store"
  chown -R "$(user_of "$mode")" "$store"
}

# keep STORE: adds the store's downloads to those that the tests have. A file is in its place whole: others read meanwhile.
keep() {
  local store=$1 new
  mkdir -p "$kept"
  new=$(mktemp -d "$kept/new-XXXXXX")
  (cd "$store" && find . -mindepth 1 -maxdepth 1 -type d -print0) | (cd "$new" && xargs -0 mkdir -m 700)
  mkdir -p -m 700 "$kept/store"
  (cd "$new" && find . -mindepth 1 -maxdepth 1 -type d -print0) | (cd "$kept/store" && xargs -0 mkdir -p -m 700)
  (cd "$store/steps" && grep -l '"kind": "fetch"' ./* | xargs -r cp -t "$new/steps")
  while read -r blob; do
    [ -e "$kept/store/blobs/$blob" ] || cp "$store/blobs/$blob" "$new/blobs/"
  done < <(cd "$new/steps" && sed -n 's/.*"blob": "\([0-9a-f]*\)".*/\1/p' ./*)
  head -n 1 "$store/version" >"$new/version"  # users of other id modes take it over
  find "$new/blobs" -type f -exec mv -t "$kept/store/blobs" {} +
  find "$new/steps" -type f -exec mv -t "$kept/store/steps" {} +
  mv "$new/version" "$kept/store/version"
  rm -rf "$new"
}

# records STORE KIND: the keys of the store's steps of this kind.
records() { (cd "$1/steps" && grep -l "\"kind\": \"$2\"" ./* 2>/dev/null | sort) || true; }

expect() { # WHAT EXPECTED ACTUAL
  [ "$2" = "$3" ] || fail "$1: expected \"$2\", got \"$3\""
}

# python_tree ROOT: a tree in which sh and python3 run, made of this machine's, so that no network is needed.
python_tree() {
  local root=$1 python version program library
  python=$(readlink -f /usr/bin/python3)
  mkdir -p "$root"/{bin,etc,usr/lib}
  cp "$python" "$root/bin/python3"
  cp "$(readlink -f /bin/sh)" "$root/bin/sh"
  for program in "$python" "$(readlink -f /bin/sh)"; do
    ldd "$program" | grep -o '/[^ ]*' | while read -r library; do
      mkdir -p "$root$(dirname "$library")"
      cp -L "$library" "$root$library"
    done
  done
  version=$(/usr/bin/python3 -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
  cp -r "/usr/lib/$version" "$root/usr/lib/"
  find "$root" -name __pycache__ -prune -exec rm -r {} +
  echo root:x:0:0::/root:/bin/sh >"$root/etc/passwd"
}

# look_at_environment STORE PROJECT: what look.py says of the environment of PROJECT, which is of root's STORE.
look_at_environment() {
  local merged layers
  merged=$(mktemp -d "$work/merged-XXXXXX")
  # By short names: all of them have to stand in one page.
  layers=$(as root "KARAPACE_STORE=$1" karapace inspect "$2" --json | python3 -c '
import json, os, sys
store, links = sys.argv[1:]
record = json.load(open(store + "/environments/" + json.load(sys.stdin)["environment"]))
for i, layer in enumerate(record["layers"]):
    os.symlink(f"{store}/layers/{layer}/tree", f"{links}/{i}")
print(":".join(str(i) for i in reversed(range(len(record["layers"])))))' "$1" "$merged")
  mkdir "$merged/tree"
  (cd "$merged" && mount -t overlay -o "ro,userxattr,lowerdir=$layers" overlay tree) || fail "the layers of $2 can not be mounted"
  "$here/look.py" "$merged/tree" || { umount "$merged/tree"; fail "the environment of $2 can not be looked at"; }
  umount "$merged/tree"
}

# start_registry [LINE-OF-YAML]...: docker-registry on loopback, at $registry, with its files in $work/registry and its log beside it.
start_registry() {
  command -v docker-registry >/dev/null || fail "docker-registry is not installed: tools/install_packages test"
  if [ -z "${registry-}" ]; then
    registry=127.0.0.1:$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    mkdir "$work/registry"
    printf '%s\n' 'version: 0.1' 'log: {level: info, formatter: json}' "http: {addr: \"$registry\"}" \
      "storage: {filesystem: {rootdirectory: $work/registry}, delete: {enabled: true}}" "$@" >"$work/registry.yml"
    at_exit stop_registry
  fi
  docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
  registry_process=$!
  for _ in $(seq 100); do
    if grep -q "listening on" "$work/registry.log"; then return; fi
    sleep 0.1
  done
  fail "docker-registry did not start"
}
stop_registry() {
  kill "$registry_process" 2>/dev/null && wait "$registry_process" || true
}
