// SPDX-License-Identifier: Apache-2.0
#include "store/release_clash.hpp"

#include <fmt/format.h>

#include "base/escape.hpp"

namespace karapace::store {

std::string text(const ReleaseClash& clash) {
  return fmt::format(
      "\"{}\" is a directory in the package {} and a file or link in the package {}, and a release has one of each name: "
      "have the build script of one of them install to another place",
      escaped_utf8(clash.path), clash.directory, clash.file);
}

std::optional<ReleaseClash> ReleasePaths::add(const std::string& package, const Listing& listing) {
  for (const auto& entry : listing.entries()) {
    if (entry.path.empty()) continue;
    const bool is_directory = entry.type == EntryType::directory;
    const auto [found, fresh] = owners_.try_emplace(entry.path, Owner{package, is_directory});
    const auto& first = found->second;
    if (fresh || first.is_directory == is_directory) continue;
    return is_directory ? ReleaseClash{entry.path, package, first.package}
                        : ReleaseClash{entry.path, first.package, package};
  }
  return std::nullopt;
}

const std::string* ReleasePaths::owner(std::string_view path) const noexcept {
  const auto found = owners_.find(path);
  return found == owners_.end() ? nullptr : &found->second.package;
}

}  // namespace karapace::store
