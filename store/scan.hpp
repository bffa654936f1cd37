// SPDX-License-Identifier: Apache-2.0
// Scanning: the listing of a tree as it is on disk.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

#include <sys/stat.h>

#include "store/listing.hpp"
#include "store/tree_walk.hpp"

namespace karapace::store {

/// What was read of files with several names, by their inodes: for who scans trees that share files. Used by several
/// threads.
class FileDigests {
 public:
  /// Whether the file was read before; then its size and content are set.
  bool find(const struct stat& status, Entry& entry);
  void add(const struct stat& status, const Entry& entry);
  /// Sum of the sizes that `find` knew.
  std::uint64_t bytes_not_read() const noexcept { return bytes_not_read_; }

 private:
  struct Known {
    std::uint64_t size = 0;
    Digest content;
  };
  std::mutex mutex_;
  std::map<std::pair<dev_t, ino_t>, Known> known_;
  std::atomic<std::uint64_t> bytes_not_read_{0};
};

/// Lists a tree as it is on disk, by the table in file_attributes.hpp: the kernel's whiteouts and opaque directories
/// translated, its notes and `user.karapace.*`, `security.*` but capabilities, and `trusted.*` left out, ACLs kept;
/// sockets left out and told of (ScanOptions::left_out), device nodes refused (StoreError), as are paths of more than
/// `longest_path` bytes, at the first one. Reads and hashes every file, each hard-link group once, and notices when one
/// changes meanwhile. Never follows a link. Runs inside the user namespace, where every file can be read; an error
/// names the path.
Listing scan(int tree, const ScanOptions& options, FileDigests* known = nullptr);

}  // namespace karapace::store
