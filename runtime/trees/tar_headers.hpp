// SPDX-License-Identifier: Apache-2.0
// The headers of an entry of a tar archive as they stand there, to judge what libarchive made of them.
//
// libarchive tells the last of several warnings only, and says nothing of some that it leaves out: a map of a sparse
// file that names fewer bytes than are there, attributes that are no base64, what stands after a NUL. So the headers
// are read again, where libarchive says that they begin, and what it would lose is refused. Nothing is taken from here:
// what is written is what libarchive understood.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/trees/decompressor.hpp"

struct archive_entry;

namespace karapace::trees {

/// The last bytes that a reader was given, to look at them again.
class RecentBytes {
 public:
  explicit RecentBytes(ByteSource source) : source_(std::move(source)) {}
  /// The source's next bytes; valid while fifteen more blocks are read. Empty at the end.
  std::span<const char> next_block();
  /// Copies what stands at `position` of the source. StepError when it is too long ago.
  void copy(std::uint64_t position, std::span<char> to) const;

 private:
  static constexpr std::size_t block_size = 256 * 1024;
  static constexpr std::size_t kept_blocks = 16;  // libarchive takes headers of 1 MiB
  static constexpr std::size_t ring_size = block_size * kept_blocks;
  ByteSource source_;
  // Not zeroed: most archives are smaller.
  std::unique_ptr<char[]> ring_ = std::make_unique_for_overwrite<char[]>(ring_size);
  std::uint64_t given_ = 0;
};

struct PaxRecord {
  std::string key;
  std::string value;
};

struct TarHeaders {
  std::string types;               // of all headers of the entry; its own is the last
  std::vector<PaxRecord> records;  // of its extended header
  std::vector<PaxRecord> global;   // of global ones that stand before it
  std::uint64_t stored = 0;        // how many bytes its body has
  std::uint64_t body = 0;          // where that begins, but for old GNU's sparse files
};

/// The headers that begin at `position`. StepError when they can not be read; it does not name the archive.
TarHeaders read_tar_headers(const RecentBytes& bytes, std::uint64_t position);
/// StepError when `entry`, which libarchive made of the headers, lacks something of them; it does not name the archive.
/// `warned`: libarchive could not convert a name, and may have left out other things.
void require_nothing_lost(const TarHeaders& headers, archive_entry* entry, const RecentBytes& bytes, bool warned);

}  // namespace karapace::trees
