// SPDX-License-Identifier: Apache-2.0
#include "store/listing_comparison.hpp"

namespace karapace::store {

namespace {

std::vector<std::string_view> differing_aspects(const Entry& first, const Entry& second) {
  if (first.type != second.type) return {"type"};
  std::vector<std::string_view> aspects;
  auto add = [&](bool differs, std::string_view name) {
    if (differs) aspects.push_back(name);
  };
  add(first.content != second.content || first.size != second.size, "content");
  add(first.target != second.target, "target");
  add(first.mode != second.mode, "mode");
  add(first.uid != second.uid || first.gid != second.gid, "owner");
  add(first.mtime != second.mtime || first.nanoseconds != second.nanoseconds, "time");
  add(first.xattrs != second.xattrs, "attributes");
  add(first.opaque != second.opaque, "opaqueness");
  return aspects;
}

}  // namespace

std::vector<EntryDifference> compare(const Listing& first, const Listing& second) {
  std::vector<EntryDifference> differences;
  auto one = first.entries().begin();
  auto other = second.entries().begin();
  const auto one_end = first.entries().end();
  const auto other_end = second.entries().end();
  while (one != one_end || other != other_end) {
    if (other == other_end || (one != one_end && one->path < other->path)) {
      differences.push_back({&*one++, nullptr});
    } else if (one == one_end || other->path < one->path) {
      differences.push_back({nullptr, &*other++});
    } else {
      auto aspects = differing_aspects(*one, *other);
      if (!aspects.empty()) differences.push_back({&*one, &*other, std::move(aspects)});
      ++one;
      ++other;
    }
  }
  return differences;
}

}  // namespace karapace::store
