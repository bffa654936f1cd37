#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A release is built from source: a program that finds the library of another package by its rpath, at the path where
# both will live; what changes is built again, and nothing else; two builds are equal. It is installed, and chosen by version.
source "$(dirname "$0")/lib.sh"

mode=${modes%% *}
make_user "$mode"
store=$work/store
warm "$mode" "$store"
# Builds have a /tmp of their own: nothing that they make can live there.
place=$(mktemp -d /var/tmp/karapace-e2e-XXXXXX)
at_exit 'chmod -R u+w "$place"; rm -rf "$place"'
chown "$(user_of "$mode")" "$place"
chmod 755 "$place"
destination=$place/app
mkdir -p "$work/app/foo" "$work/app/app"
cd "$work/app"
sed "s|DESTINATION|$destination|" >karapace.toml <<'EOF'
manifest_version = 1
[base]
image = "debian/bookworm"
[system]
packages = ["gcc", "libc6-dev"]

[release]
name = "app"
destination = "DESTINATION"
main = "app"
entrypoints = ["app"]
[release.test]
run = ["test $(app) = 42", "! touch $(dirname $(command -v app))/x"]
[release.links]
tested = "2.1"
[release.hosts]
lab = "deploy@lab.invalid"

[[source]]
name = "foo"
version = "1.0.0"
path = "foo"
build = """
gcc -shared -fPIC -o libfoo.so.1 foo.c -Wl,-soname,libfoo.so.1
mkdir -p $out/lib
cp libfoo.so.1 $out/lib/
ln -s libfoo.so.1 $out/lib/libfoo.so
ln -s nowhere $out/lib/dangling
mkdir $out/lib/empty
"""

[[source]]
name = "app"
version = "2.1.0"
path = "app"
depends = ["foo"]
build = "build.sh"
[source.check]
run = ["test $($out/bin/app) = 42"]
EOF
echo 'int foo(void) { return 42; }' >foo/foo.c
echo '#include <stdio.h>
int foo(void);
int main(void) { printf("%d\n", foo()); return 0; }' >app/app.c
echo 'mkdir -p $out/bin
gcc -o $out/bin/app app.c -L$foo/lib -lfoo -Wl,-rpath,$foo/lib' >app/build.sh
chown -R "$(user_of "$mode")" "$work/app"

release() { as "$mode" KARAPACE_STORE="$store" karapace "$@" >"$work/log" 2>&1; }
build() { release release build || { tail -40 "$work/log"; fail "release build"; }; }
tree() { # the layer of the release that was built last
  as "$mode" KARAPACE_STORE="$store" karapace release build --json -q 2>/dev/null | sed -n 's/^  "layer": "\([0-9a-f]*\)".*/\1/p' | first 1
}

step "built and assembled"
build
before=$(tree)
[ -n "$before" ] || fail "the document has no layer"
layer=$store/layers/$before/tree
[ -d "$layer/lib/empty" ] || fail "an empty directory is not in the tree"
case $(readlink "$layer/lib/libfoo.so") in ../../../store/*-foo-1.0.0/lib/libfoo.so) ;; *) fail "libfoo.so" ;; esac
case $(readlink "$layer/lib/dangling") in ../../../store/*-foo-1.0.0/lib/dangling) ;; *) fail "dangling" ;; esac
finds '"main": "app"' <"$layer/release.json" || fail "release.json"

step "nothing changed: nothing is done"
build
finds "no work to do" <"$work/log" || { cat "$work/log"; fail "something was done"; }

step "installed, and run at the path that it was built for"
installs() { release release install || { tail -20 "$work/log"; fail "release install"; }; }
runs() { # WHAT EXPECTED [NAME=VALUE] ARGUMENT...
  local what=$1 expected=$2
  shift 2
  expect "$what" "$expected" "$(as "$mode" "$@")"
}
installs
finds -x "installed app 2.1.0+1 (2, 2.1, 2.1.0, latest, stable, tested)" <"$work/log" || { cat "$work/log"; fail "what is told"; }
runs "the installed program" 42 "$destination/bin/app"
entry=$(echo "$destination"/store/*-foo-1.0.0)
[ -f "$entry/lib/libfoo.so.1" ] && [ "$(readlink "$entry/lib/libfoo.so")" = libfoo.so.1 ] || fail "links of a package are not its links"
[ "$(find "$entry" -name 'libfoo.so*' -type f | wc -l)" = 1 ] || fail "a library lies there more than once"
[ -d "$entry/lib/empty" ] || fail "an empty directory is not installed"
[ -z "$(find "$destination/store" -mindepth 1 ! -type l -perm /222)" ] || fail "packages can be written to"
! finds "$destination/store" < <(find "$destination/versions" -type l -printf '%l\n') || fail "a link is absolute"
release release verify || { cat "$work/log"; fail "release verify"; }

step "in its environment the release is the first in PATH: what was built, and what is installed"
inside() { # WHAT EXPECTED ARGUMENT...
  local what=$1 expected=$2
  shift 2
  expect "$what" "$expected" "$(as "$mode" KARAPACE_STORE="$store" karapace release "$@" 2>"$work/log" || cat "$work/log")"
}
inside "what was built" 42 exec app
inside "its place" "$destination/versions/2.1.0/bin/app" exec -- sh -c 'command -v app'
inside "what is installed" "2.1.0+1 $destination/versions/2.1.0+1/bin/app" exec --installed -- sh -c 'echo $KARAPACE_RELEASE_VERSION $(command -v app)'
inside "the launcher" 42 exec -r tested "$destination/bin/app"
expect "a shell" "42 $destination/versions/2.1.0/bin/app" "$(echo 'echo $(app) $(command -v app)' |
  as "$mode" KARAPACE_STORE="$store" karapace release enter 2>"$work/log" || cat "$work/log")"
release release test || { cat "$work/log"; fail "release test"; }
finds -x "app 2.1.0+1: 2 of 2 tests passed" <"$work/log" || { cat "$work/log"; fail "what is told of tests"; }

step "the same build is not installed again"
installs
finds "is this build: nothing to install" <"$work/log" || { cat "$work/log"; fail "it is not said"; }
[ "$(ls "$destination/versions" | grep -c +)" = 1 ] || fail "it was installed twice"

step "a changed source is built again, and what needs it not"
echo '// changed' >>app/app.c
build
[ "$(grep -c '\] compile ' "$work/log")" = 1 ] || { cat "$work/log"; fail "not only app was compiled"; }

step "the next version is installed beside it; the way back is one link"
sed -i 's/"%d/"new %d/' app/app.c
sed -i 's/^version = "2.1.0"/version = "2.2.0"/; /^\[source.check\]/,/^run = /s/^run = .*/run = ["$out\/bin\/app"]/' karapace.toml
! release release install || fail "what is not built was installed"
finds "karapace release build" <"$work/log" || { cat "$work/log"; fail "what to do is not said"; }
build
installs
runs "stable" "new 42" "$destination/bin/app"
! release release test || fail "a test that fails is no failure"
finds -x 'failed with 2: test $(app) = 42' <"$work/log" || { cat "$work/log"; fail "what failed is not told"; }
release release test -r 2.1 || { cat "$work/log"; fail "release test of another version"; }
runs "a version by name" 42 "$destination/bin/app" -v 2.1
runs "a version by variable" 42 KARAPACE_RELEASE_VERSION=tested "$destination/bin/app"
release release use stable 2.1 || { cat "$work/log"; fail "release use"; }
runs "stable after the way back" 42 "$destination/bin/app"
expect "the versions" "2.2.0+1 2.1.0+1" "$(as "$mode" "$destination/bin/app" --print-versions | cut -f 1 | xargs)"
expect "packages that both have" 1 "$(ls -d "$destination"/store/*-foo-1.0.0 | wc -l)"
sed -i 's/^version = "2.2.0"/version = "2.1.0"/; s/^run = .*/run = ["test $($out\/bin\/app) = 42"]/' karapace.toml

step "what is built by another, at another time, in another directory is the same"
echo '#include <stdio.h>
int foo(void);
int main(void) { printf("%d\n", foo()); return 0; }' >app/app.c
touch -d 2001-02-03 app/app.c foo/foo.c
chmod 600 app/app.c
build
expect "the tree of the same sources" "$before" "$(tree)"
assembled=$(grep -l '"kind": "assemble"' "$store"/steps/* | xargs grep -l "$before" | xargs -n 1 basename | first 1)
release reproduce "$assembled" || { tail -30 "$work/log"; fail "reproduce"; }

step "programs that run in the environment: nothing is compiled for it, and the launcher enters it"
sed -i 's/^main = "app"/&\nrun = "inside"/' karapace.toml
build
[ "$(grep -c '\] compile ' "$work/log")" = 0 ] || { cat "$work/log"; fail "it was compiled"; }
installs
as "$mode" mkdir "$place/here"
calls() { (cd "$place/here" && as "$mode" KARAPACE_STORE="$store" "$@" 2>&1); }
expect "a program inside" "42" "$(calls "$destination/bin/app" -v 2.1.0+2)"
expect "without the runtime" 1 "$(calls PATH=/usr/bin:/bin "$destination/bin/app" -v 2.1.0+2 | grep -c 'for which `karapace` is needed')"
expect "without the environment" 1 "$(calls KARAPACE_STORE="$work/none" "$destination/bin/app" -v 2.1.0+2 | grep -c 'karapace: error: ')"
sed -i '/^run = "inside"/d' karapace.toml

step "a script that fails tells what it said, and debug opens it"
echo 'echo this is why; false' >>app/build.sh
! release release build || fail "a script that fails is no failure"
finds "once that is mended, \`karapace release build\` goes on" <"$work/log" || { cat "$work/log"; fail "what goes on is not told"; }
finds "this is why" <"$work/log" || { cat "$work/log"; fail "the end of the output is not told"; }
key=$(sed -n 's/.*karapace debug \([0-9a-f]*\).*/\1/p' "$work/log" | first 1)
release debug "$key" -- /bin/sh -c 'ls app.c && ls $foo/lib/libfoo.so && ! touch $foo/x' || { cat "$work/log"; fail "debug"; }

step "a program that nobody may start is no entry point"
echo 'mkdir -p $out/bin
gcc -o $out/bin/app app.c -L$foo/lib -lfoo -Wl,-rpath,$foo/lib; chmod 644 $out/bin/app' >app/build.sh
sed -i 's/^run = .*/run = ["true"]/' karapace.toml
! release release build || fail "an entry point that is no program is no failure"
finds 'the entry point "app" can not be started' <"$work/log" || { cat "$work/log"; fail "it is not told"; }

step "a file against a directory is refused with the names of both packages"
echo 'mkdir -p $out/bin $out/lib/libfoo.so
gcc -o $out/bin/app app.c -L$foo/lib -lfoo -Wl,-rpath,$foo/lib' >app/build.sh
! release release build || fail "a clash is no failure"
finds '"lib/libfoo.so" is a directory in the package app and a file or link in the package foo' <"$work/log" ||
  { cat "$work/log"; fail "the clash is not told"; }
! release gen || fail "a clash that is known is no failure of gen"
finds 'karapace.toml:[0-9:]*: source "foo": "lib/libfoo.so" is a directory' <"$work/log" ||
  { cat "$work/log"; fail "gen does not tell the clash"; }

step "users of the other id modes build and install the same, and install nothing twice"
# Of this machine's programs: no network, no compiler.
shell_tree() { # ROOT
  local root=$1 program file library
  mkdir -p "$root"/{bin,etc}
  for program in sh mkdir cat chmod; do
    file=$(readlink -f "$(command -v "$program")")
    cp "$file" "$root/bin/$program"
    ldd "$file" | grep -o '/[^ ]*' | while read -r library; do
      mkdir -p "$root$(dirname "$library")"
      cp -L "$library" "$root$library"
    done
  done
}
shell_tree "$work/shell"
tar -C "$work/shell" --owner=0 --group=0 --sort=name -cf "$work/shell.tar" .
shell_release() { # MODE
  local mode=$1 project=$work/shell-$1 place
  place=$place_of_all/app
  rm -rf "$place_of_all"
  install -d -o "$(user_of "$mode")" -m 755 "$place_of_all"
  mkdir -p "$project"/{lib,tool}
  cp "$work/shell.tar" "$project/"
  echo "of the library" >"$project/lib/text"
  cat >"$project/karapace.toml" <<END
manifest_version = 1
[base]
image = "shell.tar"
sha256 = "$(sha256sum "$work/shell.tar" | cut -d ' ' -f 1)"
[release]
name = "tool"
destination = "$place"
main = "tool"
entrypoints = ["tool"]
[[source]]
name = "lib"
version = "1.0"
path = "lib"
build = "mkdir \$out/share && cat text >\$out/share/text"
[[source]]
name = "tool"
version = "3.0.0"
path = "tool"
depends = ["lib"]
build = "build.sh"
END
  printf 'mkdir $out/bin\n{ echo "#!/bin/sh"; echo cat $lib/share/text; } >$out/bin/tool\nchmod 755 $out/bin/tool\n' >"$project/tool/build.sh"
  chown -R "$(user_of "$mode")" "$project"
  install -d -m 700 -o "$(user_of "$mode")" "$work/store-$mode"
  cd "$project"
  told() { as "$mode" KARAPACE_STORE="$work/store-$mode" karapace "$@" >"$work/log" 2>&1 || { cat "$work/log"; fail "$mode: karapace $*"; }; }
  told release build
  told release install
  finds -x "installed tool 3.0.0+1 (3, 3.0, 3.0.0, latest, stable)" <"$work/log" || { cat "$work/log"; fail "$mode: what is told"; }
  expect "$mode: the installed program" "of the library" "$(as "$mode" "$place/bin/tool")"
  told release build
  finds "no work to do" <"$work/log" || fail "$mode: something was built again"
  told release install
  finds "is this build: nothing to install" <"$work/log" || { cat "$work/log"; fail "$mode: installed again"; }
  told release verify
  [ -z "$(find "$place" ! -user "$(user_of "$mode")")" ] || fail "$mode: files of another user"
  sha256sum "$place/versions/stable/release.json" >>"$work/documents"
}
place_of_all=$(mktemp -d /var/tmp/karapace-e2e-XXXXXX)
at_exit 'chmod -R u+w "$place_of_all"; rm -rf "$place_of_all"'
for mode in $modes; do
  make_user "$mode"
  shell_release "$mode"
done
expect "different releases of the modes" 1 "$(sort -u "$work/documents" | wc -l)"
echo "release: all fine"
