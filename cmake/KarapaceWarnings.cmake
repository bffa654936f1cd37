# SPDX-License-Identifier: Apache-2.0
# karapace_library(NAME SOURCES...) and karapace_program(NAME SOURCES...): targets with the house's warnings,
# the source root as include directory, and the chosen sanitizers.

# The headers that most files read, compiled once for libraries, once for programs, whose code is position independent in
# another way, and once for tests. Everything must build without them, too: releases do.
option(KARAPACE_PRECOMPILED_HEADERS "Compile common headers once" OFF)
function(karapace_precompile target)
  file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/precompiled.cpp" CONTENT "")
  add_library(${target} OBJECT EXCLUDE_FROM_ALL "${PROJECT_BINARY_DIR}/precompiled.cpp")
  target_link_libraries(${target} PRIVATE fmt::fmt)
  karapace_target_options(${target})
  target_precompile_headers(${target} PRIVATE <algorithm> <array> <chrono> <filesystem> <fstream> <functional> <map> <memory>
    <optional> <set> <sstream> <string> <string_view> <thread> <utility> <vector> <fmt/format.h> ${ARGN})
endfunction()

function(karapace_reuse_precompiled target)
  get_target_property(type ${target} TYPE)
  if(CMAKE_CURRENT_SOURCE_DIR MATCHES "^${PROJECT_SOURCE_DIR}/tests/" AND type STREQUAL "EXECUTABLE")
    set(owner karapace_precompiled_test)
  elseif(type STREQUAL "EXECUTABLE")
    set(owner karapace_precompiled_program)
  else()
    set(owner karapace_precompiled_library)
  endif()
  target_precompile_headers(${target} REUSE_FROM ${owner})
endfunction()

function(karapace_target_options target)
  target_include_directories(${target} PUBLIC "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>")
  # std::stable_sort of g++ 12's library uses what that library itself calls deprecated, which only clang tells.
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
    $<$<BOOL:${KARAPACE_WERROR}>:-Werror> $<$<CXX_COMPILER_ID:Clang>:-Wno-deprecated-declarations>)
  if(KARAPACE_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${KARAPACE_SANITIZE} -fno-omit-frame-pointer
      -fno-sanitize-recover=all)
    target_compile_definitions(${target} PRIVATE KARAPACE_SANITIZED)
    target_link_options(${target} PUBLIC -fsanitize=${KARAPACE_SANITIZE})
  endif()
  if(KARAPACE_FUZZ)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()

function(karapace_target_defaults target)
  karapace_target_options(${target})
  if(KARAPACE_PRECOMPILED_HEADERS)
    karapace_reuse_precompiled(${target})
  endif()
endfunction()

function(karapace_library target)
  add_library(${target} STATIC ${ARGN})
  karapace_target_defaults(${target})
endfunction()

function(karapace_program target)
  add_executable(${target} ${ARGN})
  karapace_target_defaults(${target})
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
endfunction()
