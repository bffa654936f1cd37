// SPDX-License-Identifier: Apache-2.0
// PartialFile: a download on its way to disk, hashed while it is written, never longer than was declared.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

#include "base/digest.hpp"
#include "base/fd.hpp"
#include "remote/sha256.hpp"

namespace karapace::remote {

struct FileDigests {
  Digest blake3;
  Sha256 sha256;
};

class PartialFile {
 public:
  /// Whether the size is the file's, or only the most that is taken of one whose size nobody knows yet.
  enum class Size { known, limit };
  /// Creates `path`, which must not exist.
  PartialFile(std::filesystem::path path, std::uint64_t declared_size, Size kind = Size::known);

  std::uint64_t size() const noexcept { return size_; }
  std::uint64_t declared_size() const noexcept { return declared_size_; }
  const std::filesystem::path& path() const noexcept { return path_; }

  /// "5 of 10 bytes", for messages; "5 bytes" of a file whose size is not known.
  std::string progress() const;

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
  Size kind_;
  std::uint64_t size_ = 0;
  Fd fd_;
  std::unique_ptr<Blake3> blake3_;
  Sha256Hasher sha256_;
};

}  // namespace karapace::remote
