# SPDX-License-Identifier: Apache-2.0
# karapace_environment(NAME MANIFEST FILE [LOCKED | FROZEN] [STORE DIR] [ALL])
#
# Makes the target NAME, which builds the environment of the manifest as steps of this very build, and
#
#   NAME-shell       a target: opens a shell in it
#   NAME-sysroot     a target: merges its layers into the directory KARAPACE_ROOT
#   Karapace::NAME   an executable that runs its arguments in it, as it was built
#
# The target NAME has the properties KARAPACE_ENVIRONMENT_ID, KARAPACE_MANIFEST, KARAPACE_LOCK, KARAPACE_STORE,
# KARAPACE_ROOT, KARAPACE_RECORD (the file that is there when the environment is built) and KARAPACE_LAUNCHER (the file of Karapace::NAME,
# for what wants a path, as CROSSCOMPILING_EMULATOR does).
include_guard(GLOBAL)

function(karapace_environment)
  set(usage "karapace_environment(NAME MANIFEST FILE [LOCKED | FROZEN] [STORE DIR] [ALL])")
  cmake_parse_arguments(PARSE_ARGV 1 arg "LOCKED;FROZEN;ALL" "MANIFEST;STORE" "")
  set(name "")
  if(ARGC GREATER 0)
    set(name "${ARGV0}")
  endif()
  _karapace_check_new_environment("${name}" "${usage}")
  set(directory "${CMAKE_BINARY_DIR}/karapace/${name}")
  _karapace_generate("${name}" "${directory}")
  _karapace_include_graph("${directory}")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${_karapace_sources})
  _karapace_declare_environment("${name}" "${directory}")
endfunction()

function(_karapace_check_new_environment name usage)
  if(name STREQUAL "" OR name MATCHES "^(MANIFEST|LOCKED|FROZEN|STORE|ALL)$")
    _karapace_error(karapace_environment "the environment's name is missing; use it as\n  ${usage}")
  endif()
  _karapace_check_arguments("karapace_environment(${name})" "${usage}")
  if(NOT DEFINED arg_MANIFEST OR arg_MANIFEST STREQUAL "")
    _karapace_error("karapace_environment(${name})" "no MANIFEST is given: add MANIFEST karapace.toml (write one with \
`karapace new`)")
  endif()
  if(arg_LOCKED AND arg_FROZEN)
    _karapace_error("karapace_environment(${name})" "LOCKED and FROZEN exclude each other: LOCKED fails when the lock \
does not fit the manifest, FROZEN does not look")
  endif()
  if(NOT name MATCHES "^[A-Za-z0-9_][A-Za-z0-9._-]*$")
    _karapace_error("karapace_environment(${name})" "a name consists of letters, digits, \".\", \"_\" and \"-\" and \
begins with a letter, digit or \"_\"")
  endif()
  foreach(target IN ITEMS "${name}" "${name}-shell" "${name}-sysroot" "Karapace::${name}")
    if(TARGET "${target}")
      _karapace_error("karapace_environment(${name})" "there is a target \"${target}\" already: give the environment \
another name")
    endif()
  endforeach()
  if(NOT CMAKE_GENERATOR MATCHES "Ninja|Makefiles")
    _karapace_error("karapace_environment(${name})" "the generator \"${CMAKE_GENERATOR}\" is not supported: use Ninja \
(best), Ninja Multi-Config or Unix Makefiles")
  endif()
endfunction()

# Runs `karapace gen`: locks as far as allowed, and writes only what changed.
function(_karapace_generate name directory)
  get_property(program GLOBAL PROPERTY KARAPACE_EXECUTABLE)
  cmake_path(ABSOLUTE_PATH arg_MANIFEST BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" NORMALIZE OUTPUT_VARIABLE manifest)
  set(command "${program}")
  set(store "$CACHE{KARAPACE_STORE}")
  if(DEFINED arg_STORE)
    set(store "${arg_STORE}")
  endif()
  if(NOT store STREQUAL "")
    cmake_path(ABSOLUTE_PATH store BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" NORMALIZE)
    list(APPEND command --store "${store}")
  endif()
  list(APPEND command gen --cmake --name "${name}" -C "${directory}")
  if(arg_LOCKED)
    list(APPEND command --locked)
  elseif(arg_FROZEN)
    list(APPEND command --frozen)
  endif()
  _karapace_say_when_locking("${name}" "${manifest}")
  execute_process(COMMAND ${command} -- "${manifest}" WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}"
    RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE error
    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_STRIP_TRAILING_WHITESPACE)
  if(NOT status EQUAL 0)
    if(NOT error)
      set(error "cannot run ${program}: ${status}")
    endif()
    string(REGEX REPLACE "(^|\n)karapace: error: " "\\1" error "${error}")
    _karapace_error("karapace_environment(${name})" "${error}")
  endif()
  if(error)
    message(STATUS "Karapace ${name}: ${error}")
  endif()
  message(STATUS "Karapace ${name}: ${output}")
endfunction()

# Resolving takes seconds, in which nothing else is said.
function(_karapace_say_when_locking name manifest)
  if(IS_DIRECTORY "${manifest}")
    string(APPEND manifest "/karapace.toml")
  endif()
  cmake_path(REPLACE_EXTENSION manifest LAST_ONLY lock OUTPUT_VARIABLE lock)
  if(NOT EXISTS "${lock}" AND EXISTS "${manifest}" AND NOT arg_LOCKED AND NOT arg_FROZEN)
    message(STATUS "Karapace ${name}: locking (there is no ${lock})")
  endif()
endfunction()

function(_karapace_declare_environment name directory)
  get_property(program GLOBAL PROPERTY KARAPACE_EXECUTABLE)
  set(record "${_karapace_store}/links/${_karapace_link}")
  set(all "")
  if(arg_ALL)
    set(all ALL)
  endif()
  add_custom_target("${name}" ${all} DEPENDS "${record}")
  cmake_path(GET _karapace_manifest PARENT_PATH manifest_directory)
  # With which status a person leaves a shell is no failure of the build; 125 says that there was no shell.
  add_custom_target("${name}-shell"
    COMMAND sh -c "\"$@\" || test $? -ne 125" sh "${program}" --store "${_karapace_store}" enter "${_karapace_manifest}"
    WORKING_DIRECTORY "${manifest_directory}" COMMENT "Shell in ${name}" USES_TERMINAL VERBATIM)
  add_dependencies("${name}-shell" "${name}")
  set(root "${_karapace_store}/sysroots/${_karapace_id}")
  cmake_path(REPLACE_FILENAME _karapace_step_program karapace-sysroot OUTPUT_VARIABLE sysroot_program)
  add_custom_target("${name}-sysroot" COMMAND "${sysroot_program}" "${_karapace_store}" "${_karapace_id}"
    COMMENT "Sysroot of ${name}" VERBATIM)
  add_dependencies("${name}-sysroot" "${name}")

  _karapace_bind_options(binds)
  set(exec "${program}" --store "${_karapace_store}" exec --ephemeral ${binds} "${_karapace_id}" --)
  set(launcher "${directory}/.karapace/exec")
  _karapace_write_launcher("${name}" "${launcher}" ${exec})
  add_executable("Karapace::${name}" IMPORTED GLOBAL)
  set_target_properties("Karapace::${name}" PROPERTIES IMPORTED_LOCATION "${launcher}")
  add_dependencies("Karapace::${name}" "${name}")

  # The files and targets that a command depends on when it runs in the environment. Makefiles of other targets would
  # repeat every step for a file's sake; there the target goes first, and the launcher, which is written when the
  # environment becomes another, tells the time.
  if(CMAKE_GENERATOR MATCHES "Ninja")
    set(dependencies "${record}")
  else()
    set(dependencies "${name}" "${launcher}")
  endif()
  set(release_record "")
  if(NOT _karapace_release STREQUAL "")
    set(release_record "${_karapace_store}/links/${_karapace_release}")
  endif()
  set_target_properties("${name}" PROPERTIES
    KARAPACE_ENVIRONMENT_ID "${_karapace_id}"
    KARAPACE_MANIFEST "${_karapace_manifest}"
    KARAPACE_LOCK "${_karapace_lock}"
    KARAPACE_STORE "${_karapace_store}"
    KARAPACE_ROOT "${root}"
    KARAPACE_RECORD "${record}"
    KARAPACE_LAUNCHER "${launcher}"
    _KARAPACE_EXEC "${exec}"
    _KARAPACE_STEP_PROGRAM "${_karapace_step_program}"
    _KARAPACE_ARGUMENTS "${_karapace_arguments}"
    _KARAPACE_PACKS_zstd "${_karapace_packs_zstd}"
    _KARAPACE_PACKS_gzip "${_karapace_packs_gzip}"
    _KARAPACE_PACKS_squashed_zstd "${_karapace_packs_squashed_zstd}"
    _KARAPACE_PACKS_squashed_gzip "${_karapace_packs_squashed_gzip}"
    _KARAPACE_RELEASE_RECORD "${release_record}"
    _KARAPACE_DEPENDENCIES "${dependencies}")
  set_property(GLOBAL APPEND PROPERTY KARAPACE_ENVIRONMENTS "${name}")
endfunction()

# The directories that a command of the build needs at their own paths, none inside another.
function(_karapace_bind_options variable)
  set(directories "")
  foreach(new IN ITEMS "${CMAKE_SOURCE_DIR}" "${CMAKE_BINARY_DIR}" "${PROJECT_SOURCE_DIR}" "${PROJECT_BINARY_DIR}")
    set(kept "")
    set(covered FALSE)
    foreach(old IN LISTS directories)
      cmake_path(IS_PREFIX old "${new}" NORMALIZE inside)
      if(inside)
        set(covered TRUE)
      endif()
      cmake_path(IS_PREFIX new "${old}" NORMALIZE contains)
      if(inside OR NOT contains)
        list(APPEND kept "${old}")
      endif()
    endforeach()
    if(NOT covered)
      list(APPEND kept "${new}")
    endif()
    set(directories "${kept}")
  endforeach()
  set(options "")
  foreach(directory IN LISTS directories)
    list(APPEND options --bind "${directory}")
  endforeach()
  set(${variable} "${options}" PARENT_SCOPE)
endfunction()

# Written when its bytes change, so that its time says since when the environment is this one.
function(_karapace_write_launcher name launcher)
  set(KARAPACE_NAME "${name}")
  set(KARAPACE_COMMAND "")
  foreach(word IN LISTS ARGN)
    string(REPLACE "'" "'\\''" word "${word}")
    string(APPEND KARAPACE_COMMAND " '${word}'")
  endforeach()
  configure_file("${CMAKE_CURRENT_FUNCTION_LIST_DIR}/karapace_exec.sh.in" "${launcher}" @ONLY
    FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
endfunction()
