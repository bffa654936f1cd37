#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A real project that nobody here wrote, {fmt}, from Debian's source package: configured and built from outside with the
# compiler of the next Debian release, and its own tests pass, all of them.
source "$(dirname "$0")/lib.sh"

# From the pool of the release whose compiler builds it. Pinned: another version has other tests.
archive=fmtlib_10.1.1+ds1.orig.tar.gz
sha256=7000f214d2628f04174822f8048c573f1608194408d7931121595a03f1c18a17
mode=subid
[ "$(id -u)" = 0 ] || mode=own
kept=$kept/trixie  # packages of another release are of no use to other tests

# The sources come from the mirror of this machine's own package sources.
download() {
  local mirror
  mkdir -p "$kept"
  ! echo "$sha256  $kept/$archive" | sha256sum --check --status 2>/dev/null || return 0
  mirror=$(karapace-resolve-deb mirrors | python3 -c 'import json, sys; print(json.load(sys.stdin)["mirrors"]["archives"]["debian"][0])')
  karapace-fetch --download "$mirror/pool/main/f/fmtlib/$archive" "$work/$archive" || fail "download of $archive"
  echo "$sha256  $work/$archive" | sha256sum --check --quiet || fail "$archive is not what it was"
  cp "$work/$archive" "$kept/$archive.new"
  mv "$kept/$archive.new" "$kept/$archive"
}

# Debian's package leaves the copy of GoogleTest out and builds with its own; so does this, as a CMake package of the environment.
unpack() {
  tar -xf "$kept/$archive" --strip-components=1 --one-top-level=fmt
  mkdir fmt/test/gtest
  cat >fmt/test/gtest/CMakeLists.txt <<'END_OF_FILE'
find_package(GTest CONFIG REQUIRED)
add_library(gtest INTERFACE)
target_link_libraries(gtest INTERFACE GTest::gmock)
END_OF_FILE
  chown -R "$(user_of $mode)" fmt
}

make_user $mode
store=$work/store
project $mode "$work/p" g++ libgmock-dev
sed -i 's/bookworm/trixie/' "$work/p/karapace.toml"
warm $mode "$store"
cd "$work/p"
export PATH="$work/bin:$PATH"
run() { as $mode KARAPACE_STORE="$store" "$@"; }

step "the compiler of another release"
run karapace build >"$work/log" 2>&1 || { tail -30 "$work/log"; fail "build"; }
keep "$store"
download
run karapace toolchain >"$work/toolchain.cmake"

step "configure"
unpack
run cmake -G Ninja -S fmt -B build --toolchain "$work/toolchain.cmake" -DFMT_DOC=OFF -DFMT_INSTALL=OFF \
  -DCMAKE_CXX_STANDARD=17 -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-O0 >"$work/log" 2>&1 ||
  { cat "$work/log"; fail "configure"; }
grep "The CXX compiler identification" "$work/log"
version=$(run karapace exec . -- g++ -dumpfullversion)
grep -q "identification is GNU $version\$" "$work/log" || fail "configured with another compiler than the environment's ($version)"

step "compile"
run ninja -C build >"$work/log" 2>&1 || { tail -50 "$work/log"; fail "compile"; }
run ninja -C build -t deps | sed -n 's/^    \(\/.*\)/\1/p' >"$work/headers"
grep -q "^$store/" "$work/headers" || fail "no header of the environment was read"
foreign=$(grep -v -e "^$store/" -e "^$work/p/" "$work/headers" || true)
expect "headers from elsewhere" "" "$foreign"

step "its tests"
run ctest --test-dir build --output-on-failure >"$work/log" 2>&1 || { tail -80 "$work/log"; fail "tests of the project"; }
grep "tests passed" "$work/log"
expect "number of tests that passed" 20 "$(grep -c ' Passed ' "$work/log")"
