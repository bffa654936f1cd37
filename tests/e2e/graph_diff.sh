#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# graph_diff.sh PROGRAMS KEPT FIXTURES: `graph diff` and `gen --check` as a pipeline uses them, in a git repository with
# real locks. Needs git, and no network: nothing is resolved.
. "$(dirname "$0")/lib.sh"
fixtures=$(cd "$3" && pwd)

repository=$work/repository
mkdir -p "$repository"
cd "$repository"
git=(git -c user.name=test -c user.email=test@example.invalid -c init.defaultBranch=main)
"${git[@]}" init -q .

mkdir -p "$work/.config/karapace"
printf '[mirrors]\ndebian = "http://mirror.invalid/debian"\n' >"$work/.config/karapace/config.toml"

# commit NAME MESSAGE: the fixture of that name becomes app/, with its graph in the repository, too.
commit() {
  mkdir -p app
  cp "$fixtures/$1.toml" app/karapace.toml
  cp "$fixtures/$1.lock" app/karapace.lock
  karapace gen --frozen -C app app >/dev/null
  printf '.karapace/\n' >.gitignore
  "${git[@]}" add -A
  "${git[@]}" commit -qm "$2"
}
karapace() { env PATH="$work/bin:$PATH" HOME="$work" KARAPACE_STORE="$work/store" karapace "$@"; }
# ends STATUS COMMAND...: its output is in $output.
ends() {
  local expected=$1 status=0
  shift
  output=$("$@" 2>&1) || status=$?
  [ "$status" = "$expected" ] || fail "$* ended with $status instead of $expected: $output"
}
says() { grep -qF -- "$1" <<<"$output" || fail "not said: $1
$output"; }
says_not() { ! grep -qF -- "$1" <<<"$output" || fail "said: $1
$output"; }

step "two commits: git is asked for in the second"
commit hello "hello"
commit hello-git "git, too"
ends 1 karapace graph diff HEAD~1
says "+ git 1:2.39.5-0+deb12u3"
says "brings 3 packages: git-man 1:2.39.5-0+deb12u3, libcurl3-gnutls 7.88.1-10+deb12u15,"
says "⇒ install (1 package → 5 packages) changes ⇒ environment app changes"
says_not "+ liberror-perl"
ends 0 karapace graph diff HEAD
says "nothing changes"
ends 1 karapace graph diff HEAD HEAD~1
says "- git 1:2.39.5-0+deb12u3"
ends 1 karapace graph diff HEAD~1:app/karapace.lock app/karapace.toml
says "+ git"

step "graphs in the repository are read, too"
ends 1 karapace graph diff HEAD~1:app/build.ninja app/build.ninja
says "+ git"

step "from below, and for machines"
(cd app && ends 1 karapace graph diff HEAD~1 && says "environment app changes")
ends 1 karapace graph diff HEAD~1 --json
python3 -c '
import json, sys
diff = json.load(sys.stdin)
causes = diff["causes"]
assert [c["kind"] for c in causes] == ["package-added"], causes
assert causes[0]["subject"] == "git" and len(causes[0]["package_changes"]) == 3, causes
assert all(step["cause_indexes"] == [0] for step in diff["steps"]), diff["steps"]
assert not diff["same"] and diff["same_step_count"] + sum(s["change"] == "added" for s in diff["steps"]) == diff["new_graph"]["step_count"]
' <<<"$output"
ends 1 karapace graph diff HEAD~1 --markdown
says "### Environment app changes"

step "another base is one cause"
cp "$fixtures/trixie.toml" app/karapace.toml
cp "$fixtures/trixie.lock" app/karapace.lock
ends 1 karapace graph diff HEAD --json
python3 -c '
import json, sys
assert [c["kind"] for c in json.load(sys.stdin)["causes"]] == ["base"]
' <<<"$output"
"${git[@]}" checkout -q app

step "errors end with 2"
ends 2 karapace graph diff nothing-of-that-name
says "no file, directory or git revision"
ends 2 karapace graph diff HEAD:nowhere
ends 2 karapace graph diff
ends 2 karapace graph diff HEAD --unknown
ends 2 karapace graph diff HEAD --json --markdown
sed 's/size=[0-9]*/size=7/' app/build.ninja >other.ninja
ends 2 karapace graph diff HEAD:app/build.ninja other.ninja
says "other.ninja:"

step "gen --check"
ends 0 karapace gen --check -C app app
before=$(find . -path ./.git -prune -o -type f -print0 | sort -z | xargs -0 cksum)
sed -i 's/"git"/"git", "jq"/' app/karapace.toml
ends 1 karapace gen --check -C app app
says "packages: + jq"
says "Run \`karapace gen\`"
ends 0 karapace gen --check --frozen -C app app
"${git[@]}" checkout -q app
cp "$fixtures/hello.lock" app/karapace.lock
cp "$fixtures/hello.toml" app/karapace.toml
ends 1 karapace gen --check -C app app
says "- git 1:2.39.5-0+deb12u3"
ends 1 karapace gen --check --json -C app app
python3 -c 'import json, sys; assert json.load(sys.stdin)["graph"]["graph_fit"] == "differs"' <<<"$output"
"${git[@]}" checkout -q app
rm app/build.ninja
ends 1 karapace gen --check -C app app
says "build.ninja is missing"
rm app/karapace.lock
ends 1 karapace gen --check -C app app
says "karapace.lock is missing"
"${git[@]}" checkout -q app
expect "files after checking" "$before" "$(find . -path ./.git -prune -o -type f -print0 | sort -z | xargs -0 cksum)"
echo "graph diff: fine"
