// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/deb/deb_package.hpp"

#include <utility>

namespace karapace::steps::deb {

DebPackage as_deb_package(UnpackedPackage package) {
  DebPackage deb;
  static_cast<UnpackedPackage&>(deb) = std::move(package);
  deb.stanza = karapace::deb::Stanza::parse(deb.read("stanza"), deb.name + ": stanza");
  deb.multi_arch_same = deb.stanza.value("Multi-Arch") == "same";
  return deb;
}

}  // namespace karapace::steps::deb
