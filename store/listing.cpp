// SPDX-License-Identifier: Apache-2.0
#include "store/listing.hpp"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "store/file_attributes.hpp"
#include "store/path_limit.hpp"

namespace karapace::store {

namespace {

[[noreturn]] void refuse(std::string_view path, std::string_view reason) {
  throw StoreError(fmt::format("a listing can not hold \"/{}\": {}", escaped_utf8(path), reason));
}

bool clean(std::string_view path) noexcept {
  if (path.find('\0') != path.npos) return false;
  while (!path.empty()) {
    auto part = path.substr(0, path.find('/'));
    if (part.empty() || part == "." || part == "..") return false;
    if (part.size() == path.size()) return true;
    path.remove_prefix(part.size() + 1);
    if (path.empty()) return false;
  }
  return true;
}

std::string_view parent_of(std::string_view path) noexcept {
  auto slash = path.rfind('/');
  return slash == path.npos ? std::string_view{} : path.substr(0, slash);
}

/// Sets the fields that the entry's type does not use.
void normalise(Entry& entry) {
  if (entry.type != EntryType::regular) {
    entry.size = 0;
    entry.content = Digest{};
  }
  if (entry.type != EntryType::symlink && entry.type != EntryType::hardlink) entry.target.clear();
  if (entry.type != EntryType::directory) entry.opaque = false;
  if (entry.type == EntryType::symlink) {
    entry.mode = 0777;
    entry.xattrs.clear();
  }
  if (entry.type == EntryType::whiteout || entry.type == EntryType::hardlink) {
    entry.mode = entry.uid = entry.gid = 0;
    entry.mtime = 0;
    entry.nanoseconds = 0;
    entry.xattrs.clear();
  }
  std::sort(entry.xattrs.begin(), entry.xattrs.end());
}

/// Sorting moves each entry once: an entry is large, its index is not.
void sort_by_path(std::vector<Entry>& entries) {
  auto by_path = [](const Entry& a, const Entry& b) { return a.path < b.path; };
  if (std::is_sorted(entries.begin(), entries.end(), by_path)) return;
  std::vector<std::uint32_t> order(entries.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return entries[a].path < entries[b].path; });
  std::vector<Entry> sorted;
  sorted.reserve(entries.size());
  for (auto index : order) sorted.push_back(std::move(entries[index]));
  entries = std::move(sorted);
}

void check_attributes(const Entry& entry) {
  if (entry.mode > 07777) refuse(entry.path, "its mode has bits that are no permissions");
  if (entry.uid > largest_id || entry.gid > largest_id) refuse(entry.path, "its owner is a number that is no id");
  if (entry.nanoseconds > 999'999'999) refuse(entry.path, "its time has more than a second's nanoseconds");
  if (entry.type == EntryType::symlink && entry.target.empty()) refuse(entry.path, "it is a link to nothing");
  if (entry.target.find('\0') != std::string::npos) refuse(entry.path, "its target holds a NUL");
  for (std::size_t i = 0; i < entry.xattrs.size(); ++i) {
    if (entry.xattrs[i].name.empty()) refuse(entry.path, "it has an attribute without a name");
    if (i > 0 && entry.xattrs[i].name == entry.xattrs[i - 1].name) refuse(entry.path, "it has an attribute twice");
  }
}

bool needs_format_2(const Entry& entry) noexcept {
  if (entry.nanoseconds != 0) return true;
  return std::any_of(entry.xattrs.begin(), entry.xattrs.end(), [](auto& xattr) { return !in_format_1(xattr.name); });
}

}  // namespace

Listing::Listing(std::vector<Entry> entries) : entries_(std::move(entries)) {
  for (auto& entry : entries_) normalise(entry);
  sort_by_path(entries_);
  if (entries_.empty() || !entries_.front().path.empty()) refuse("", "the root is missing");
  if (entries_.front().type != EntryType::directory) refuse("", "the root is not a directory");
  std::string_view known_directory;  // most entries have the parent of the entry before
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    check_attributes(entry);
    if (i == 0) continue;
    if (entry.path == entries_[i - 1].path) refuse(entry.path, "it appears twice");
    if (auto complaint = length_complaint(entry.path)) throw StoreError("a listing can not hold this: " + *complaint);
    if (!clean(entry.path)) refuse(entry.path, "the path is not clean");
    auto parent = parent_of(entry.path);
    if (parent != known_directory) {
      const Entry* found = find(parent);
      if (found == nullptr || found->type != EntryType::directory) refuse(entry.path, "its directory is missing");
      known_directory = parent;
    }
    if (entry.type != EntryType::hardlink) continue;
    const Entry* first = entry.target < entry.path ? find(entry.target) : nullptr;
    if (first == nullptr || first->type != EntryType::regular)
      refuse(entry.path, "its first name is not a file before it");
  }
  if (std::any_of(entries_.begin(), entries_.end(), needs_format_2)) format_ = 2;
}

const Entry* Listing::find(std::string_view path) const noexcept {
  auto found = std::lower_bound(entries_.begin(), entries_.end(), path,
                                [](const Entry& entry, std::string_view wanted) { return entry.path < wanted; });
  return found != entries_.end() && found->path == path ? &*found : nullptr;
}

LayerId Listing::id() const {
  Blake3 hasher;
  write_text([&](std::string_view part) { hasher.update(part); });
  return LayerId(hasher.finish());
}

std::uint64_t Listing::content_size() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& entry : entries_) sum += entry.size;
  return sum;
}

}  // namespace karapace::store
