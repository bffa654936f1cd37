# SPDX-License-Identifier: Apache-2.0
# `cpack` makes packages of what is built (docs/packages.md): two for Debian and Ubuntu, and an archive that runs from
# any directory.
#
#   karapace              everything but the resolver. It needs libraries whose names did not change from Debian 12 to 13.
#   karapace-resolve-deb  the resolver, which needs the very libapt-pkg of the release that it was built on
#
# What they depend on is found by dpkg-shlibdeps(1).
set(CPACK_GENERATOR DEB TGZ)
set(CPACK_PACKAGE_NAME karapace)
set(CPACK_PACKAGE_VENDOR "Karapace")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "locked, content-addressed Linux environments")
set(KARAPACE_PACKAGE_CONTACT "The Karapace developers <packages@karapace.invalid>" CACHE STRING
  "Who answers for the packages that are made: NAME <ADDRESS>")
set(CPACK_PACKAGE_CONTACT "${KARAPACE_PACKAGE_CONTACT}")
set(CPACK_PACKAGE_FILE_NAME "karapace-${PROJECT_VERSION}-linux-${CMAKE_SYSTEM_PROCESSOR}")
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_COMPONENTS_ALL Runtime Development Resolver)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)

set(CPACK_DEBIAN_PROGRAMS_PACKAGE_NAME karapace)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_DEPENDS "ninja-build")
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_RECOMMENDS "karapace-resolve-deb, uidmap")
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_SUGGESTS "fuse-overlayfs, cmake, bash-completion")
set(CPACK_COMPONENT_PROGRAMS_DESCRIPTION "A manifest becomes a lock that pins every byte, a graph of steps
that Ninja runs, and an environment to work in, without root. For
making locks of Debian and Ubuntu it needs karapace-resolve-deb.")

set(CPACK_DEBIAN_RESOLVER_PACKAGE_NAME karapace-resolve-deb)
set(CPACK_DEBIAN_RESOLVER_PACKAGE_DEPENDS "karapace (= ${PROJECT_VERSION}), gpgv, gpg, ca-certificates")
set(CPACK_DEBIAN_RESOLVER_PACKAGE_RECOMMENDS "debian-archive-keyring")
set(CPACK_COMPONENT_RESOLVER_DESCRIPTION "The resolver finds with libapt-pkg the packages that a manifest
means. It belongs to the release of Debian or Ubuntu that it was
built on.")

# What Debian wants to know of every package.
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
foreach(package IN ITEMS karapace karapace-resolve-deb)
  set(documents "${PROJECT_BINARY_DIR}/packages/${package}")
  file(WRITE "${documents}/changelog" "${package} (${PROJECT_VERSION}) unstable; urgency=medium

  * See CHANGELOG.md of Karapace ${PROJECT_VERSION}.

 -- ${CPACK_PACKAGE_CONTACT}  ${date}
")
  execute_process(COMMAND gzip -9nf "${documents}/changelog" COMMAND_ERROR_IS_FATAL ANY)
  file(WRITE "${documents}/copyright" "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: Karapace

Files: *
Copyright: 2026 The Karapace developers
License: Apache-2.0
 On Debian systems, the full text of the Apache License version 2.0 is in
 /usr/share/common-licenses/Apache-2.0.
")
endforeach()
# karapace-init runs as process 1 of environments that may have no library at all, the launcher on hosts of which nothing is known. libarchive, and libbz2 with it, are
# linked statically for a fast start. What belongs to dpkg is that of environments, not of this machine.
file(WRITE "${PROJECT_BINARY_DIR}/packages/karapace/overrides" "karapace: statically-linked-binary [usr/libexec/karapace/karapace-init]
karapace: statically-linked-binary [usr/libexec/karapace/karapace-launcher]
karapace: embedded-library *bzip2* [usr/libexec/karapace/karapace-step]
karapace: embedded-library *bzip2* [usr/libexec/karapace/karapace-registry]
karapace: uses-dpkg-database-directly [usr/*]
karapace: shared-library-lacks-prerequisites [usr/libexec/karapace/karapace-moved-clock.so]
")
foreach(entry IN ITEMS "karapace Runtime" "karapace-resolve-deb Resolver")
  separate_arguments(words UNIX_COMMAND "${entry}")
  list(GET words 0 package)
  list(GET words 1 component)
  install(FILES "${PROJECT_BINARY_DIR}/packages/${package}/changelog.gz" "${PROJECT_BINARY_DIR}/packages/${package}/copyright"
    DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/${package}" COMPONENT ${component})
endforeach()
install(FILES "${PROJECT_BINARY_DIR}/packages/karapace/overrides" RENAME karapace
  DESTINATION "${CMAKE_INSTALL_DATADIR}/lintian/overrides" COMPONENT Runtime)

include(CPack)
cpack_add_component_group(programs)
cpack_add_component_group(resolver)
cpack_add_component(Runtime GROUP programs)
cpack_add_component(Development GROUP programs)
cpack_add_component(Resolver GROUP resolver)
