# SPDX-License-Identifier: Apache-2.0
# Karapace's steps as edges of the project's own graph: what steps.cmake calls (generator/graph/cmake_text.hpp).
include_guard(GLOBAL)

# Declares one step. Sees the variables of local.cmake. Ninja's graph is one for the whole project, so a step that
# several environments share is declared once. Makefiles are one per directory and target: there each directory declares
# what it uses, and steps that run at once by chance wait for each other.
function(_karapace_step kind subject link key)
  get_property(known ${_karapace_scope} PROPERTY "_karapace_step_${link}")
  if(known)
    return()
  endif()
  set_property(${_karapace_scope} PROPERTY "_karapace_step_${link}" TRUE)
  list(TRANSFORM ARGN PREPEND "${_karapace_store}/links/" OUTPUT_VARIABLE inputs)
  add_custom_command(OUTPUT "${_karapace_store}/links/${link}"
    COMMAND "${_karapace_step_program}" "@${key}" DEPENDS ${inputs} WORKING_DIRECTORY "${_karapace_arguments}"
    COMMENT "${kind} ${_karapace_before_${kind}}${subject}" ${_karapace_pool_of_${kind}} VERBATIM)
endfunction()

# A project's own pools of these names stay. The list is completed at the very end, whatever the project sets meanwhile.
function(_karapace_declare_pools)
  get_property(wanted GLOBAL PROPERTY _karapace_pools)
  get_property(pools GLOBAL PROPERTY JOB_POOLS)
  if(NOT pools AND DEFINED CMAKE_JOB_POOLS)
    set(pools ${CMAKE_JOB_POOLS})  # which CMake reads only while the property is not set
  endif()
  foreach(pool IN LISTS wanted)
    string(REGEX REPLACE "=.*" "" name "${pool}")
    if(NOT ";${pools}" MATCHES ";${name}=")
      list(APPEND pools "${pool}")
    endif()
  endforeach()
  set_property(GLOBAL PROPERTY JOB_POOLS ${pools})
endfunction()

# Includes the graph that `karapace gen --cmake` wrote into `directory`.
macro(_karapace_include_graph directory)
  set(_karapace_release "")
  include("${directory}/.karapace/local.cmake")
  set(_karapace_scope DIRECTORY)
  foreach(kind IN ITEMS fetch unpack install setup commit environment pack source compile assemble)
    set(_karapace_pool_of_${kind} "")
    set(_karapace_before_${kind} "")
  endforeach()
  set(_karapace_before_environment "${_karapace_name} ")
  if(CMAKE_GENERATOR MATCHES "Ninja")
    set(_karapace_scope GLOBAL)
    set(_karapace_pool_of_fetch JOB_POOL karapace_fetch)
    set(_karapace_pool_of_install JOB_POOL karapace_install)
    set(_karapace_pool_of_setup JOB_POOL karapace_install)
    get_property(_karapace_pools GLOBAL PROPERTY _karapace_pools)
    if(NOT _karapace_pools)
      set_property(GLOBAL PROPERTY _karapace_pools
        "karapace_fetch=${_karapace_fetch_depth}" "karapace_install=${_karapace_install_depth}")
      cmake_language(DEFER DIRECTORY "${CMAKE_SOURCE_DIR}" CALL _karapace_declare_pools)
    endif()
  endif()
  include("${directory}/steps.cmake")
endmacro()
