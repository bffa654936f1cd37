// SPDX-License-Identifier: Apache-2.0
// PartialFile: a download on its way to disk, hashed while it is written, never longer than was declared.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

#include "remote/sha256.hpp"
#include "store/digest.hpp"
#include "store/fd.hpp"

namespace karapace::remote {

struct FileDigests {
  Digest blake3;
  Sha256 sha256;
};

class PartialFile {
 public:
  /// Creates `path`, which must not exist.
  PartialFile(std::filesystem::path path, std::uint64_t declared_size);

  std::uint64_t size() const noexcept { return size_; }
  std::uint64_t declared_size() const noexcept { return declared_size_; }
  const std::filesystem::path& path() const noexcept { return path_; }

  enum class Room { enough, exceeded };
  /// Appends and hashes. `exceeded`, and nothing is written, when the file would be longer than was declared.
  /// StoreError when the disk is full.
  Room append(std::string_view bytes);
  /// Forgets everything that was written.
  void restart();
  /// Makes the file durable and gives its digests; nothing may be appended afterwards until `restart`.
  FileDigests finish();

 private:
  std::filesystem::path path_;
  std::uint64_t declared_size_;
  std::uint64_t size_ = 0;
  Fd fd_;
  std::unique_ptr<Blake3> blake3_;
  Sha256Hasher sha256_;
};

}  // namespace karapace::remote
