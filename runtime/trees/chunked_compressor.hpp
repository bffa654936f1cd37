// SPDX-License-Identifier: Apache-2.0
// ChunkedCompressor: one stream of bytes into one compressed file, by several processors at once.
//
// The stream is cut into chunks of a fixed size that are compressed independently, so the file has the same bytes
// whatever the machine has of processors: with zstd each chunk is a frame, with gzip all of them are one member (no
// name, no time) whose blocks refer to nothing before their chunk. Every reader of these formats takes both.
// The digests of the stream and of the file are made on the way.
//
// Memory is bounded, at most some 55 MiB with the eight threads that it uses at most, and touched only as far as there
// are bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/digest.hpp"
#include "store/identifiers.hpp"

namespace karapace::trees {

enum class BlobCompression { zstd, gzip };

/// "zstd", "gzip"
std::string_view text(BlobCompression compression) noexcept;
std::optional<BlobCompression> blob_compression_from(std::string_view word) noexcept;

struct CompressedFile {
  BlobId blob;
  Sha256 sha256;
  std::uint64_t size = 0;
  Sha256 stream_sha256;  // before compression
  std::uint64_t stream_size = 0;
};

class ChunkedCompressor {
 public:
  /// Writes to `output` from its offset on; `label` is for messages.
  ChunkedCompressor(int output, BlobCompression compression, unsigned threads, std::string label);
  ~ChunkedCompressor();
  ChunkedCompressor(const ChunkedCompressor&) = delete;
  ChunkedCompressor& operator=(const ChunkedCompressor&) = delete;

  void write(std::string_view bytes);
  /// Where the next bytes may be put without being copied, never empty; `advance` says how many were. Waits while all
  /// of the memory is in use. StoreError when the file can not be written.
  std::span<char> space();
  void advance(std::size_t count);
  /// Ends the file.
  CompressedFile finish();

 private:
  class Work;
  std::unique_ptr<Work> work_;
};

}  // namespace karapace::trees
