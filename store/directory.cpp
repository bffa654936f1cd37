// SPDX-License-Identifier: Apache-2.0
#include "store/directory.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>

#include <dirent.h>
#include <fmt/format.h>

#include "store/error.hpp"
#include "store/escape.hpp"
#include "store/fd.hpp"

namespace karapace {

namespace {

std::vector<std::string> read_names(Fd fd, const std::filesystem::path& directory) {
  std::unique_ptr<DIR, decltype([](DIR* open) { ::closedir(open); })> open(::fdopendir(fd.release()));
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = open ? ::readdir(open.get()) : nullptr;
    if (entry == nullptr && errno != 0) {
      throw StoreError(errno_message(fmt::format("cannot read \"{}\"", escaped_utf8(directory.native())), errno));
    }
    if (entry == nullptr) break;
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::vector<std::string> names_in(const std::filesystem::path& directory) {
  auto fd = open_if_exists(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY);
  return fd ? read_names(std::move(*fd), directory) : std::vector<std::string>();
}

std::vector<std::string> names_in(int directory, const std::filesystem::path& path) {
  return read_names(open_at(directory, ".", O_RDONLY | O_DIRECTORY), path);
}

}  // namespace karapace
