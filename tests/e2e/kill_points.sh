#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A build whose programs are killed at a system call that changes files: the store is sound, and the next build makes what an
# undisturbed one had made. At every such call of unpack, install, setup and environment steps, one after another.
#
# KARAPACE_KILL_POINTS (default 0: all) takes so many of them, chosen by KARAPACE_KILL_SEED (default 1). For `check --long`.
source "$(dirname "$0")/lib.sh"
mode=root
[ "$(id -u)" = 0 ] || mode=own
store=$work/store
calls=rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,rmdir,mkdir,mkdirat,mknodat
calls+=,fsync,fdatasync,syncfs,ftruncate,fchmod,fchmodat,fchownat,lchown,utimensat,lsetxattr,fsetxattr,copy_file_range
run() { as $mode KARAPACE_STORE="$store" "$@"; }
traced() { run strace -f -qqq -e signal=none "$@"; }
steps() { (cd "$store/steps" && sha256sum ./* | sort); }

warm $mode "$store"
project $mode "$work/base"
project $mode "$work/p" hello
printf '[setup]\nrun = ["mkdir /etc/made && echo 1 > /etc/made/one && mv /etc/made/one /etc/made/two"]\n' >>"$work/p/karapace.toml"

step "the base"
run karapace build "$work/base" >"$work/log" || { tail -30 "$work/log"; fail "build"; }
cd "$work/p"
run karapace gen
fetched=$(run ninja -t targets all | sed -n 's/: fetch$//p')
# shellcheck disable=SC2086  # one word for each target
run ninja $fetched >"$work/log" || { tail -30 "$work/log"; fail "fetch"; }
(cd "$store" && ls -d steps/* layers/* environments/*) >"$work/before"

# begin_anew: the store and the project as they were before the first of the traced steps ran.
begin_anew() {
  local made
  (cd "$store" && ls -d steps/* layers/* environments/*) | { grep -vxFf "$work/before" || true; } >"$work/made"
  while read -r made; do rm -rf "${store:?}/$made"; done <"$work/made"
}

step "undisturbed"
traced -o "$work/trace" -e "trace=$calls" ninja >"$work/log" || { tail -30 "$work/log"; fail "the traced build"; }
steps >"$work/expected"
begin_anew
[ "$(grep -c ^steps/ "$work/made")" -ge 4 ] || fail "not all steps were traced"
# "unlinkat 7": the seventh unlinkat(2) of some process. Calls that failed changed nothing.
awk '{ sub(/\(.*/, "", $2) } $2 ~ /^[a-z0-9_]+$/ { n = ++count[$1 " " $2]; if (n > most[$2]) most[$2] = n }
  END { for (call in most) for (n = 1; n <= most[call]; n++) print call, n }' "$work/trace" | LC_ALL=C sort >"$work/points"
total=$(wc -l <"$work/points")
if [ "${KARAPACE_KILL_POINTS:-0}" != 0 ]; then
  python3 -c 'import random, sys
points = sys.stdin.read().splitlines()
print("\n".join(random.Random(int(sys.argv[1])).sample(points, min(int(sys.argv[2]), len(points)))))' \
    "${KARAPACE_KILL_SEED:-1}" "$KARAPACE_KILL_POINTS" <"$work/points" >"$work/chosen"
  mv "$work/chosen" "$work/points"
fi

runs=0 failures=0 missed=0
wrong() { # REASON
  echo "FAILED at $call $number: $1"
  failures=$((failures + 1))
}
while read -r call number; do
  begin_anew
  runs=$((runs + 1))
  # Which process comes so far depends on chance at the margins; a build that nobody killed is no run.
  if traced -o /dev/null -e "trace=$call" -e "inject=$call:signal=KILL:when=$number" ninja >"$work/log" 2>&1 </dev/null; then
    missed=$((missed + 1))
  fi
  run karapace verify-store >"$work/log" 2>&1 || { wrong "the store is damaged: $(tail -3 "$work/log")"; }
  run ninja >"$work/log" 2>&1 || { wrong "the build does not continue: $(tail -3 "$work/log")"; continue; }
  steps | cmp -s - "$work/expected" || wrong "other steps than undisturbed"
done <"$work/points"
echo "$total points, $missed not reached"
echo "runs: $((runs - missed))"
echo "failures: $failures"
[ $failures = 0 ]
