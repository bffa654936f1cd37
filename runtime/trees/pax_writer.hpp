// SPDX-License-Identifier: Apache-2.0
// PaxWriter: tar archives in the form of pax (POSIX.1-2001), of which every byte is determined by what is given.
//
// The project writes these itself because their bytes are pinned by locks, and libraries change theirs from release to
// release. Only what an entry needs is in its extended header, in a fixed order; attributes are as libarchive writes
// them (LIBARCHIVE.xattr), which takes any name and any value. libarchive's bsdtar and ArchiveReader read all of it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "store/listing.hpp"

namespace karapace::trees {

class PaxWriter {
 public:
  using Write = std::function<void(std::string_view bytes)>;
  explicit PaxWriter(Write write) : write_(std::move(write)) {}

  /// The headers of an entry. Of a regular file `size` bytes of content follow. StepError, without the entry's path,
  /// when its attributes are more than readers take.
  void add(const store::Entry& entry);
  void append(std::string_view content);
  /// Fills the last block of a content of this size.
  void end_content(std::uint64_t size);
  /// The end of the archive.
  void finish();

 private:
  Write write_;
};

}  // namespace karapace::trees
