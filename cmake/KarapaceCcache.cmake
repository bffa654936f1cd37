# SPDX-License-Identifier: Apache-2.0
# Uses ccache(1) where it is installed, unless the user chose a launcher: with the precompiled headers, which it takes only
# when told that nobody defines macros behind them, and for clones in other directories, too (ccache(1), "PRECOMPILED
# HEADERS" and "COMPILING IN DIFFERENT DIRECTORIES").
find_program(KARAPACE_CCACHE ccache)
if(KARAPACE_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER env CCACHE_SLOPPINESS=pch_defines,time_macros "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}"
    CCACHE_NOHASHDIR=1 "${KARAPACE_CCACHE}")
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_C_COMPILER_LAUNCHER})
  add_compile_options("$<$<COMPILE_LANG_AND_ID:CXX,Clang>:SHELL:-Xclang -fno-pch-timestamp>"
    $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fpch-preprocess>)
endif()
