// SPDX-License-Identifier: Apache-2.0
#include "store/file_attributes.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include <fmt/format.h>
#include <sys/xattr.h>

#include "base/call_error.hpp"
#include "base/error.hpp"

namespace karapace::store {

namespace {

/// Calls a listxattr-like function until its answer fits. Most files have no attributes: one call.
template <class Call>
std::optional<std::string> read_growing(Call call) {
  std::string bytes(256, '\0');
  for (;;) {
    ssize_t count = call(bytes.data(), bytes.size());
    if (count >= 0) {
      bytes.resize(static_cast<std::size_t>(count));
      return bytes;
    }
    if (errno != ERANGE) return std::nullopt;
    bytes.resize(4 * bytes.size());
  }
}

/// What the kernel notes at files of an upper directory, for itself: nothing shows or hides by it.
bool is_kernel_note(std::string_view name) noexcept {
  constexpr std::array<std::string_view, 4> notes = {"user.overlay.origin", "user.overlay.impure", "user.overlay.nlink",
                                                     "user.overlay.uuid"};
  return std::find(notes.begin(), notes.end(), name) != notes.end();
}

bool counts(std::string_view name) noexcept {
  constexpr std::array<std::string_view, 3> kept = {"security.capability", "system.posix_acl_access",
                                                    "system.posix_acl_default"};
  if (std::find(kept.begin(), kept.end(), name) != kept.end()) return true;
  // security.* else is the host's policy; system.* else belongs to the file system; trusted.* can not be had in a
  // user namespace.
  return name.starts_with("user.") && !name.starts_with("user.karapace.") && !is_kernel_note(name);
}

std::string read_value(int fd, const char* name) {
  auto value = read_growing([&](char* data, std::size_t size) { return ::fgetxattr(fd, name, data, size); });
  if (!value) throw CallError(fmt::format("cannot read its attribute {}", name), errno);
  return std::move(*value);
}

Owner read_owner(int fd) {
  auto text = read_value(fd, owner_xattr);
  auto owner = Owner::parse(text);
  if (!owner) throw StoreError(fmt::format("its attribute {} is not \"uid:gid\"", owner_xattr));
  return *owner;
}

}  // namespace

bool is_bookkeeping(std::string_view attribute) noexcept {
  // The last but one makes fuse-overlayfs take the owners of all files from attributes.
  constexpr std::array<std::string_view, 4> prefixes = {"user.overlay.", "user.fuseoverlayfs.", "user.containers.",
                                                        "user.karapace."};
  return std::any_of(prefixes.begin(), prefixes.end(), [&](auto prefix) { return attribute.starts_with(prefix); });
}

bool is_foreign_mark(std::string_view attribute) noexcept {
  if (attribute.starts_with("user.overlay."))
    return !attribute.starts_with("user.overlay.overlay.") && !is_kernel_note(attribute);
  return attribute.starts_with("user.fuseoverlayfs.") || attribute.starts_with("user.containers.");
}

bool in_format_1(std::string_view attribute) noexcept { return !is_bookkeeping(attribute); }

// Little-endian; the version is the highest byte of the first word, and the lowest bit of that the only flag.
std::optional<std::string> plain_capability(std::string value) {
  constexpr std::size_t size_v2 = 20;
  constexpr std::size_t size_v3 = 24;
  const bool is_v3 = value.size() == size_v3 && value[3] == 3;
  const bool is_v2 = value.size() == size_v2 && value[3] == 2;
  if ((!is_v2 && !is_v3) || (value[0] & ~1) != 0 || value[1] != 0 || value[2] != 0) return std::nullopt;
  value.resize(size_v2);
  value[3] = 2;
  return value;
}

std::string Owner::text() const { return fmt::format("{}:{}", uid, gid); }

std::optional<Owner> Owner::parse(std::string_view text) noexcept {
  Owner owner;
  const char* end = text.data() + text.size();
  auto first = std::from_chars(text.data(), end, owner.uid);
  if (first.ec != std::errc{} || first.ptr == end || *first.ptr != ':') return std::nullopt;
  auto second = std::from_chars(first.ptr + 1, end, owner.gid);
  if (second.ec != std::errc{} || second.ptr != end) return std::nullopt;
  if (owner.uid > largest_id || owner.gid > largest_id) return std::nullopt;
  return owner;
}

FileAttributes read_file_attributes(int fd) {
  FileAttributes attributes;
  auto names = read_growing([&](char* data, std::size_t size) { return ::flistxattr(fd, data, size); });
  if (!names && errno == ENOTSUP) return attributes;
  if (!names) throw CallError("cannot list its attributes", errno);
  for (std::string_view rest = *names; !rest.empty();) {
    auto name = rest.substr(0, rest.find('\0'));
    rest.remove_prefix(name.size() + 1);
    if (name == opaque_xattr && read_value(fd, name.data()) == "y") {
      attributes.opaque = true;
      continue;
    }
    if (name == owner_xattr) attributes.owner = read_owner(fd);
    if (!counts(name)) continue;
    auto value = read_value(fd, name.data());
    if (name == "security.capability") value = plain_capability(value).value_or(value);
    attributes.xattrs.push_back({std::string(name), std::move(value)});
  }
  std::sort(attributes.xattrs.begin(), attributes.xattrs.end());
  return attributes;
}

}  // namespace karapace::store
