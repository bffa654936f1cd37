#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The life of an instance, in every id mode: it follows its project, is rebuilt and brought back, stopped, frozen, put
# away and named, and nothing that a person made in it is lost on the way.
. "$(dirname "$0")/lib.sh"

python_tree "$work/root"
tar --numeric-owner --owner=0 --group=0 -cf "$work/root.tar" -C "$work/root" .
digest=$(sha256sum "$work/root.tar" | cut -d' ' -f1)

in_project() { (cd "$project" && as "$mode" KARAPACE_STORE="$store" "$@"); }
inside() { in_project karapace exec . -- /bin/sh -c "$1"; }
manifest() { # ISSUE: what the set-up puts into /etc/issue
  echo "$1" >"$project/issue"
  printf 'manifest_version = 1\n[base]\nimage = "%s"\nsha256 = "%s"\n[[setup.files]]\nsource = "issue"\ntarget = "/etc/issue"\n' \
    "$work/root.tar" "$digest" >"$project/karapace.toml"
}
says() { # FILE TEXT
  grep -qF -- "$2" "$1" || { cat "$1" >&2; fail "$mode: it does not say \"$2\""; }
}

for mode in $modes; do
  step "following, mode $mode"
  make_user "$mode"
  project=$work/project-$mode
  store=$work/store-$mode
  mkdir -p "$project"
  install -d -m 700 "$store"
  chown "$(user_of "$mode")" "$project" "$store"
  manifest one
  in_project karapace build . >/dev/null 2>"$work/said" || fail "$mode: $(cat "$work/said")"
  inside 'echo mine >/etc/note'
  in_project karapace stop . >/dev/null
  manifest two
  in_project karapace build . >/dev/null 2>"$work/said"
  says "$work/said" "follows with its next session"
  # Many at once: all find it moved.
  for i in 1 2 3 4 5 6 7 8; do inside 'read -r issue </etc/issue; echo "$issue"; read -r note </etc/note; echo "$note"' >"$work/out.$i" 2>/dev/null & done
  wait
  for i in 1 2 3 4 5 6 7 8; do expect "$mode: session $i after the build" $'two\nmine' "$(cat "$work/out.$i")"; done

  step "a conflict, mode $mode"
  inside 'echo changed >/etc/issue'
  in_project karapace stop . >/dev/null
  manifest three
  in_project karapace build . >/dev/null 2>"$work/said"
  says "$work/said" '"/etc/issue"'
  inside 'read -r issue </etc/issue; echo "$issue"' >"$work/out" 2>"$work/said"
  expect "$mode: what a person wrote" changed "$(cat "$work/out")"
  says "$work/said" "this session is in the earlier environment"
  in_project karapace stop . >/dev/null

  step "rebuilding, mode $mode"
  in_project karapace rebuild . >"$work/said" 2>&1
  says "$work/said" "as that was built"
  expect "$mode: afresh" three "$(inside 'read -r issue </etc/issue; echo "$issue"; [ ! -e /etc/note ]')"
  in_project karapace stop . >/dev/null
  in_project karapace undo . >/dev/null
  expect "$mode: brought back" $'changed\nmine' "$(inside 'read -r a </etc/issue; read -r b </etc/note; echo "$a"; echo "$b"' 2>/dev/null)"
  in_project karapace stop . >/dev/null
  in_project karapace rebuild --keep-changes . >"$work/said" 2>&1
  says "$work/said" "/etc/issue"
  expect "$mode: kept" $'changed\nmine' "$(inside 'read -r a </etc/issue; read -r b </etc/note; echo "$a"; echo "$b"' 2>"$work/errors")"
  expect "$mode: no word of an earlier environment" "" "$(cat "$work/errors")"
  in_project karapace stop . >/dev/null
  printf 'broken' >"$project/karapace.toml"
  ! in_project karapace rebuild . >/dev/null 2>&1 || fail "$mode: a broken manifest was rebuilt"
  manifest three
  expect "$mode: a failed rebuild changes nothing" changed "$(inside 'read -r a </etc/issue; echo "$a"')"

  step "nothing is lost by doing it twice, mode $mode"
  in_project karapace stop . >/dev/null
  in_project karapace commit . >"$work/said" 2>&1
  id=$(sed -n 's/.*snapshot \([0-9a-f]*\).*/\1/p' "$work/said" | first 1)
  inside 'echo precious >/etc/work'
  in_project karapace stop . >/dev/null
  in_project karapace restore . "$id" >/dev/null 2>&1
  in_project karapace restore . "$id" >/dev/null 2>"$work/said"
  says "$work/said" "is the snapshot"
  kept=$(sed -n 's/.*is the snapshot \([0-9a-f]*\).*/\1/p' "$work/said")
  in_project karapace restore . "$kept" >/dev/null 2>&1
  expect "$mode: what was not committed" precious "$(inside 'read -r a </etc/work; echo "$a"')"
  in_project karapace stop . >/dev/null
  mv "$project" "$project.moved"
  expect "$mode: without its project" precious "$(as "$mode" KARAPACE_STORE="$store" karapace exec "$(basename "$project")" -- /bin/sh -c 'read -r a </etc/work; echo "$a"' 2>"$work/said" </dev/null)"
  says "$work/said" "is gone"
  as "$mode" KARAPACE_STORE="$store" karapace stop "$(basename "$project")" >/dev/null
  mv "$project.moved" "$project"

  step "a project that was moved, mode $mode"
  mv "$project" "$project.moved"
  old=$project
  project=$project.moved
  in_project karapace build . >/dev/null 2>&1
  expect "$mode: afresh in the new place" fresh "$(inside '[ -e /etc/work ] || echo fresh' 2>/dev/null)"
  in_project karapace stop . >/dev/null
  inside 'echo new >/etc/note'
  in_project karapace stop . >/dev/null
  ! in_project karapace rename "$(basename "$old")" --project . >/dev/null 2>"$work/said" || fail "$mode: changes were replaced"
  says "$work/said" "has an instance already in which something was changed"
  in_project karapace destroy . >/dev/null
  in_project karapace build . >/dev/null 2>&1
  inside : # a fresh one, in which nothing was changed
  in_project karapace stop . >/dev/null
  in_project karapace rename "$(basename "$old")" --project . >/dev/null 2>"$work/said" || fail "$mode: $(cat "$work/said")"
  says "$work/said" "is gone, and forgotten"
  expect "$mode: what was changed in the old place" precious "$(inside 'read -r a </etc/work; echo "$a"' 2>/dev/null)"
  in_project karapace stop . >/dev/null
  in_project karapace snapshots . | finds "$id" || fail "$mode: its snapshots are lost"
  in_project karapace verify-store >/dev/null || fail "$mode: the store is damaged"
  project=$old
  mv "$project.moved" "$project"
  in_project karapace build . >/dev/null 2>&1
  in_project karapace rename "$(basename "$old").moved" --project "$project" >/dev/null 2>&1 || fail "$mode: back again"
  expect "$mode: back in the old place" precious "$(inside 'read -r a </etc/work; echo "$a"' 2>/dev/null)"
  in_project karapace stop . >/dev/null

  step "stopping, mode $mode"
  in_project karapace exec . -- /bin/python3 -c '
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.signal(signal.SIGHUP, signal.SIG_IGN)
for depth in range(2):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0: break
        os._exit(0)
open("/etc/up", "a").write("x")
time.sleep(600)
' >/dev/null 2>&1 &
  for i in $(seq 100); do in_project karapace list | finds running && break; sleep 0.1; done
  sleep 0.5
  in_project karapace stop --time 1 . >"$work/said"
  says "$work/said" "killed"
  wait || true
  ! pgrep -u "$(user_of "$mode")" -f 'time.sleep(600)' >/dev/null || fail "$mode: processes of a stopped instance are alive"
  ! grep -q "$store" /proc/self/mountinfo || fail "$mode: something of the store is mounted"

  step "frozen, archived, named, mode $mode"
  in_project karapace freeze . >/dev/null
  expect "$mode: frozen" mine "$(inside 'read -r b </etc/note; echo "$b"; ! echo x 2>/dev/null >/etc/note')"
  for command in undo rebuild; do
    ! in_project karapace $command . >/dev/null 2>&1 || [ $command = rebuild ] || fail "$mode: $command changed what is frozen"
  done
  in_project karapace stop . >/dev/null
  in_project karapace unfreeze . >/dev/null
  in_project karapace archive . >/dev/null
  ! inside true 2>"$work/said" || fail "$mode: a session in what is archived"
  says "$work/said" "karapace unarchive"
  in_project karapace unarchive . >/dev/null
  in_project karapace rename . "work-$mode" >/dev/null
  expect "$mode: by its name" mine "$(in_project karapace exec "work-$mode" -- /bin/sh -c 'read -r b </etc/note; echo "$b"')"
  in_project karapace stop "work-$mode" >/dev/null

  step "an environment that only an instance has, mode $mode"
  inside 'echo mine >/etc/issue' 2>/dev/null
  in_project karapace stop . >/dev/null
  earlier=$(in_project karapace --json inspect . | sed -n 's/.*"environment": "\([0-9a-f]*\)".*/\1/p' | first 1)
  manifest four
  in_project karapace build . >/dev/null 2>"$work/said"
  says "$work/said" "stays in the environment"
  layer=$(sed -n '/"layers"/,/\]/p' "$store/environments/$earlier" | sed -n 's/.*"\([0-9a-f]\{64\}\)".*/\1/p' | tail -1)
  chmod u+w "$store/layers/$layer/tree/etc/issue"
  echo damaged >"$store/layers/$layer/tree/etc/issue"
  in_project karapace verify-store --repair >"$work/said" || true
  says "$work/said" "\`karapace build $earlier\` makes it again"
  in_project karapace gc >/dev/null
  ! in_project karapace verify-store >"$work/said" || fail "$mode: an instance without its environment is fine"
  says "$work/said" "is missing: \`karapace build"
  in_project karapace exec "work-$mode" -- /bin/sh -c : >/dev/null 2>"$work/said" || true
  in_project karapace build "$earlier" >"$work/out" 2>"$work/said" || fail "$mode: $(cat "$work/said")"
  expect "$mode: what was built" "${earlier:0:12}" "$(tail -1 "$work/out")"
  in_project karapace verify-store >/dev/null || fail "$mode: the store is not whole"
  in_project karapace build "work-$mode" >/dev/null 2>"$work/said" || fail "$mode: by the instance's name: $(cat "$work/said")"
  expect "$mode: in the environment that was made again" mine "$(inside 'read -r a </etc/issue; echo "$a"' 2>/dev/null)"
  in_project karapace stop . >/dev/null

  step "a damaged instance, mode $mode"
  instance=$(in_project karapace --json list | sed -n 's/.*"instance": "\([0-9a-f]*\)".*/\1/p' | first 1)
  for copy in instance.json instance.json.copy; do chmod u+w "$store/instances/$instance/$copy"; : >"$store/instances/$instance/$copy"; done
  in_project karapace list >/dev/null 2>"$work/said" || fail "$mode: list: $(cat "$work/said")"
  says "$work/said" "$instance"
  in_project karapace gc >/dev/null || fail "$mode: gc stopped"
  in_project karapace build . >/dev/null 2>"$work/said" || fail "$mode: build: $(cat "$work/said")"
  in_project karapace inspect . >/dev/null 2>"$work/said"
  says "$work/said" "is damaged"
  in_project karapace verify-store --repair >"$work/said" || fail "$mode: $(cat "$work/said")"
  says "$work/said" "unfreeze $instance"
  in_project karapace unfreeze "work-$mode" >/dev/null
  expect "$mode: what was repaired" mine "$(in_project karapace exec "work-$mode" -- /bin/sh -c 'read -r a </etc/issue; echo "$a"' 2>/dev/null)"
  in_project karapace stop "work-$mode" >/dev/null

  step "nothing but destroy removes it, mode $mode"
  rm "$project/karapace.toml"
  in_project karapace gc >/dev/null
  expect "$mode: without a manifest" mine "$(in_project karapace exec "work-$mode" -- /bin/sh -c 'read -r b </etc/note; echo "$b"' 2>/dev/null)"
  in_project karapace stop "work-$mode" >/dev/null
  in_project karapace verify-store >/dev/null || fail "$mode: the store is damaged"
  in_project karapace destroy "work-$mode" >/dev/null
  ! in_project karapace exec "work-$mode" -- /bin/sh -c : 2>/dev/null || fail "$mode: destroyed and there"

  step "a damaged instance that nothing brings back, mode $mode"
  manifest five
  in_project karapace build . >/dev/null 2>&1
  inside 'echo mine >/etc/note'
  in_project karapace stop . >/dev/null
  instance=$(ls "$store/instances")
  state=$store/instances/$instance/current
  for copy in generation.json generation.json.copy; do chmod u+w "$state/$copy"; : >"$state/$copy"; done
  in_project karapace gc >/dev/null 2>"$work/said" || fail "$mode: gc: $(cat "$work/said")"
  says "$work/said" "everything stays that the instance $instance may need"
  ! in_project karapace verify-store --repair >"$work/said" || fail "$mode: repaired by a guess"
  says "$work/said" "karapace destroy $instance"
  [ "$(cat "$state/upper/etc/note")" = mine ] || fail "$mode: the changes are lost"
  in_project karapace destroy "$instance" >/dev/null || fail "$mode: it can not be destroyed"
  in_project karapace verify-store >/dev/null || fail "$mode: something of it is left"
done
