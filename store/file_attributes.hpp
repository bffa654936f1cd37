// SPDX-License-Identifier: Apache-2.0
// Marks and attributes of files in layers and upper directories: which of them count, and what the kernel's and our own
// bookkeeping means. The one table for whatever unpacks, lists, captures, copies or translates trees.
//
// A mark hides what lies below it, so only who may hide something is believed: the kernel's overlay, as it writes with
// `userxattr` in a user namespace. What commands in a session set under such a name the kernel puts away under
// another ("user.overlay.opaque" as "user.overlay.overlay.opaque", Linux 6.7), so nobody can forge it there. The other
// overlays' marks can be made by anybody, and mean nothing here.
//
// | on disk | is | in an archive | made by commands of a step | in a listing |
// |---|---|---|---|---|
// | character device 0:0 | whiteout | refused, as every device | whiteout | `w` |
// | `user.overlay.opaque` = `y` at a directory | opaque | left out | opaque | `opaque` |
// | `user.overlay.origin`, `impure`, `nlink`, `uuid` | the kernel's notes | left out | left out | left out |
// | `user.overlay.overlay.*` | a nested overlay's own | left out | kept | listed (format 2) |
// | other `user.overlay.*` | nothing of ours | left out | refused | listed (format 2), so that it is noticed |
// | file `.wh.NAME`, `.wh..wh..opq` | a file; to fuse-overlayfs and in images a mark | refused | refused | file |
// | `user.fuseoverlayfs.*`, `user.containers.*` | to fuse-overlayfs a mark | left out | refused | listed (2) |
// | `user.karapace.*` | owners and ACLs that could not be given | left out | left out | the owner, the ACL |
//
// In an archive of changes, and nowhere else in archives, the first two are believed, the fourth is kept, and all
// others are refused (runtime/trees/tree_writer.hpp).
//
// An upper directory that fuse-overlayfs wrote is translated before anybody reads it (sandbox/fuse_server.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/listing.hpp"

namespace karapace::store {

/// Names that begin so stand for whiteouts (".wh.NAME") or opaque directories to fuse-overlayfs and in images.
inline constexpr std::string_view whiteout_prefix = ".wh.";
/// "uid:gid": the owner of a file that single-id mode could not give away.
inline constexpr const char* owner_xattr = "user.karapace.owner";
/// At directories, "y": nothing of the layers below shows through.
inline constexpr const char* opaque_xattr = "user.overlay.opaque";

struct Owner {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  auto operator<=>(const Owner&) const = default;
  std::string text() const;  // "uid:gid"
  static std::optional<Owner> parse(std::string_view text) noexcept;
};

/// The attribute in which an access control list stands that names ids which are not mapped here, or null for what is
/// no access control list.
const char* put_away_acl(std::string_view attribute) noexcept;

/// Whether both ids are in the user namespace that this process is in.
bool is_mapped(const Owner& owner);
/// Whether a value is an access control list; and whether one names a user or group that is not in this user namespace.
bool is_acl(std::string_view value);
bool names_unmapped_id(std::string_view acl);

struct FileAttributes {
  std::vector<Xattr> xattrs;         // those that a listing holds, sorted
  std::vector<Xattr> put_away_acls;  // by the names that they should have
  std::optional<std::string> owner;  // what user.karapace.owner says
  bool opaque = false;               // from user.overlay.opaque
};

/// What overlays and Karapace itself note at files: left out of what an archive brings.
bool is_bookkeeping(std::string_view attribute) noexcept;

/// Whether an overlay might believe what is no mark of ours: nothing that a step makes may carry it.
bool is_foreign_mark(std::string_view attribute) noexcept;

/// Whether a listing of format 1 can hold it: the names that overlays use are those that it always left out.
bool in_format_1(std::string_view attribute) noexcept;

/// What is wrong with a value of system.posix_acl_access or system.posix_acl_default at a file of this mode, so that
/// the kernel would refuse it or change it, as the end of a sentence; nothing when it is fine (acl(5),
/// linux/posix_acl_xattr.h).
std::optional<std::string> acl_complaint(std::string_view attribute, std::string_view value, std::uint32_t mode);

/// A value of security.capability as an initial user namespace knows it: version 3 carries the namespace's root id,
/// version 2 does not (linux/capability.h), and both mean the same in a layer. Nothing when it is neither.
std::optional<std::string> plain_capability(std::string value);

/// Reads the attributes of an open file or directory. StoreError without the file's name, which the caller knows.
FileAttributes read_file_attributes(int fd);

}  // namespace karapace::store
