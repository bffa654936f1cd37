// SPDX-License-Identifier: Apache-2.0
// Archives as streams: the entries of a tar or ar file, which may be a member of another one (libarchive).
//
// Nothing is held in memory but one block: archives of any size are read in constant space. What is in a header is
// given as it is, or the archive is refused: no name is converted, no attribute that can not be understood is passed
// over in silence.
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
  tar,  // ustar, pax or GNU
};

/// How an archive is compressed.
enum class Compression {
  by_content,  // as any of the others, told by its first bytes
  none,
  gzip,
  xz,
  zstd,
  bzip2,
  lzma,  // of one stream, as before xz
};

class ArchiveReader {
 public:
  /// Throws StepError naming `label` when the first block is not such an archive.
  ArchiveReader(ArchiveFormat format, ByteSource source, std::string label,
                Compression compression = Compression::by_content);
  ~ArchiveReader();
  ArchiveReader(const ArchiveReader&) = delete;
  ArchiveReader& operator=(const ArchiveReader&) = delete;

  /// The next entry's header, valid until the next call; null at the end. StepError when the archive is damaged, or
  /// something in the header would be lost or changed.
  archive_entry* next();
  /// Reads the current entry's bytes; 0 at its end.
  std::size_t read(std::span<char> buffer);
  /// How much of it was read, in bytes after decompression.
  std::uint64_t position() const noexcept;
  const std::string& label() const noexcept { return label_; }

 private:
  struct Source;
  [[noreturn]] void fail() const;
  void require_harmless_warning() const;
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
