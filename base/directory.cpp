// SPDX-License-Identifier: Apache-2.0
#include "base/directory.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>

#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "base/call_error.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/remove_tree.hpp"

namespace karapace {

namespace {

std::vector<std::string> read_names(Fd fd, const std::filesystem::path& directory) {
  std::unique_ptr<DIR, decltype([](DIR* open) { ::closedir(open); })> open(::fdopendir(fd.get()));
  if (!open) throw CallError(fmt::format("cannot read \"{}\"", escaped_utf8(directory.native())), errno);
  fd.release();
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(open.get());
    if (entry == nullptr && errno != 0) {
      throw CallError(fmt::format("cannot read \"{}\"", escaped_utf8(directory.native())), errno);
    }
    if (entry == nullptr) break;
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

[[noreturn]] void throw_make_error(const std::filesystem::path& path) {
  throw StoreError(errno_message(fmt::format("cannot make \"{}\"", escaped_utf8(path.native())), errno));
}

/// False when something of that name is there.
bool make_new(const std::filesystem::path& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) != 0) {
    if (errno == EEXIST) return false;
    throw_make_error(path);
  }
  // mkdir(2) takes the umask's bits away.
  if (::chmod(path.c_str(), mode) != 0) throw_make_error(path);
  return true;
}

/// Empty when none can be made; errno tells why.
std::filesystem::path make_unique_directory(const std::filesystem::path& parent, std::string_view name) {
  auto pattern = (parent / fmt::format("{}-XXXXXX", name)).native();
  return ::mkdtemp(pattern.data()) != nullptr ? std::filesystem::path(pattern) : std::filesystem::path();
}

}  // namespace

std::vector<std::string> names_in(const std::filesystem::path& directory) {
  auto fd = open_if_exists(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY);
  return fd ? read_names(std::move(*fd), directory) : std::vector<std::string>();
}

std::vector<std::string> names_in(int directory, const std::filesystem::path& path) {
  return read_names(open_at(directory, ".", O_RDONLY | O_DIRECTORY), path);
}

void make_directory(const std::filesystem::path& path, mode_t mode) {
  if (make_new(path, mode)) return;
  errno = EEXIST;
  throw_make_error(path);
}

void make_directory_if_missing(const std::filesystem::path& path, mode_t mode) { make_new(path, mode); }

TemporaryDirectory::TemporaryDirectory(std::string_view name, const std::filesystem::path& parent) {
  if (!parent.empty()) path_ = make_unique_directory(parent, name);
  if (!path_.empty()) return;
  const auto fallback = std::filesystem::temp_directory_path();
  path_ = make_unique_directory(fallback, name);
  if (!path_.empty()) return;
  throw Error(errno_message(
      fmt::format("cannot make a temporary directory in {}; name another with TMPDIR", escaped_utf8(fallback.native())),
      errno));
}

TemporaryDirectory::~TemporaryDirectory() {
  try {
    remove_tree(path_);
  } catch (const Error&) {
    // Left behind, in a place that is emptied now and then; it is named for what it was.
  }
}

}  // namespace karapace
