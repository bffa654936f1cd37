# SPDX-License-Identifier: Apache-2.0
# The CMake package, in the build directory and in the installation: lib/cmake/Karapace in both. Components:
#
#   Runtime      bin/karapace, and what it runs: all that is needed to use locks
#   Resolver     karapace-resolve-deb, which makes locks (libapt-pkg)
#   Development  the CMake package
include(CMakePackageConfigHelpers)

set(package_files KarapaceArguments.cmake KarapaceCommands.cmake KarapaceConfig.cmake KarapaceEnvironment.cmake KarapaceImage.cmake
  KarapaceModule.cmake KarapaceRelease.cmake KarapaceSteps.cmake karapace_exec.sh.in)
set(package_directory "${PROJECT_BINARY_DIR}/lib/cmake/Karapace")
foreach(file IN LISTS package_files)
  configure_file("${PROJECT_SOURCE_DIR}/cmake/${file}" "${package_directory}/${file}" COPYONLY)
endforeach()
write_basic_package_version_file("${package_directory}/KarapaceConfigVersion.cmake" COMPATIBILITY SameMajorVersion
  ARCH_INDEPENDENT)
export(EXPORT KarapaceTargets NAMESPACE Karapace:: FILE "${package_directory}/KarapaceTargets.cmake")

list(TRANSFORM package_files PREPEND "cmake/")
install(FILES ${package_files} "${package_directory}/KarapaceConfigVersion.cmake"
  DESTINATION "${CMAKE_INSTALL_LIBDIR}/cmake/Karapace" COMPONENT Development)
install(EXPORT KarapaceTargets NAMESPACE Karapace:: DESTINATION "${CMAKE_INSTALL_LIBDIR}/cmake/Karapace"
  COMPONENT Development)
