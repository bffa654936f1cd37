#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The sample project examples/cmake with real packages and an installed Karapace: three generators, a package added, the
# manifest broken, the lock removed, no network.
source "$(dirname "$0")/lib.sh"
mode=single
make_user $mode
store=$work/store
warm $mode "$store"
cmake --install "$programs/.." --prefix "$work/prefix" >/dev/null
cp -r "$here/../../examples/cmake" "$work/sample"
rm -rf "$work/sample/build" "$work/sample/karapace.lock"
chown -R "$(user_of $mode)" "$work/sample"
cd "$work/sample"
run() { as $mode KARAPACE_STORE="$store" CMAKE_PREFIX_PATH="$work/prefix" "$@" >"$work/log" 2>&1; }
must() { run "$@" || { tail -50 "$work/log"; fail "$*"; }; }
says() { grep -Eq -- "$1" "$work/log" || { tail -50 "$work/log"; fail "nothing like \"$1\""; }; }

for preset in ninja multi make; do
  step "$preset: clean, again, test"
  must cmake --preset $preset --warn-uninitialized -Wdev
  if grep -q 'Warning' "$work/log"; then cat "$work/log"; fail "warnings"; fi
  must cmake --build --preset $preset
  grep -q 'by Python 3' build/$preset/report.html || fail "the report was not written inside"
  must cmake --build --preset $preset
  [ $preset = make ] || says '^ninja: no work to do\.$'
  must ctest --preset $preset
  says '100% tests passed'
done
keep "$store"

step "the graph shows fetch, unpack and install; the program is compiled beside them"
must ninja -C build/ninja -t graph dev
says 'fetch-python3-minimal'
says 'unpack-python3-minimal'
says 'install-base-debian-bookworm'
must ninja -C build/ninja -t query CMakeFiles/app.dir/main.cpp.o
if grep -q 'links/' "$work/log"; then fail "compiling waits for the environment"; fi

step "a package added"
before=$(records "$store" unpack | wc -l)
sleep 0.02
sed -i 's/\["python3-minimal"\]/["bc", "python3-minimal"]/' karapace.toml
must cmake --build --preset ninja
says 'fetch bc '
says 'Writing report.html'
if grep -q 'Building CXX' "$work/log"; then fail "the program was compiled again"; fi
unpacked=$(($(records "$store" unpack | wc -l) - before))
[ $unpacked -ge 1 ] && [ $unpacked -le 3 ] || fail "$unpacked packages were unpacked for bc"
must build/ninja/karapace/dev/.karapace/exec bc --version
must cmake --build --preset ninja
says '^ninja: no work to do\.$'

step "a broken manifest"
cp -p karapace.toml "$work/good.toml"
sed -i 's/packages/pakages/' karapace.toml
run cmake --build --preset ninja && fail "the broken manifest was taken"
says 'karapace\.toml:8:1: .*pakages'
must ctest --preset ninja
cp -p "$work/good.toml" karapace.toml
must cmake --build --preset ninja

step "no network, with the lock"
must unshare --user --map-root-user --net cmake --preset ninja
must cmake --build --preset ninja
says '^ninja: no work to do\.$'

step "the lock removed"
cp karapace.lock "$work/lock"
rm karapace.lock
run unshare --user --map-root-user --net env XDG_CACHE_HOME="$work/none" cmake --preset ninja && fail "locked without network"
says 'karapace_environment\(dev\)'
must cmake --build --preset ninja
cmp karapace.lock "$work/lock"
