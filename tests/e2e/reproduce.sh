#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# karapace reproduce, in every id mode: a set-up that writes the time and random bytes is caught and named down to the
# file, and nothing else is; a deterministic one passes. Records that one user exported fit another user's store.
TMPDIR=/var/tmp  # on a disk directories of one content have one order; that of tmpfs is another each time
source "$(dirname "$0")/lib.sh"

setup() { # DIRECTORY COMMAND: a project that runs it on top of a package
  printf '[setup]\nrun = [\n  %s,\n]\n' "$2" >>"$1/karapace.toml"
}

result() { # PYTHON-EXPRESSION: of the JSON document in $work/result
  python3 -c 'import json, sys; r = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$work/result" "$1"
}

run() { # EXPECTED-STATUS MODE ARGUMENT...: karapace reproduce ARGUMENT..., its JSON into $work/result
  local expected=$1 mode=$2 status=0
  shift 2
  as "$mode" KARAPACE_STORE="$PWD/store" karapace reproduce --json "$@" >"$work/result" 2>"$work/log" || status=$?
  [ "$status" = "$expected" ] || { cat "$work/result"; tail -30 "$work/log"; fail "reproduce $*: $status, not $expected"; }
}

build() { # MODE DIRECTORY
  [ ! -e "$work/lock-$2" ] || cp "$work/lock-$2" "$2/karapace.lock"
  chown -R "$(user_of "$1")" "$2"
  as "$1" KARAPACE_STORE="$PWD/store" karapace build "$2" >"$work/log" 2>&1 || { tail -30 "$work/log"; fail "build $2"; }
  [ -e "$work/lock-$2" ] || cp "$2/karapace.lock" "$work/lock-$2"
}

month=$(date +%Y-%m)
for mode in $modes; do
  step "$mode"
  make_user "$mode"
  mkdir -p "$work/$mode"
  chown "$(user_of "$mode")" "$work/$mode"
  cd "$work/$mode"
  for name in good bad; do project "$mode" "$name" hello; done
  setup good '"date -d @$SOURCE_DATE_EPOCH > /etc/stamp", "hostname --fqdn > /etc/host", "id -u > /etc/user", "ln -s user /etc/link && chown -h www-data:www-data /etc/link"'
  setup bad '"date > /etc/stamp; head -c8 /dev/urandom > /etc/random", "echo same > /etc/same"'
  warm "$mode" "$PWD/store"
  build "$mode" good
  build "$mode" bad

  run 1 "$mode" bad good
  expect "the only cause" "['setup 2 commands']" "$(result '[cause["title"] for cause in r["causes"]]')"
  expect "its files" "['/etc/random', '/etc/stamp']" "$(result '[file["path"] for file in r["causes"][0]["files"]]')"
  expect "its consequences" "['environment bad']" "$(result '[one["title"] for one in r["consequences"]]')"
  expect "all other steps" 2 "$(result 'r["step_count"] - r["same_step_count"]')"
  expect "what was varied" "['clock', 'directory', 'host', 'locale', 'umask', 'user']" \
    "$(result 'sorted(v["name"] for v in r["variations"] if v["varied"] and v["name"] != "cpus")')"
  expect "years and months of the second stamp" False "$(result '"'"$month"'" in r["causes"][0]["files"][1]["shown"][1]')"
  expect "what is left in staging" "" "$(ls store/staging)"

  unpack=$(records "$PWD/store" unpack | first 1)
  run 0 "$mode" "$PWD/store/steps/${unpack#./}"
  expect "a step and what it needs" 2 "$(result 'r["step_count"]')"

  as "$mode" KARAPACE_STORE="$PWD/store" karapace records export good -o good.json
  as "$mode" KARAPACE_STORE="$PWD/store" karapace records export --listings bad >bad.json
  cp -n good.json "$work/good.json"
  cp -n bad.json "$work/bad.json"
  cmp good.json "$work/good.json" || fail "users export different records of a deterministic environment"
  run 0 "$mode" --against "$work/good.json"
  if ! cmp -s bad.json "$work/bad.json"; then
    run 1 "$mode" --against "$work/bad.json"
    expect "files by listings" "['/etc/random', '/etc/stamp']" "$(result '[file["path"] for file in r["causes"][0]["files"]]')"
  fi
done

set -- $modes
cd "$work/$1"
step "a command that fails on another day"
project "$1" late hello
setup late "\"test \$(date +%Y-%m) = $month\""
build "$1" late
run 1 "$1" late --same cpus
expect "the cause" "['setup 1 command']" "$(result '[cause["title"] for cause in r["causes"]]')"
expect "what it made" None "$(result 'r["causes"][0]["second_output"]')"
expect "what stayed" "[('cpus', 'as asked')]" "$(result '[(v["name"], v["how"]) for v in r["variations"] if v["name"] == "cpus" and not v["varied"]]')"
as "$1" KARAPACE_STORE="$PWD/store" karapace reproduce late --same clock >"$work/text" 2>"$work/log" || fail "--same clock"
grep -q '^reproduced \([0-9]*\) of \1 steps of late: identical$' "$work/text" || { cat "$work/text"; fail "the summary"; }

step "what follows the order of directories"
project "$1" listed hello
setup listed '"ls -U /usr/bin > /etc/listed", "ls /usr/bin > /etc/sorted"'
build "$1" listed
run 1 "$1" listed --order
expect "the files" "['/etc/listed']" "$(result '[file["path"] for cause in r["causes"] for file in cause["files"]]')"
expect "what was varied" True "$(result '[v["varied"] for v in r["variations"] if v["name"] == "order"][0]')"
run 0 "$1" listed

step "questions without an answer"
run 2 "$1" nobody
run 2 "$1" --against "$work/log"
run 2 "$1" --against "$work/good.json" late
