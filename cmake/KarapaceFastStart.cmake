# SPDX-License-Identifier: Apache-2.0
# karapace_fast_start(PROGRAM): makes a program start about as fast as a plain C program does.
#
# Loading libstdc++ and libfmt costs 0.6 ms of a 1.3 ms start (measured on Debian 12; /bin/true takes 0.5 ms), and an
# edge of the graph or `karapace exec` pays it every time. So the C++ runtime is linked statically, and fmt, which Debian
# ships as a shared library only, is compiled into the program from its headers; --as-needed then drops libfmt.so.
# Where fmt is of another version than this was written for, the shared library stays.
function(karapace_fast_start target)
  target_link_options(${target} PRIVATE -static-libstdc++ -static-libgcc)
  karapace_own_fmt(${target})
endfunction()

# karapace_own_fmt(PROGRAM): without the shared fmt, whose name is another in each release of Debian.
function(karapace_own_fmt target)
  target_link_options(${target} PRIVATE -Wl,-O1,--as-needed)
  if(fmt_VERSION VERSION_LESS 9 OR fmt_VERSION VERSION_GREATER_EQUAL 10)
    return()
  endif()
  if(NOT TARGET karapace_fmt_objects)
    add_library(karapace_fmt_objects OBJECT "${PROJECT_SOURCE_DIR}/cmake/fmt_objects.cpp")
    target_include_directories(karapace_fmt_objects SYSTEM PRIVATE
      "$<TARGET_PROPERTY:fmt::fmt,INTERFACE_INCLUDE_DIRECTORIES>")
  endif()
  target_sources(${target} PRIVATE $<TARGET_OBJECTS:karapace_fmt_objects>)
endfunction()
