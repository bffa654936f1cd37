// SPDX-License-Identifier: Apache-2.0
// DebPackage: an unpacked Debian package as its `unpack` step left it in the store.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "deb/control_file.hpp"
#include "store/listing.hpp"
#include "store/store.hpp"

namespace karapace::steps::deb {

struct DebPackage {
  std::string name;
  std::string version;
  std::string architecture;
  bool multi_arch_same = false;
  karapace::deb::Stanza stanza;  // with Status and Conffiles
  std::filesystem::path tree;
  store::Listing listing;
  BlobId deb;

  /// "libc6:amd64" for `Multi-Arch: same`, else "git": how dpkg names its files.
  std::string info_name() const { return multi_arch_same ? name + ":" + architecture : name; }
  /// "libc6:i386": which of those that share a name is meant.
  std::string full_name() const { return architecture == "all" ? name : name + ":" + architecture; }
  bool has_control(std::string_view file) const { return listing.find("control/" + std::string(file)) != nullptr; }
  /// The control file's text, "" when there is none.
  std::string control(std::string_view file) const;
  /// The owners of its files by name (owner_names.hpp), "" when all are root's.
  std::string owner_names() const;
};

/// Loads the package that the `unpack` step `key` made. StepError when it is not one.
DebPackage load_package(const store::Store& store, const StepKey& key);

}  // namespace karapace::steps::deb
