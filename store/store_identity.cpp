// SPDX-License-Identifier: Apache-2.0
#include "store/store_identity.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/json/record.hpp"
#include "base/json/seal.hpp"

namespace karapace::store {

namespace {

constexpr std::string_view version_prefix = "karapace store ";

constexpr auto identity_fields = fields_of<StoreIdentity>(
    member("file_system", &StoreIdentity::file_system), FormatMember{1}, member("id_mode", &StoreIdentity::id_mode),
    member("id_ranges", &StoreIdentity::id_ranges), optional_member("migration", &StoreIdentity::migration),
    member("owner", &StoreIdentity::owner));

using FileSystem = std::pair<std::uint32_t, std::string_view>;

// statfs(2); those that <linux/magic.h> lacks are in the kernel's sources of the file systems.
constexpr std::array<FileSystem, 13> network_file_systems = {{{NFS_SUPER_MAGIC, "nfs"},
                                                              {SMB_SUPER_MAGIC, "smb"},
                                                              {0xff534d42, "cifs"},
                                                              {0xfe534d42, "smb2"},
                                                              {AFS_SUPER_MAGIC, "afs"},
                                                              {0x6b414653, "afs"},
                                                              {CODA_SUPER_MAGIC, "coda"},
                                                              {0x00c36400, "ceph"},
                                                              {0x01021997, "9p"},
                                                              {0x0bd00bd0, "lustre"},
                                                              {0x47504653, "gpfs"},
                                                              {0x7461636f, "ocfs2"},
                                                              {0x01161970, "gfs2"}}};
constexpr std::array<FileSystem, 7> local_file_systems = {{{EXT4_SUPER_MAGIC, "ext4"},
                                                           {XFS_SUPER_MAGIC, "xfs"},
                                                           {BTRFS_SUPER_MAGIC, "btrfs"},
                                                           {TMPFS_MAGIC, "tmpfs"},
                                                           {OVERLAYFS_SUPER_MAGIC, "overlay"},
                                                           {F2FS_SUPER_MAGIC, "f2fs"},
                                                           {0x2fc12fc1, "zfs"}}};

std::uint32_t file_system_of(const std::filesystem::path& path) {
  struct statfs status{};
  if (::statfs(path.c_str(), &status) != 0)
    throw StoreError(errno_message(fmt::format("cannot look at the store \"{}\"", escaped_utf8(path.native())), errno));
  return static_cast<std::uint32_t>(status.f_type);
}

template <std::size_t count>
std::string_view name_in(const std::array<FileSystem, count>& table, std::uint32_t type) {
  const auto found = std::find_if(table.begin(), table.end(), [&](const auto& entry) { return entry.first == type; });
  return found == table.end() ? "" : found->second;
}

std::string file_system_name(std::uint32_t type) {
  const auto name = name_in(local_file_systems, type);
  return name.empty() ? fmt::format("{:#x}", type) : std::string(name);
}

std::string ids_text(const std::string& mode, const std::string& ranges) {
  return ranges.empty() ? mode : fmt::format("{} ({})", mode, ranges);
}

}  // namespace

std::optional<int> version_of(std::string_view text) {
  const auto line = text.substr(0, text.find('\n'));
  if (!line.starts_with(version_prefix) || line.size() == text.size()) return std::nullopt;
  const auto digits = line.substr(version_prefix.size());
  int found = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), found);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return found;
}

std::string version_text(const StoreIdentity& identity) {
  return fmt::format("{}{}\n{}", version_prefix, store_version, sealed(json_text(identity_fields, identity)));
}

void write_identity(const std::filesystem::path& root, const StoreIdentity& identity) {
  write_file_atomically(root / "version", version_text(identity), Durable::yes);
}

StoreIdentity read_identity(const std::filesystem::path& root) {
  try {
    const auto text = read_file_if_exists(root / "version").value_or("");
    const auto line_end = text.find('\n');
    if (line_end != std::string::npos && line_end + 1 < text.size())
      return parse_json(identity_fields, unsealed_in_place(std::string_view(text).substr(line_end + 1)), "version");
  } catch (const std::exception&) {
    // Written anew by whoever notes the mode.
  }
  return {.file_system = file_system_name(file_system_of(root)), .owner = ::geteuid()};
}

void require_local_file_system(const std::filesystem::path& root) {
  const auto name = name_in(network_file_systems, file_system_of(root));
  if (name.empty()) return;
  throw StoreError(fmt::format(
      "the store \"{}\" is on a network file system ({}), where locks and renames of several machines do not "
      "hold; keep it on a local one, with --store or KARAPACE_STORE",
      escaped_utf8(root.native()), name));
}

void claim_id_mode(const Store& store, const std::string& mode, const std::string& ranges, std::string_view reason) {
  const auto fits = [&](const StoreIdentity& identity) {
    if (identity.id_mode.empty()) return false;
    if (identity.id_mode == mode && identity.id_ranges == ranges) return true;
    throw StoreError(
        fmt::format("the store \"{}\" holds files of the id mode {}, and here it would be {}: {}; make the former "
                    "possible again (`karapace doctor` says what it needs), or use another store with --store",
                    escaped_utf8(store.root().native()), ids_text(identity.id_mode, identity.id_ranges),
                    ids_text(mode, ranges), reason));
  };
  if (fits(read_identity(store.root())) || !store.writable()) return;
  const auto only_one = store.lock_output("identity");
  auto identity = read_identity(store.root());
  if (fits(identity)) return;
  identity.id_mode = mode;
  identity.id_ranges = ranges;
  write_identity(store.root(), identity);
}

}  // namespace karapace::store
