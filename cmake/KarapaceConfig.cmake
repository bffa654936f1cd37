# SPDX-License-Identifier: Apache-2.0
# find_package(Karapace): environments as targets of a CMake project (docs/cmake.md).
#
#   karapace_environment(NAME MANIFEST FILE ...)           KarapaceEnvironment.cmake
#   karapace_add_test(NAME ... ENVIRONMENT ... COMMAND ...)           KarapaceCommands.cmake
#   karapace_add_custom_command(OUTPUT ... ENVIRONMENT ... COMMAND ...)
#   karapace_image(NAME ENVIRONMENT ... OUTPUT ...)         KarapaceImage.cmake
#   karapace_release(NAME MANIFEST ...)                     KarapaceRelease.cmake
#   Karapace::karapace, and Karapace::NAME of every environment: executables
#
# Components: Runtime (always there) and Resolver, which makes and changes locks and may be left out where locks are
# only used.
#
# Lies beside KarapaceTargets.cmake in an installation (lib/cmake/Karapace) and in Karapace's own build directory; both
# find their programs relative to themselves and may be moved.
if(CMAKE_VERSION VERSION_LESS 3.25)
  set(Karapace_FOUND FALSE)
  set(Karapace_NOT_FOUND_MESSAGE "Karapace needs CMake 3.25 or newer; this is ${CMAKE_VERSION}")
  return()
endif()
if(NOT EXISTS "${CMAKE_CURRENT_LIST_DIR}/KarapaceTargets.cmake")
  set(Karapace_FOUND FALSE)
  set(Karapace_NOT_FOUND_MESSAGE "${CMAKE_CURRENT_LIST_DIR} is Karapace's source: install Karapace, or set Karapace_DIR \
to lib/cmake/Karapace in its build directory, or use its source with add_subdirectory() or FetchContent")
  return()
endif()
if(NOT TARGET Karapace::karapace)
  include("${CMAKE_CURRENT_LIST_DIR}/KarapaceTargets.cmake")
endif()
include("${CMAKE_CURRENT_LIST_DIR}/KarapaceModule.cmake")

set(Karapace_Runtime_FOUND TRUE)
_karapace_find_program(_karapace_resolver karapace-resolve-deb)
if(_karapace_resolver)
  set(Karapace_Resolver_FOUND TRUE)
else()
  set(Karapace_Resolver_FOUND FALSE)
endif()
unset(_karapace_resolver)
foreach(_karapace_component IN LISTS Karapace_FIND_COMPONENTS)
  if(Karapace_FIND_REQUIRED_${_karapace_component} AND NOT Karapace_${_karapace_component}_FOUND)
    set(Karapace_FOUND FALSE)
    set(Karapace_NOT_FOUND_MESSAGE "the component \"${_karapace_component}\" is not installed with \
${KARAPACE_EXECUTABLE}; there are Runtime and, where Karapace was built with libapt-pkg, Resolver")
  endif()
endforeach()
unset(_karapace_component)
