// SPDX-License-Identifier: Apache-2.0
// Which package of a release has which path of its tree, and where they do not fit: a name that is a directory in one
// package and a file in another can not be both (docs/releases.md).
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "store/listing.hpp"

namespace karapace::store {

struct ReleaseClash {
  std::string path;
  std::string directory;  // the package that has a directory there
  std::string file;       // the one that has a file or a link there
};
/// For people, without who refuses it.
std::string text(const ReleaseClash& clash);

class ReleasePaths {
 public:
  /// Packages come in their order. The first of its paths that does not fit to those before; nothing when all do.
  std::optional<ReleaseClash> add(const std::string& package, const Listing& listing);
  /// The package that has the path in the tree; null when none has. Of several the first.
  const std::string* owner(std::string_view path) const noexcept;

 private:
  struct Owner {
    std::string package;
    bool is_directory = false;
  };
  std::map<std::string, Owner, std::less<>> owners_;
};

}  // namespace karapace::store
