// SPDX-License-Identifier: Apache-2.0
// Scanning: the listing of a tree as it is on disk.
#pragma once

#include "store/listing.hpp"
#include "store/tree_walk.hpp"

namespace karapace::store {

/// Lists a tree as it is on disk, by the table in file_attributes.hpp: the kernel's whiteouts and opaque directories
/// translated, its notes and `user.karapace.*`, `security.*` but capabilities, and `trusted.*` left out, ACLs kept;
/// sockets left out and told of (ScanOptions::left_out), device nodes refused (StoreError), as are paths of more than
/// `longest_path` bytes, at the first one. Reads and hashes every file, each hard-link group once, and notices when one
/// changes meanwhile. Never follows a link. Runs inside the user namespace, where every file can be read; an error
/// names the path.
Listing scan(int tree, const ScanOptions& options);

}  // namespace karapace::store
