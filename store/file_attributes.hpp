// SPDX-License-Identifier: Apache-2.0
// Extended attributes of files in layers: which of them count, and what the kernel's and our own bookkeeping means.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/listing.hpp"

namespace karapace::store {

/// The file by which fuse-overlayfs marks an opaque directory.
inline constexpr std::string_view fuse_opaque_name = ".wh..wh..opq";
/// "uid:gid": the owner of a file that single-id mode could not give away.
inline constexpr const char* owner_xattr = "user.karapace.owner";

struct Owner {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  auto operator<=>(const Owner&) const = default;
  std::string text() const;  // "uid:gid"
  static std::optional<Owner> parse(std::string_view text) noexcept;
};

struct FileAttributes {
  std::vector<Xattr> xattrs;   // those that a listing holds, sorted
  std::optional<Owner> owner;  // from user.karapace.owner
  bool opaque = false;         // from user.overlay.opaque
};

/// What overlays and Karapace itself note at files: never part of a layer, whatever an archive brings.
bool is_bookkeeping(std::string_view attribute) noexcept;

/// A value of security.capability as an initial user namespace knows it: version 3 carries the namespace's root id,
/// version 2 does not (linux/capability.h), and both mean the same in a layer. Nothing when it is neither.
std::optional<std::string> plain_capability(std::string value);

/// Reads the attributes of an open file or directory. StoreError without the file's name, which the caller knows.
FileAttributes read_file_attributes(int fd);

}  // namespace karapace::store
