# SPDX-License-Identifier: Apache-2.0
# Uses ccache(1) where it is installed, unless the user chose a launcher.
find_program(KARAPACE_CCACHE ccache)
if(KARAPACE_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER "${KARAPACE_CCACHE}")
  set(CMAKE_CXX_COMPILER_LAUNCHER "${KARAPACE_CCACHE}")
endif()
