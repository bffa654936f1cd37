// SPDX-License-Identifier: Apache-2.0
// Writing archives: entries of listings as tar in the form of pax.
//
// Every byte is determined by what is given. libarchive's bsdtar, GNU tar and ArchiveReader read all of it: only what
// an entry needs is in its extended header, in a fixed order.
//
// Written by ourselves because locks pin these bytes, and libraries change theirs from release to release.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/listing.hpp"

namespace karapace::store {

class PaxWriter {
 public:
  using Write = std::function<void(std::string_view bytes)>;
  enum class Dialect {
    libarchive,  // attributes as LIBARCHIVE.xattr, which takes any name and any value
    star,        // as SCHILY.xattr, which GNU tar reads, too
    image,       // as SCHILY.xattr with the name as it is: what reads images (Go's archive/tar) decodes nothing
  };
  struct Segment {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
  };
  PaxWriter(Write write, Dialect dialect) : write_(std::move(write)), dialect_(dialect) {}

  /// The headers of an entry; of a regular file its content follows. StepError, without the entry's path, when its
  /// names and attributes are more than readers take.
  void add(const Entry& entry);
  /// The same of a regular file with holes, in the form 1.0 of GNU tar: the bytes of the segments follow. A hole at the
  /// end is a segment of size 0 there.
  void add_sparse(Entry entry, const std::vector<Segment>& segments);
  void append(std::string_view content) { write_(content); }
  /// Fills the last block of a content of this size.
  void end_content(std::uint64_t size);
  /// The end of the archive.
  void finish();

 private:
  void add(const Entry& entry, std::string records);

  Write write_;
  Dialect dialect_;
};

}  // namespace karapace::store
