// SPDX-License-Identifier: Apache-2.0
#include "runtime/trees/header_entry.hpp"

#include <algorithm>

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "runtime/trees/file_metadata.hpp"
#include "store/file_attributes.hpp"

namespace karapace::trees {

namespace {

std::string plain_value(const ArchiveReader& archive, std::string_view path, std::string_view name, std::string value) {
  if (name != "security.capability") return value;
  auto plain = store::plain_capability(std::move(value));
  if (!plain) refuse_attribute(archive, path, name, "is no capability of version 2 or 3, and no other can be set");
  return std::move(*plain);
}

/// What no file system takes: the kernel's limits, xattr(7).
void require_settable(const ArchiveReader& archive, std::string_view path, std::string_view name, std::size_t size) {
  constexpr std::size_t longest_name = 255, longest_value = 65'536;
  if (name == "user.") refuse_attribute(archive, path, name, "has no name");
  if (name.size() > longest_name) refuse_attribute(archive, path, name, "has a name of more than 255 bytes");
  if (size > longest_value) refuse_attribute(archive, path, name, "has a value of more than 64 KiB");
}

void require_fitting_acl(const ArchiveReader& archive, const store::Entry& entry, const store::Xattr& xattr) {
  if (store::put_away_acl(xattr.name) == nullptr) return;
  if (auto complaint = store::acl_complaint(xattr.name, xattr.value, entry.mode))
    refuse_attribute(archive, entry.path, xattr.name, *complaint);
}

/// chown(2) takes the last number as "leave it as it is".
std::uint32_t id_of(std::int64_t id, const ArchiveReader& archive, std::string_view path) {
  constexpr std::int64_t last = store::largest_id;
  if (id >= 0 && id <= last) return static_cast<std::uint32_t>(id);
  throw StepError(
      fmt::format("{}: refused: the owner or the group of \"{}\" is {}, which no file can have ({} is the last)",
                  archive.label(), beginning(path), id, last));
}

}  // namespace

std::string beginning(std::string_view path) {
  constexpr std::size_t shown = 80;
  return escaped_utf8(path.substr(0, shown)) + (path.size() > shown ? "..." : "");
}

void refuse_attribute(const ArchiveReader& archive, std::string_view path, std::string_view name,
                      std::string_view reason) {
  throw StepError(fmt::format("{}: refused: the attribute {} of \"{}\" {}", archive.label(), beginning(name),
                              beginning(path), reason));
}

store::Entry entry_of(const ArchiveReader& archive, archive_entry* header, std::string path) {
  store::Entry entry;
  entry.mode = static_cast<std::uint32_t>(archive_entry_perm(header));
  entry.uid = id_of(archive_entry_uid(header), archive, path);
  entry.gid = id_of(archive_entry_gid(header), archive, path);
  entry.mtime = nearest_time(archive_entry_mtime(header));
  entry.path = std::move(path);
  return entry;
}

std::vector<store::Xattr> all_xattrs(archive_entry* header) {
  std::vector<store::Xattr> xattrs;
  archive_entry_xattr_reset(header);
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  while (archive_entry_xattr_next(header, &name, &value, &size) == ARCHIVE_OK)
    xattrs.push_back({name, std::string(static_cast<const char*>(value), size)});
  return xattrs;
}

bool is_a_files_own(std::string_view name) {
  return (name == "security.capability" || name.starts_with("user.")) && !store::is_bookkeeping(name);
}

bool is_of_layers(std::string_view name) {
  return is_a_files_own(name) || name.starts_with("user.overlay.overlay.") || store::put_away_acl(name) != nullptr;
}

std::vector<store::Xattr> layer_xattrs(const ArchiveReader& archive, const store::Entry& entry,
                                       std::vector<store::Xattr> xattrs) {
  const std::string_view path = entry.path;
  for (auto& xattr : xattrs) {
    auto& [name, value] = xattr;
    require_fitting_acl(archive, entry, xattr);
    require_settable(archive, path, name, value.size());
    value = plain_value(archive, path, name, std::move(value));
  }
  std::sort(xattrs.begin(), xattrs.end());
  // bsdtar writes each twice, in its own way and in star's.
  xattrs.erase(std::unique(xattrs.begin(), xattrs.end()), xattrs.end());
  const auto same_name = [](const auto& a, const auto& b) { return a.name == b.name; };
  if (auto twice = std::adjacent_find(xattrs.begin(), xattrs.end(), same_name); twice != xattrs.end())
    refuse_attribute(archive, path, twice->name, "has two values");
  return xattrs;
}

void require_target(const ArchiveReader& archive, const store::Entry& link) {
  constexpr std::size_t longest_target = 4095;  // PATH_MAX without the NUL
  if (link.target.empty())
    throw StepError(fmt::format("{}: refused: the link \"{}\" leads nowhere: its target is empty", archive.label(),
                                beginning(link.path)));
  if (link.target.size() > longest_target)
    throw StepError(fmt::format("{}: refused: the target of the link \"{}\" is longer than {} bytes", archive.label(),
                                beginning(link.path), longest_target));
}

}  // namespace karapace::trees
