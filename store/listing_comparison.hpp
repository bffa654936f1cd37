// SPDX-License-Identifier: Apache-2.0
// What differs between two listings, path by path.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "store/listing.hpp"

namespace karapace::store {

struct EntryDifference {
  const Entry* first = nullptr;   // null: only the second listing has the path
  const Entry* second = nullptr;  // null: only the first has it
  /// Of a path that both have: "type", or of "content", "target", "mode", "owner", "time", "attributes", "opaqueness"
  /// those that differ, in this order.
  std::vector<std::string_view> aspects{};

  const std::string& path() const noexcept { return first ? first->path : second->path; }
};

/// In the order of paths; equal entries are left out. Both listings must outlive the result.
std::vector<EntryDifference> compare(const Listing& first, const Listing& second);

}  // namespace karapace::store
