// SPDX-License-Identifier: Apache-2.0
// ArchiveReader: a stream of archive entries from a file or from a member of another archive (libarchive).
//
// Nothing is held in memory but one block: archives of any size are read in constant space.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

struct archive;
struct archive_entry;

namespace karapace::trees {

/// Fills its buffer and returns how many bytes; 0 at the end.
using ByteSource = std::function<std::size_t(std::span<char> buffer)>;

enum class ArchiveFormat {
  deb,  // ar(5), not compressed
  tar,  // ustar, pax or GNU; plain, gzip, xz or zstd
};

class ArchiveReader {
 public:
  /// Throws StepError naming `label` when the first block is not such an archive.
  ArchiveReader(ArchiveFormat format, ByteSource source, std::string label);
  ~ArchiveReader();
  ArchiveReader(const ArchiveReader&) = delete;
  ArchiveReader& operator=(const ArchiveReader&) = delete;

  /// The next entry's header, valid until the next call; null at the end. StepError when the archive is damaged.
  archive_entry* next();
  /// Reads the current entry's bytes; 0 at its end.
  std::size_t read(std::span<char> buffer);
  const std::string& label() const noexcept { return label_; }

 private:
  struct Source;
  [[noreturn]] void fail() const;
  std::unique_ptr<Source> source_;
  struct archive* archive_;
  std::string label_;
};

}  // namespace karapace::trees
