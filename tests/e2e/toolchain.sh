#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A CMake project compiled in an environment from outside: every header and library is the environment's and can be opened
# outside, nothing is compiled twice, tests run inside, ccache works. In every id mode.
source "$(dirname "$0")/lib.sh"

sources() { # DIRECTORY
  cat >"$1/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(inside LANGUAGES C)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
find_package(ZLIB 1.2 REQUIRED)
include(CheckCSourceRuns)
set(CMAKE_REQUIRED_LIBRARIES ZLIB::ZLIB)
check_c_source_runs("#include <zlib.h>\nint main(void) { return zlibVersion()[0] != '1'; }" RUNS_INSIDE)
if(NOT RUNS_INSIDE)
  message(FATAL_ERROR "what was compiled does not run")
endif()
add_library(answer SHARED answer.c)
add_executable(app app.c)
target_link_libraries(app PRIVATE ZLIB::ZLIB answer)
enable_testing()
add_test(NAME app COMMAND app)
END
  echo 'int answer(void) { return 42; }' >"$1/answer.c"
  cat >"$1/app.c" <<'END'
#include <stdio.h>
#include <unistd.h>
#include <zlib.h>
int answer(void);
int main(void) { return !(answer() == 42 && zlibVersion()[0] == '1' && access("/tmp/outside-only", F_OK) != 0); }
END
  chown -R "$(user_of "$mode")" "$1"
}

for mode in $modes; do
  step "toolchain as $mode"
  make_user "$mode"
  project=$work/$mode/project
  mkdir -p "$work/$mode"
  chown "$(user_of "$mode")" "$work/$mode"
  project "$mode" "$project" gcc libc6-dev zlib1g-dev
  sources "$project"
  [ ! -e "$work/lock" ] || install -o "$(user_of "$mode")" "$work/lock" "$project/karapace.lock"
  store=$work/store-$mode
  warm "$mode" "$store"
  cd "$project"
  run() { as "$mode" KARAPACE_STORE="$store" "$@"; }
  run karapace toolchain >"$work/out" 2>&1 && fail "a toolchain of an environment that is not built"
  run karapace build >"$work/log" 2>&1 || { tail -30 "$work/log"; fail "build"; }
  cp karapace.lock "$work/lock"
  [ "$mode" != "${modes%% *}" ] || keep "$store"

  run karapace toolchain >"$work/toolchain.cmake"
  kept=$(run karapace toolchain --json | sed -n 's/.*"toolchain_file": "\(.*\)".*/\1/p')
  case $kept in "$store"/toolchains/*/toolchain.cmake) ;; *) fail "the toolchain is kept in \"$kept\"" ;; esac
  grep -qF "set(karapace_programs [==[${kept%/*}/bin]==])" "$work/toolchain.cmake" || fail "the printed file names the store's programs"
  run karapace toolchain --preset | finds -F "\"toolchainFile\": \"$kept\"" || fail "the preset names the store's file"
  [ ! -e .karapace/toolchain ] || fail "programs in the project"

  step "nothing is removed through a link in the project"
  run mkdir "$work/$mode/victim" "$work/$mode/victim/bin"
  run touch "$work/$mode/victim/bin/dear"
  run ln -s "$work/$mode/victim" .karapace/toolchain
  run karapace toolchain >/dev/null
  run karapace toolchain -C .karapace/toolchain >/dev/null 2>"$work/error" && fail "a link is taken for a directory"
  grep -q "is a link or no directory" "$work/error" || { cat "$work/error"; fail "the reason"; }
  [ -e "$work/$mode/victim/bin/dear" ] || fail "removed through a link"
  run rm .karapace/toolchain
  run cmake -G Ninja -B build --toolchain "$work/toolchain.cmake" --warn-uninitialized >"$work/log" 2>&1 ||
    { cat "$work/log"; fail "configure"; }
  ! grep -i warning "$work/log" || fail "warnings"
  run ninja -C build >"$work/log" || { cat "$work/log"; fail "compile"; }
  sysroot=$(run karapace toolchain --json | sed -n 's/.*"sysroot": "\(.*\)".*/\1/p')

  touch /tmp/outside-only
  run ctest --test-dir build >"$work/log" || { cat "$work/log"; fail "test"; }
  rm /tmp/outside-only
  expect "second build" "ninja: no work to do." "$(run ninja -C build | tail -1)"
  grep -q -- "--sysroot=$sysroot" build/compile_commands.json || fail "compile_commands.json names the sysroot"
  run ninja -C build -t deps | finds "$sysroot/usr/include/zlib.h" || fail "headers are named below the sysroot"
  foreign=$(run ninja -C build -t deps | sed -n 's/^    \(\/.*\)/\1/p' | grep -v -e "^$sysroot/" -e "^$project/" || true)
  expect "headers from elsewhere" "" "$foreign"
  escapes=$(run find "$sysroot" -type l -lname '/*' | first 3)
  expect "absolute links in the sysroot" "" "$escapes"

  step "a changed source is compiled, and nothing else"
  sed -i 's/return 42/return 40 + 2/' answer.c
  run ninja -C build | grep -c Building | finds -x 1 || fail "one file is compiled"

  step "a build directory outside is refused until it is shared"
  run mkdir "$work/$mode/elsewhere"
  run cmake -G Ninja -B "$work/$mode/elsewhere" --toolchain "$work/toolchain.cmake" >"$work/log" 2>&1 && fail "invisible directory"
  tr -s ' \n' ' ' <"$work/log" | finds "karapace toolchain --bind $work/$mode/elsewhere" || { cat "$work/log"; fail "the remedy"; }
  run karapace toolchain --bind "$work/$mode/elsewhere" >"$work/toolchain.cmake"
  run cmake -G Ninja -B "$work/$mode/elsewhere" --toolchain "$work/toolchain.cmake" >"$work/log" 2>&1 || { cat "$work/log"; fail "shared"; }
  run ninja -C "$work/$mode/elsewhere" >"$work/log" || { cat "$work/log"; fail "compile elsewhere"; }

  if command -v ccache >/dev/null; then
    step "ccache finds what was compiled before"
    for round in first second; do
      rm -rf cached
      run CCACHE_DIR="$work/$mode/ccache" cmake -G Ninja -B cached --toolchain "$work/toolchain.cmake" \
        -DCMAKE_C_COMPILER_LAUNCHER=ccache >"$work/log" 2>&1 || { cat "$work/log"; fail "configure with ccache"; }
      run CCACHE_DIR="$work/$mode/ccache" ccache -z >/dev/null
      run CCACHE_DIR="$work/$mode/ccache" ninja -C cached >"$work/log" || { cat "$work/log"; fail "$round build with ccache"; }
    done
    run CCACHE_DIR="$work/$mode/ccache" ccache --print-stats | finds -x "cache_miss	0" || fail "everything is a hit"
  fi

  step "the kept file serves as well as the printed one"
  run cmake -G Ninja -B kept --toolchain "$kept" >"$work/log" 2>&1 || { cat "$work/log"; fail "configure with the kept file"; }

  step "gc takes sysroot and toolchain with their environment"
  run karapace destroy . >/dev/null
  run karapace gc >/dev/null
  [ ! -e "$sysroot" ] || fail "the sysroot stays"
  [ ! -e "$kept" ] || fail "the toolchain stays"
done
