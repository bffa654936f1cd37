// SPDX-License-Identifier: Apache-2.0
#include "release/trusted_directory.hpp"

#include <cerrno>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"

namespace karapace::release {

namespace {

std::string shown(const std::filesystem::path& path) { return fmt::format("\"{}\"", escaped_utf8(path.native())); }

/// In a user namespace without root's id, root and strangers look alike. Whoever installs looks before he enters it.
bool is_trusted(uid_t owner) {
  constexpr uid_t unmapped = 65534;
  constexpr std::string_view all_ids = "         0          0 4294967295\n";
  if (owner == ::geteuid() || owner == 0) return true;
  return owner == unmapped && read_file_if_exists("/proc/self/uid_map") != all_ids;
}

void require_trusted_owner(const std::filesystem::path& path, uid_t owner) {
  if (is_trusted(owner)) return;
  throw StoreError(
      fmt::format("release: {} belongs to the user {}, who could change what is installed; install as that user, or at "
                  "another destination",
                  shown(path), owner));
}

}  // namespace

bool is_directory_itself(const std::filesystem::path& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) == 0) return S_ISDIR(status.st_mode);
  if (errno == ENOENT || errno == ENOTDIR) return false;
  throw StoreError(errno_message("release: cannot look at " + shown(path), errno));
}

void require_no_link(const std::filesystem::path& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0 || S_ISDIR(status.st_mode)) return;
  throw StoreError(
      fmt::format("release: {} is a link, or no directory: what is done to a destination would be done elsewhere; move "
                  "it away and try again",
                  shown(path)));
}

bool is_writable_by_all(const std::filesystem::path& directory) {
  struct stat status{};
  return ::stat(directory.c_str(), &status) == 0 && (status.st_mode & S_IWOTH) != 0;
}

void require_trusted(const std::filesystem::path& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) == 0) require_trusted_owner(path, status.st_uid);
  if (::stat(path.c_str(), &status) == 0) require_trusted_owner(path, status.st_uid);
  if (is_writable_by_all(path))
    throw StoreError(fmt::format(
        "release: everybody may write to {}, and so change what is installed; `chmod o-w` it, or install at "
        "another destination",
        shown(path)));
}

void make_passable_directories(const std::filesystem::path& path) {
  if (path.has_relative_path() && !std::filesystem::exists(path.parent_path()))
    make_passable_directories(path.parent_path());
  if (::mkdir(path.c_str(), 0755) == 0) {
    if (::chmod(path.c_str(), 0755) == 0) return;
  } else if (errno == EEXIST) {
    return;
  }
  throw StoreError(errno_message("release: cannot make the directory " + shown(path), errno));
}

void make_trusted_directory(const std::filesystem::path& path) {
  make_directory_if_missing(path);
  require_no_link(path);
  require_trusted(path);
}

}  // namespace karapace::release
