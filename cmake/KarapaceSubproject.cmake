# SPDX-License-Identifier: Apache-2.0
# Karapace inside another project: add_subdirectory(karapace) or FetchContent.
#
# karapace_environment() runs `karapace` while the project is configured, so its programs must be there by then: they are
# built first, in a build of their own, with this machine's compiler and optimised, whatever the project is compiled for
# and with. That takes minutes, once; KARAPACE_TOOLS_DIRECTORY lets several builds share it. A project that finds an
# installed Karapace (find_package, FetchContent's FIND_PACKAGE_ARGS) pays nothing.
set(KARAPACE_TOOLS_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/tools" CACHE PATH
  "Where Karapace's programs are built when it is a subproject; may be shared by several builds")

function(_karapace_tools_are_current variable stamp)
  set(${variable} FALSE PARENT_SCOPE)
  if(NOT EXISTS "${stamp}")
    return()
  endif()
  set(rooms store remote generator runtime cli cmake)
  list(TRANSFORM rooms PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/")
  list(TRANSFORM rooms APPEND "/*")
  file(GLOB_RECURSE sources LIST_DIRECTORIES FALSE ${rooms})
  foreach(source IN LISTS sources ITEMS "${CMAKE_CURRENT_SOURCE_DIR}/CMakeLists.txt")
    if("${source}" IS_NEWER_THAN "${stamp}")
      return()
    endif()
  endforeach()
  set(${variable} TRUE PARENT_SCOPE)
endfunction()

function(_karapace_run_for_tools what)
  execute_process(COMMAND "${CMAKE_COMMAND}" ${ARGN} RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "Karapace as a subproject:\n"
      "  ${what} its programs failed (see above). Install what packages/debian-12.txt in its source\n"
      "  names under \"build:\", or install Karapace and use find_package(Karapace).\n")
  endif()
endfunction()

function(_karapace_build_tools)
  set(stamp "${KARAPACE_TOOLS_DIRECTORY}/.programs")
  _karapace_tools_are_current(current "${stamp}")
  if(current)
    return()
  endif()
  message(STATUS "Karapace: building its programs in ${KARAPACE_TOOLS_DIRECTORY}")
  if(NOT EXISTS "${KARAPACE_TOOLS_DIRECTORY}/CMakeCache.txt")
    set(generator "${CMAKE_GENERATOR}")
    if(generator STREQUAL "Ninja Multi-Config")
      set(generator Ninja)
    endif()
    _karapace_run_for_tools("configuring" -S "${CMAKE_CURRENT_SOURCE_DIR}" -B "${KARAPACE_TOOLS_DIRECTORY}"
      -G "${generator}" -DCMAKE_BUILD_TYPE=Release -DKARAPACE_TESTS=OFF "-DCMAKE_MAKE_PROGRAM=${CMAKE_MAKE_PROGRAM}")
  endif()
  cmake_host_system_information(RESULT processors QUERY NUMBER_OF_LOGICAL_CORES)
  _karapace_run_for_tools("building" --build "${KARAPACE_TOOLS_DIRECTORY}" --parallel "${processors}" --target programs)
  file(TOUCH "${stamp}")
endfunction()

_karapace_build_tools()
if(NOT TARGET Karapace::karapace)
  add_executable(Karapace::karapace IMPORTED GLOBAL)
  set_target_properties(Karapace::karapace PROPERTIES IMPORTED_LOCATION "${KARAPACE_TOOLS_DIRECTORY}/bin/karapace")
endif()
include("${CMAKE_CURRENT_LIST_DIR}/KarapaceModule.cmake")
