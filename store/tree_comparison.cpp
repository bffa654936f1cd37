// SPDX-License-Identifier: Apache-2.0
#include "store/tree_comparison.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"

namespace karapace::store {

namespace {

/// As much as there is, up to `size`; less at the end of the file. Negative with errno.
ssize_t read_up_to(int fd, char* bytes, std::size_t size) {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t count = ::read(fd, bytes + done, size - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return -1;
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return static_cast<ssize_t>(done);
}

}  // namespace

void TreeComparison::fail(const PlacedName& name) const {
  throw StoreError(errno_message(fmt::format("{}: cannot read \"/{}\"", label_, escaped_utf8(name.path)), errno));
}

Fd TreeComparison::open(const PlacedName& name, int flags) const {
  Fd fd(::openat(name.directory, name.name.c_str(), flags | O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd) fail(name);
  return fd;
}

Entry TreeComparison::entry(const PlacedName& name) const {
  const auto type = type_of(name.status).value();
  Entry entry = entry_of(name.path, type, name.status, options_);
  if (type == EntryType::directory) {
    take_attributes(open(name, O_DIRECTORY).get(), entry, options_, label_);
    entry.mtime = entry.nanoseconds = 0;
    entry.opaque = false;
  }
  if (type == EntryType::regular) {
    take_attributes(open(name, 0).get(), entry, options_, label_);
    entry.size = static_cast<std::uint64_t>(name.status.st_size);
  }
  if (type == EntryType::symlink) {
    auto target = link_target(name.directory, name.name.c_str());
    if (!target) fail(name);
    entry.target = std::move(*target);
  }
  return entry;
}

bool TreeComparison::same_content(const PlacedName& before, const PlacedName& after, std::vector<char>& buffer) const {
  if (before.status.st_size != after.status.st_size) return false;
  const Fd one = open(before, 0);
  const Fd other = open(after, 0);
  const auto half = buffer.size() / 2;
  for (;;) {
    const auto first = read_up_to(one.get(), buffer.data(), half);
    if (first < 0) fail(before);
    const auto second = read_up_to(other.get(), buffer.data() + half, half);
    if (second < 0) fail(after);
    if (first != second) return false;
    if (first == 0) return true;
    if (std::memcmp(buffer.data(), buffer.data() + half, static_cast<std::size_t>(first)) != 0) return false;
  }
}

std::vector<std::string_view> TreeComparison::differing_aspects(const PlacedName& before, const PlacedName& after,
                                                                std::vector<char>& buffer) const {
  const auto one = entry(before);
  const auto other = entry(after);
  if (one.type != other.type) return {"type"};
  std::vector<std::string_view> aspects;
  const auto add = [&](bool differs, std::string_view name) {
    if (differs) aspects.push_back(name);
  };
  add(one.type == EntryType::regular && !same_content(before, after, buffer), "content");
  add(one.target != other.target, "target");
  add(one.type != EntryType::symlink && one.mode != other.mode, "mode");
  add(one.uid != other.uid || one.gid != other.gid, "owner");
  add(one.mtime != other.mtime || one.nanoseconds != other.nanoseconds, "time");
  add(one.xattrs != other.xattrs, "attributes");
  return aspects;
}

}  // namespace karapace::store
