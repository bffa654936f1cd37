# SPDX-License-Identifier: Apache-2.0
# Releases, built from source as steps of the project's build, and installed.
include_guard(GLOBAL)

# karapace_release(NAME MANIFEST FILE [LOCKED | FROZEN] [STORE DIR] [ALL])
#
# Makes the target NAME, which builds what the manifest's [release] describes, each package by an edge of its own, and
#
#   NAME-install       a target: installs it at its destination
#   NAME-test          a target: installs it, and runs [release.test] with the version that is this build
#   NAME-environment   the environment that it is built in, as karapace_environment() makes it
#
# The target NAME has the property KARAPACE_RECORD: the file that is there when the release is built.
function(karapace_release)
  set(usage "karapace_release(NAME MANIFEST FILE [LOCKED | FROZEN] [STORE DIR] [ALL])")
  cmake_parse_arguments(PARSE_ARGV 1 arg "LOCKED;FROZEN;ALL" "MANIFEST;STORE" "")
  set(name "")
  if(ARGC GREATER 0)
    set(name "${ARGV0}")
  endif()
  _karapace_check_release("${name}" "${usage}")
  set(options MANIFEST "${arg_MANIFEST}")
  foreach(option IN ITEMS LOCKED FROZEN)
    if(arg_${option})
      list(APPEND options ${option})
    endif()
  endforeach()
  if(DEFINED arg_STORE)
    list(APPEND options STORE "${arg_STORE}")
  endif()
  set(environment "${name}-environment")
  karapace_environment("${environment}" ${options})
  get_target_property(record "${environment}" _KARAPACE_RELEASE_RECORD)
  if(NOT record)
    _karapace_error("karapace_release(${name})" "there is no [release] in ${arg_MANIFEST}: say there what is built from \
which [[source]] (`karapace release init` writes one to begin with)")
  endif()
  get_property(program GLOBAL PROPERTY KARAPACE_EXECUTABLE)
  get_target_property(store "${environment}" KARAPACE_STORE)
  get_target_property(manifest "${environment}" KARAPACE_MANIFEST)
  set(all "")
  if(arg_ALL)
    set(all ALL)
  endif()
  add_custom_target("${name}" ${all} DEPENDS "${record}")
  # Programs run in the environment, which nothing else may ask for.
  add_dependencies("${name}" "${environment}")
  set_target_properties("${name}" PROPERTIES KARAPACE_RECORD "${record}")
  add_custom_target("${name}-install" COMMAND "${program}" --store "${store}" release install "${manifest}"
    COMMENT "Installing ${name}" USES_TERMINAL VERBATIM)
  add_dependencies("${name}-install" "${name}")
  add_custom_target("${name}-test" COMMAND "${program}" --store "${store}" release test "${manifest}"
    COMMENT "Testing ${name}" USES_TERMINAL VERBATIM)
  add_dependencies("${name}-test" "${name}-install")
endfunction()

function(_karapace_check_release name usage)
  if(NOT name MATCHES "^[A-Za-z0-9_][A-Za-z0-9._-]*$" OR name MATCHES "^(MANIFEST|LOCKED|FROZEN|STORE|ALL)$")
    _karapace_error(karapace_release "the release's name is missing or has other characters than letters, digits, \".\", \
\"_\" and \"-\"; use it as\n  ${usage}")
  endif()
  _karapace_check_arguments("karapace_release(${name})" "${usage}")
  _karapace_require_value("karapace_release(${name})" MANIFEST "${usage}")
  foreach(target IN ITEMS "${name}" "${name}-install" "${name}-test")
    if(TARGET "${target}")
      _karapace_error("karapace_release(${name})" "there is a target \"${target}\" already: give the release another name")
    endif()
  endforeach()
endfunction()
