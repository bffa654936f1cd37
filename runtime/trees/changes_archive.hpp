// SPDX-License-Identifier: Apache-2.0
// Archives of changes: what an overlay's upper directory changes of the layers below it, as one file (tar in the form
// of pax, zstd).
//
// The same changes give the same bytes, on every machine and in every id mode: entries are sorted, owners and modes are
// those inside, times are whole seconds, holes of sparse files are bytes like others, and nothing is said of the
// machine. A character device 0:0 stands for a path that is gone, the attribute `user.overlay.opaque` = "y" for a
// directory of which nothing below shows through; a TreeWriter believes them only where it is told that it reads
// changes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "store/listing.hpp"

namespace karapace::trees {

struct PackRequest {
  int tree;                       // the directory, of which `listing` is a scan
  const store::Listing& listing;  // what of it is packed, which may be less than all
  int output;                     // written from its offset on
  std::string label;              // for messages
  /// Told each regular file that is small enough to be looked at, with its bytes.
  std::function<void(const store::Entry& entry, std::string_view bytes)> look = {};
};
/// The most bytes of a file that `look` is told.
inline constexpr std::uint64_t largest_looked_at = 64 << 10;

/// Reads each file once more, in constant memory. StepError when an entry can not stand in such an archive; StoreError
/// when one is no longer what the listing says, or the output can not be written. Follows no link.
void pack_changes(const PackRequest& request);

}  // namespace karapace::trees
