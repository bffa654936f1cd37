# SPDX-License-Identifier: Apache-2.0
# karapace_library(NAME SOURCES...) and karapace_program(NAME SOURCES...): targets with the house's warnings,
# the source root as include directory, and the chosen sanitizers.
function(karapace_target_defaults target)
  target_include_directories(${target} PUBLIC "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>")
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
    $<$<BOOL:${KARAPACE_WERROR}>:-Werror>)
  if(KARAPACE_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${KARAPACE_SANITIZE} -fno-omit-frame-pointer
      -fno-sanitize-recover=all)
    target_link_options(${target} PUBLIC -fsanitize=${KARAPACE_SANITIZE})
  endif()
  if(KARAPACE_FUZZ)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all)
    target_link_options(${target} PUBLIC -fsanitize=address,undefined)
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
