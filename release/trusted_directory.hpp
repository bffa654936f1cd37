// SPDX-License-Identifier: Apache-2.0
// Directories that a destination is made of. What is written to and removed from is a real directory that belongs to
// this user or to root, and to which not everybody may write: a link, or a directory of somebody else's, would lead all
// that is done here to other files.
#pragma once

#include <filesystem>

namespace karapace::release {

/// Whether it is a directory itself: no link to one.
bool is_directory_itself(const std::filesystem::path& path);
/// StoreError when something else is there than a directory itself. Missing is fine.
void require_no_link(const std::filesystem::path& path);
/// Whether everybody may: what lies there is anybody's then, whoever it belongs to.
bool is_writable_by_all(const std::filesystem::path& directory);
/// StoreError unless the directory that `path` leads to, and a link there, belong to this user or to root, and not
/// everybody may write there.
void require_trusted(const std::filesystem::path& path);
/// Makes it and what is missing above it, passable for everybody whatever the umask says: what is installed is for
/// others, too. What is there stays as it is.
void make_passable_directories(const std::filesystem::path& path);

/// Makes what is missing; what is there is judged by both.
void make_trusted_directory(const std::filesystem::path& path);

}  // namespace karapace::release
