// SPDX-License-Identifier: Apache-2.0
// Scanning: the listing of a tree as it is on disk.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "store/listing.hpp"

namespace karapace::store {

enum class Owners {
  from_disk,  // owners are those on disk, unless `user.karapace.owner` says otherwise
  ignore,     // single-id stores: every entry without the xattr counts as 0:0
};

struct ScanOptions {
  Owners owners = Owners::from_disk;
  std::string label{};  // for messages
  unsigned threads = 1;
  /// Called for each path but the root, from `threads` threads; false leaves the entry (and what is below it) out.
  std::function<bool(std::string_view path)> include{};
};

/// Lists a tree as it is on disk: whiteouts and `user.overlay.opaque` translated, other `user.overlay.*`,
/// `user.karapace.*`, `security.*` but capabilities, and `trusted.*` left out, ACLs kept; sockets left out, device
/// nodes refused (StoreError), as are paths of more than `longest_path` bytes, at the first one. Reads and hashes every
/// file, each hard-link group once. Never follows a link. Runs inside the user namespace, where every file can be read;
/// an error names the path.
Listing scan(int tree, const ScanOptions& options);

}  // namespace karapace::store
