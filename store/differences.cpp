// SPDX-License-Identifier: Apache-2.0
// Comparing a tree with its listing.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/escape.hpp"
#include "store/listing_comparison.hpp"
#include "store/verify.hpp"

namespace karapace::store {

namespace {

bool owner_lost(const Entry& found) noexcept {
  bool holds_no_xattr = found.type == EntryType::symlink || found.type == EntryType::fifo;
  return holds_no_xattr && found.uid == 0 && found.gid == 0;
}

/// "content, mode"; empty when nothing counts.
std::string reason(EntryDifference difference) {
  if (!difference.second) return "missing";
  if (!difference.first) return "not in the listing";
  if (owner_lost(*difference.second)) std::erase(difference.aspects, "owner");
  return fmt::format("{}", fmt::join(difference.aspects, ", "));
}

/// Listings of format 1 were written when a nested overlay's marks were left out.
Listing without_nested_marks(const Listing& listing) {
  auto entries = listing.entries();
  for (auto& entry : entries)
    std::erase_if(entry.xattrs, [](const Xattr& xattr) { return xattr.name.starts_with("user.overlay.overlay."); });
  return Listing(std::move(entries));
}

}  // namespace

std::vector<DamagedPath> differences(const Listing& expected, const Listing& found) {
  if (expected.format() == 1 && found.format() > 1) {
    const auto older = without_nested_marks(found);
    if (older.format() == 1) return differences(expected, older);
  }
  std::vector<DamagedPath> paths;
  for (const auto& difference : compare(expected, found)) {
    auto what = reason(difference);
    const auto& path = difference.path();
    if (!what.empty()) paths.push_back({path.empty() ? "/" : escaped_utf8(path), std::move(what)});
  }
  return paths;
}

}  // namespace karapace::store
