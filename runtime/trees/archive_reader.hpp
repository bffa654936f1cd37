// SPDX-License-Identifier: Apache-2.0
// Archives as streams: the entries of a tar or ar file, which may be a member of another one (libarchive).
//
// Nothing is held in memory but one block: archives of any size are read in constant space.
#pragma once

#include <cstddef>
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

/// What is in an xz file, decompressed by several processors at once.
///
/// Debian's packages are compressed in blocks of 24 MB that do not depend on each other, so a large one is unpacked in
/// half the time by two processors, as dpkg-deb does it. For small ones it would only cost memory: those are left to
/// libarchive.
class XzReader {
 public:
  /// `label`: for messages.
  XzReader(ByteSource source, std::string label);
  ~XzReader();

  /// As ByteSource. StepError with the label when the file is damaged or cut off, or wants more than 1 GiB of memory.
  std::size_t read(std::span<char> buffer);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace karapace::trees
