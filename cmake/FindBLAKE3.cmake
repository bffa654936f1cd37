# SPDX-License-Identifier: Apache-2.0
# Finds BLAKE3 as BLAKE3::blake3: the distribution's library where there is one, else the official C sources
# (with their assembly) that Debian 12 ships in librust-blake3-dev, built here as a static library.
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(BLAKE3_PC QUIET IMPORTED_TARGET libblake3)
endif()
if(TARGET PkgConfig::BLAKE3_PC)
  add_library(BLAKE3::blake3 ALIAS PkgConfig::BLAKE3_PC)
  set(BLAKE3_SOURCE_DIR "${BLAKE3_PC_INCLUDE_DIRS}")
else()
  file(GLOB blake3_candidates /usr/share/cargo/registry/blake3-*/c)
  find_path(BLAKE3_SOURCE_DIR blake3_dispatch.c HINTS ${blake3_candidates} NO_DEFAULT_PATH)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(BLAKE3 REQUIRED_VARS BLAKE3_SOURCE_DIR
  REASON_FAILURE_MESSAGE "install libblake3-dev, or librust-blake3-dev on Debian 12")

if(BLAKE3_FOUND AND NOT TARGET BLAKE3::blake3)
  enable_language(C)
  set(blake3_sources blake3.c blake3_dispatch.c blake3_portable.c)
  set(blake3_definitions "")
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
    enable_language(ASM)
    list(APPEND blake3_sources blake3_sse2_x86-64_unix.S blake3_sse41_x86-64_unix.S blake3_avx2_x86-64_unix.S
      blake3_avx512_x86-64_unix.S)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
    list(APPEND blake3_sources blake3_neon.c)
    list(APPEND blake3_definitions BLAKE3_USE_NEON=1)
  endif()
  list(TRANSFORM blake3_sources PREPEND "${BLAKE3_SOURCE_DIR}/")
  add_library(blake3_from_sources STATIC ${blake3_sources})
  target_include_directories(blake3_from_sources SYSTEM PUBLIC "${BLAKE3_SOURCE_DIR}")
  target_compile_definitions(blake3_from_sources PRIVATE ${blake3_definitions})
  target_compile_options(blake3_from_sources PRIVATE -w -O2)
  add_library(BLAKE3::blake3 ALIAS blake3_from_sources)
endif()
