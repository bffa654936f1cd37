// SPDX-License-Identifier: Apache-2.0
// Trees as a destination has them: what a layer's listing says, but read-only, of the user who installs, and without
// set-id bits and attributes, which mean nothing without their owners.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "store/store.hpp"

namespace karapace::release {

struct WrittenTree {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};
struct TreePlace {
  std::filesystem::path directory;  // is made
  std::filesystem::path name;       // that it gets once it is whole: messages tell that one
};
/// Writes the layer; the directory's own mode is set, too. Every file is hashed on the way: StoreError when the layer
/// is damaged, or holds what can not be installed (FIFOs, whiteouts). Nothing is forced to the disk.
WrittenTree write_installed_tree(const store::Store& store, const LayerId& layer, const TreePlace& place,
                                 unsigned threads);

struct TreeFault {
  std::string path;  // in the tree; "" is itself
  std::string what;  // "missing", "content", "mode", "owner", ...
};
/// Reads and hashes all of it. Sorted by path; none when it is what the listing says.
std::vector<TreeFault> faults_of_installed_tree(const std::filesystem::path& directory, const store::Listing& listing,
                                                unsigned threads);

}  // namespace karapace::release
