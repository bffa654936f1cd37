// SPDX-License-Identifier: Apache-2.0
// Archives as streams: the entries of a tar or ar file, which may be a member of another one, or of a zip file
// (libarchive).
//
// Nothing is held in memory but the last blocks: archives of any size are read in constant space. What is in a header
// is given as it is, or the archive is refused: no name is converted, nothing that can not be understood is passed over
// in silence (tar_headers.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "runtime/trees/decompressor.hpp"
#include "runtime/trees/tar_headers.hpp"

struct archive;
struct archive_entry;

namespace karapace::trees {

enum class ArchiveFormat {
  ar,       // ar(5), not compressed
  tar,      // ustar, pax or GNU
  old_tar,  // ustar or GNU without sparse files and what else extends them; other types of entries are refused
};

/// A zip archive, open for reading. Its list of entries stands at its end, so it is no stream. Its offset is not moved.
struct ZipFile {
  int fd;
};

class ArchiveReader {
 public:
  /// Throws StepError naming `label` when the first block is not such an archive.
  ArchiveReader(ArchiveFormat format, ByteSource source, std::string label,
                Compression compression = Compression::by_content);
  /// Of a zip archive. Names that it calls UTF-8 get their composed form (NFC); encrypted entries are refused, and so
  /// is what libarchive warns of.
  ArchiveReader(ZipFile file, std::string label);
  ~ArchiveReader();
  ArchiveReader(const ArchiveReader&) = delete;
  ArchiveReader& operator=(const ArchiveReader&) = delete;

  /// The next entry's header, valid until the next call; null at the end. StepError when the archive is damaged, or
  /// something in the header would be lost or changed.
  archive_entry* next();
  /// The value of this key in the current entry's extended header, null when it has none.
  const std::string* pax_record(std::string_view key) const noexcept;
  /// Reads the current entry's bytes; 0 at its end.
  std::size_t read(std::span<char> buffer);
  /// How much of it was read, in bytes after decompression.
  std::uint64_t position() const noexcept;
  const std::string& label() const noexcept { return label_; }

 private:
  struct Source;
  [[noreturn]] void fail() const;
  void require_open(int result);
  void require_plain(archive_entry* entry) const;
  void require_harmless_warning() const;
  void require_exact(archive_entry* entry, bool warned);
  void require_exact(const TarHeaders& headers, archive_entry* entry, bool warned) const;
  std::unique_ptr<Source> source_;
  std::optional<ArchiveFormat> format_;  // nothing: zip
  struct archive* archive_;
  std::string label_;
  TarHeaders headers_;
};

/// What is in an xz file, decompressed by several processors at once.
///
enum class Threads { one, several };

/// Packages are compressed in blocks of some 24 MB that do not depend on each other, so a large one is unpacked in half
/// the time by two processors. For small ones threads would only cost memory. libarchive reads xz, too, but gives a
/// dictionary of 4 GiB the memory that it asks for.
class XzReader {
 public:
  /// `label`: for messages.
  XzReader(ByteSource source, std::string label, Threads threads);
  ~XzReader();

  /// As ByteSource. StepError with the label when the file is damaged or cut off, or wants more than 1 GiB of memory.
  std::size_t read(std::span<char> buffer);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace karapace::trees
