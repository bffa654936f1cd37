# SPDX-License-Identifier: Apache-2.0
# What find_package(Karapace) and add_subdirectory(karapace) give a project, once there is a target Karapace::karapace.
cmake_policy(PUSH)
cmake_policy(VERSION 3.25)

get_target_property(KARAPACE_EXECUTABLE Karapace::karapace LOCATION)
set_property(GLOBAL PROPERTY KARAPACE_EXECUTABLE "${KARAPACE_EXECUTABLE}")

# As with CC, the environment's variable is asked once: a build that reconfigures itself must stay in its store.
set(KARAPACE_STORE "$ENV{KARAPACE_STORE}" CACHE PATH
  "Where Karapace keeps what its steps make; empty: as `karapace` does, ~/.local/share/karapace")

include("${CMAKE_CURRENT_LIST_DIR}/KarapaceArguments.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/KarapaceSteps.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/KarapaceEnvironment.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/KarapaceCommands.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/KarapaceImage.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/KarapaceRelease.cmake")

# One of the programs that `karapace` comes with, in the places where it looks for them itself (cli/programs.cpp).
function(_karapace_find_program variable name)
  get_property(program GLOBAL PROPERTY KARAPACE_EXECUTABLE)
  cmake_path(GET program PARENT_PATH directory)
  set(${variable} "" PARENT_SCOPE)
  foreach(place IN ITEMS "${directory}/${name}" "${directory}/../libexec/karapace/${name}")
    if(EXISTS "${place}")
      set(${variable} "${place}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
endfunction()

cmake_policy(POP)
