// SPDX-License-Identifier: Apache-2.0
// BlobSource: bytes that are to be sent, readable from anywhere and as often as it takes.
//
// An upload that breaks is continued in its middle, and a redirect or a login makes it begin again. A file is read in
// pieces and never held in memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/fd.hpp"

namespace karapace::oci {

class BlobSource {
 public:
  static BlobSource of_bytes(std::string bytes);
  /// The regular file, opened now; its size is what it is now. StoreError when it can not be opened.
  static BlobSource of_file(const std::filesystem::path& path);
  /// One that is open already; `label` is what messages call it.
  static BlobSource of_file(Fd file, std::string label);

  std::uint64_t size() const noexcept { return size_; }
  /// The same bytes. `seen` is told the end of each piece that is read, for progress; from the thread that reads.
  BlobSource watched(std::function<void(std::uint64_t end)> seen) const;
  /// At most `buffer.size()` bytes from `offset`; 0 at the end only. StoreError when it can not be read, or became
  /// shorter. Several threads may.
  std::size_t read(std::uint64_t offset, std::span<char> buffer) const;

 private:
  BlobSource() = default;
  std::size_t read_piece(std::uint64_t offset, std::span<char> buffer) const;

  std::function<void(std::uint64_t)> seen_;
  std::shared_ptr<const std::string> bytes_;
  std::shared_ptr<const Fd> file_;
  std::string label_;
  std::uint64_t size_ = 0;
};

}  // namespace karapace::oci
