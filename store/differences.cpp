// SPDX-License-Identifier: Apache-2.0
// Comparing a tree with its listing.
#include <fmt/format.h>

#include "store/escape.hpp"
#include "store/verify.hpp"

namespace karapace::store {

namespace {

bool owner_lost(const Entry& found) noexcept {
  bool holds_no_xattr = found.type == EntryType::symlink || found.type == EntryType::fifo;
  return holds_no_xattr && found.uid == 0 && found.gid == 0;
}

/// The attributes that differ, "content, mode"; empty when none does.
std::string difference(const Entry& expected, const Entry& found) {
  if (expected.type != found.type) return "type";
  std::string all;
  auto add = [&](bool differs, std::string_view name) {
    if (!differs) return;
    if (!all.empty()) all += ", ";
    all += name;
  };
  add(expected.content != found.content || expected.size != found.size, "content");
  add(expected.target != found.target, "target");
  add(expected.mode != found.mode, "mode");
  add((expected.uid != found.uid || expected.gid != found.gid) && !owner_lost(found), "owner");
  add(expected.mtime != found.mtime, "time");
  add(expected.xattrs != found.xattrs, "attributes");
  add(expected.opaque != found.opaque, "opaqueness");
  return all;
}

}  // namespace

std::vector<std::string> differences(const Listing& expected, const Listing& found) {
  std::vector<std::string> paths;
  auto add = [&](const Entry& entry, std::string_view what) {
    if (!what.empty()) paths.push_back(fmt::format("{}: {}", entry.path.empty() ? "/" : escaped_utf8(entry.path), what));
  };
  auto one = expected.entries().begin();
  auto other = found.entries().begin();
  while (one != expected.entries().end() || other != found.entries().end()) {
    bool only_found = one == expected.entries().end();
    bool only_expected = other == found.entries().end();
    if (!only_found && !only_expected) {
      only_expected = one->path < other->path;
      only_found = other->path < one->path;
    }
    if (only_expected) {
      add(*one++, "missing");
    } else if (only_found) {
      add(*other++, "not in the listing");
    } else {
      add(*one, difference(*one, *other));
      ++one;
      ++other;
    }
  }
  return paths;
}

}  // namespace karapace::store
