// SPDX-License-Identifier: Apache-2.0
#include "store/file_attributes.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <sstream>

#include <fmt/format.h>
#include <sys/xattr.h>

#include "base/call_error.hpp"
#include "base/error.hpp"
#include "base/file.hpp"

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

namespace {

constexpr std::string_view access_acl = "system.posix_acl_access";
constexpr std::string_view default_acl = "system.posix_acl_default";
constexpr const char* put_away_access_acl = "user.karapace.acl_access";
constexpr const char* put_away_default_acl = "user.karapace.acl_default";

std::uint32_t little_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

struct AclEntry {
  std::uint32_t tag = 0;
  std::uint32_t permissions = 0;
  std::uint32_t id = 0;
};
constexpr std::uint32_t acl_owner = 0x01, acl_user = 0x02, acl_group_owner = 0x04, acl_group = 0x08, acl_mask = 0x10,
                        acl_other = 0x20;

std::optional<std::vector<AclEntry>> acl_entries(std::string_view value) {
  constexpr std::size_t header = 4, size = 8;
  if (value.size() < header || (value.size() - header) % size != 0 || little_endian(value.substr(0, header)) != 2)
    return std::nullopt;
  std::vector<AclEntry> entries;
  for (value.remove_prefix(header); !value.empty(); value.remove_prefix(size))
    entries.push_back(
        {little_endian(value.substr(0, 2)), little_endian(value.substr(2, 2)), little_endian(value.substr(4, 4))});
  return entries;
}

/// The permissions of the one entry with this tag.
std::optional<std::uint32_t> acl_permissions(const std::vector<AclEntry>& entries, std::uint32_t tag) {
  std::optional<std::uint32_t> found;
  for (const auto& entry : entries) {
    if (entry.tag != tag) continue;
    if (found) return std::nullopt;
    found = entry.permissions;
  }
  return found;
}

/// Lines of "first, first outside, count" (user_namespaces(7)).
bool is_mapped(std::uint32_t id, const char* map) {
  std::istringstream lines(read_file(map));
  for (std::uint64_t first = 0, outside = 0, count = 0; lines >> first >> outside >> count;)
    if (id >= first && id - first < count) return true;
  return false;
}
constexpr const char* uid_map = "/proc/self/uid_map";
constexpr const char* gid_map = "/proc/self/gid_map";

bool is_valid(const AclEntry& entry) {
  const bool has_id = entry.tag == acl_user || entry.tag == acl_group;
  const bool is_known = has_id || entry.tag == acl_owner || entry.tag == acl_group_owner || entry.tag == acl_mask ||
                        entry.tag == acl_other;
  return is_known && entry.permissions <= 7 && has_id == (entry.id <= largest_id);
}

}  // namespace

bool is_mapped(const Owner& owner) { return is_mapped(owner.uid, uid_map) && is_mapped(owner.gid, gid_map); }

bool is_acl(std::string_view value) {
  const auto entries = acl_entries(value);
  return entries && std::all_of(entries->begin(), entries->end(), is_valid);
}

bool names_unmapped_id(std::string_view acl) {
  const auto entries = acl_entries(acl).value_or(std::vector<AclEntry>());
  return std::any_of(entries.begin(), entries.end(), [](const AclEntry& entry) {
    if (entry.tag == acl_user) return !is_mapped(entry.id, uid_map);
    return entry.tag == acl_group && !is_mapped(entry.id, gid_map);
  });
}

const char* put_away_acl(std::string_view attribute) noexcept {
  if (attribute == access_acl) return put_away_access_acl;
  return attribute == default_acl ? put_away_default_acl : nullptr;
}

std::optional<std::string> acl_complaint(std::string_view attribute, std::string_view value, std::uint32_t mode) {
  const auto entries = acl_entries(value);
  const auto by_tag = [](const AclEntry& a, const AclEntry& b) { return a.tag < b.tag; };
  if (!entries || !std::all_of(entries->begin(), entries->end(), is_valid) ||
      !std::is_sorted(entries->begin(), entries->end(), by_tag))
    return "is no access control list";
  const auto owner = acl_permissions(*entries, acl_owner), group = acl_permissions(*entries, acl_group_owner),
             mask = acl_permissions(*entries, acl_mask), other = acl_permissions(*entries, acl_other);
  const bool names_somebody = std::any_of(entries->begin(), entries->end(), [](const AclEntry& entry) {
    return entry.tag == acl_user || entry.tag == acl_group;
  });
  if (!owner || !group || !other || (names_somebody && !mask)) return "is an access control list that lacks an entry";
  if (attribute == default_acl) return std::nullopt;
  if (!mask) return "says no more than the mode: leave it out";
  if ((*owner << 6 | *mask << 3 | *other) != (mode & 0777)) return "is not what the mode says";
  return std::nullopt;
}

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
    if (name == owner_xattr) attributes.owner = read_value(fd, owner_xattr);
    for (const auto acl : {access_acl, default_acl})
      if (name == put_away_acl(acl))
        attributes.put_away_acls.push_back({std::string(acl), read_value(fd, name.data())});
    if (!counts(name)) continue;
    auto value = read_value(fd, name.data());
    if (name == "security.capability") value = plain_capability(value).value_or(value);
    attributes.xattrs.push_back({std::string(name), std::move(value)});
  }
  std::sort(attributes.xattrs.begin(), attributes.xattrs.end());
  return attributes;
}

}  // namespace karapace::store
