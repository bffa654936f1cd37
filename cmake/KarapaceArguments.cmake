# SPDX-License-Identifier: Apache-2.0
# What the module's functions share: clear errors about their arguments, and calls with arguments unharmed.
include_guard(GLOBAL)

# Ends the configuration with one error. Indented, CMake leaves the lines as they are.
function(_karapace_error function message)
  string(REPLACE "\n" "\n  " message "${message}")
  message(FATAL_ERROR "${function}:\n  ${message}\n")
endfunction()

# After cmake_parse_arguments(... arg ...): nothing unknown, nothing without its value.
function(_karapace_check_arguments function usage)
  if(arg_UNPARSED_ARGUMENTS)
    list(GET arg_UNPARSED_ARGUMENTS 0 first)
    _karapace_error(${function} "unknown argument \"${first}\"; use it as\n  ${usage}")
  endif()
  if(arg_KEYWORDS_MISSING_VALUES)
    list(JOIN arg_KEYWORDS_MISSING_VALUES ", " keywords)
    _karapace_error(${function} "no value after ${keywords}; use it as\n  ${usage}")
  endif()
endfunction()

# Fails unless the keyword got a value.
function(_karapace_require_value function keyword usage)
  if(NOT DEFINED arg_${keyword} OR "${arg_${keyword}}" STREQUAL "")
    _karapace_error(${function} "no ${keyword} is given; use it as\n  ${usage}")
  endif()
endfunction()

# Fails unless `name` is an environment of this project.
function(_karapace_require_environment function name)
  get_property(known GLOBAL PROPERTY KARAPACE_ENVIRONMENTS)
  if(name IN_LIST known)
    return()
  endif()
  if(known)
    list(JOIN known ", " known)
    set(hint "there are: ${known}. Its karapace_environment() must come first")
  else()
    set(hint "call karapace_environment(${name} MANIFEST karapace.toml) first")
  endif()
  _karapace_error(${function} "there is no environment \"${name}\"; ${hint}")
endfunction()

# Appends `value` to the code in the variable, as one argument whatever is in it.
function(_karapace_append_argument variable value)
  set(level "")
  while("${value}]" MATCHES "\\]${level}\\]")
    string(APPEND level "=")
  endwhile()
  if(value MATCHES "^\n")
    set(value "\n${value}")  # the first line end after the bracket is dropped
  endif()
  set(${variable} "${${variable}} [${level}[${value}]${level}]" PARENT_SCOPE)
endfunction()
