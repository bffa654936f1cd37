// SPDX-License-Identifier: Apache-2.0
// DebPackage: an unpacked Debian package, with what only dpkg knows of it: `meta/deb/control/`, its control files, and
// what dpkg would write into its database when it unpacks the package, prepared once so that every environment only
// links it: `list` (info/NAME.list), `md5sums` (info/NAME.md5sums, where the package has none itself) and `stanza` (the
// status stanza with the digests of the configuration files).
#pragma once

#include <string>
#include <string_view>

#include "deb/control_file.hpp"
#include "runtime/steps/unpacked_package.hpp"

namespace karapace::steps::deb {

struct DebPackage : UnpackedPackage {
  karapace::deb::Stanza stanza;  // with Status and Conffiles
  bool multi_arch_same = false;

  /// "libc6:amd64" for `Multi-Arch: same`, else "git": how dpkg names its files.
  std::string info_name() const { return multi_arch_same ? name + ":" + architecture : name; }
  /// "libc6:i386": which of those that share a name is meant.
  std::string full_name() const { return architecture == "all" ? name : name + ":" + architecture; }
  /// The text of a control file, "" when there is none.
  std::string control(std::string_view file) const { return read("control/" + std::string(file)); }
};

/// StepError when its stanza is none.
DebPackage as_deb_package(UnpackedPackage package);

}  // namespace karapace::steps::deb
