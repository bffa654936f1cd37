// SPDX-License-Identifier: Apache-2.0
// Decompressor: the bytes of a file that is compressed, or not (libarchive's filters).
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>

struct archive;

namespace karapace::trees {

/// Fills its buffer and returns how many bytes; 0 at the end.
using ByteSource = std::function<std::size_t(std::span<char> buffer)>;

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

class Decompressor {
 public:
  /// Throws StepError naming `label` when the first block is not compressed so, or more than once.
  Decompressor(ByteSource source, std::string label, Compression compression);
  ~Decompressor();
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  /// As ByteSource. StepError with the label when the file is damaged or cut off.
  std::size_t read(std::span<char> buffer);

 private:
  struct Source;
  std::unique_ptr<Source> source_;
  struct archive* archive_;
  std::string label_;
};

}  // namespace karapace::trees
