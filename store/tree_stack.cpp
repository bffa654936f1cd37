// SPDX-License-Identifier: Apache-2.0
#include "store/tree_stack.hpp"

#include <cerrno>
#include <set>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "store/file_attributes.hpp"
#include "store/tree_walk.hpp"

namespace karapace::store {

namespace {

[[noreturn]] void fail(const std::filesystem::path& tree, std::string_view path) {
  throw StoreError(errno_message(
      fmt::format("cannot look at \"/{}\" in \"{}\"", escaped_utf8(path), escaped_utf8(tree.native())), errno));
}

bool is_opaque(int directory) noexcept {
  char value[2];
  return ::fgetxattr(directory, opaque_xattr, value, sizeof value) == 1 && value[0] == 'y';
}

}  // namespace

/// What the layers have under one name.
struct TreeStack::Look {
  std::optional<Found> top;  // not a whiteout
  Layers directories;        // merged, when `top` is one
};

TreeStack::TreeStack(std::vector<std::filesystem::path> trees) : paths_(std::move(trees)) {
  for (const auto& path : paths_) fds_.push_back(open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY));
}

TreeStack::Layers TreeStack::roots() const {
  Layers layers;
  for (auto i = fds_.size(); i-- > 0;) layers.push_back(i);
  return layers;
}

TreeStack::Directory TreeStack::open(std::string path, Layers layers) const {
  Directory directory{std::move(path), std::move(layers), {}};
  for (auto layer : directory.layers) {
    Fd fd = open_beneath(fds_[layer].get(), directory.path, O_RDONLY | O_DIRECTORY);
    if (!fd) fail(paths_[layer], directory.path);
    directory.fds.push_back(std::move(fd));
  }
  return directory;
}

TreeStack::Look TreeStack::look(const Directory& directory, const std::string& name) const {
  Look look;
  for (std::size_t i = 0; i < directory.layers.size(); ++i) {
    Found found{directory.layers[i], {}};
    if (::fstatat(directory.fds[i].get(), name.c_str(), &found.status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) continue;
      fail(paths_[found.layer], child_path(directory.path, name));
    }
    const bool is_directory = S_ISDIR(found.status.st_mode);
    if (!is_directory) {
      // It hides what is below it, and is hidden by a directory above it.
      if (!look.top && type_of(found.status) != EntryType::whiteout) look.top = found;
      return look;
    }
    if (!look.top) look.top = found;
    look.directories.push_back(found.layer);
    if (i + 1 == directory.layers.size()) break;  // there is nothing below it to be cut off
    const Fd fd(::openat(directory.fds[i].get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) fail(paths_[found.layer], child_path(directory.path, name));
    if (is_opaque(fd.get())) break;
  }
  return look;
}

std::optional<TreeStack::Found> TreeStack::find(const Directory& directory, const std::string& name) const {
  return look(directory, name).top;
}

TreeStack::Layers TreeStack::subdirectory(const Directory& directory, const std::string& name) const {
  return look(directory, name).directories;
}

std::map<std::string, TreeStack::Found> TreeStack::names(const Directory& directory) const {
  std::map<std::string, Found> shown;
  std::set<std::string> seen;  // whiteouts as well
  for (std::size_t i = 0; i < directory.layers.size(); ++i) {
    const auto layer = directory.layers[i];
    for (auto& name : names_in(directory.fds[i].get(), paths_[layer] / directory.path)) {
      if (!seen.insert(name).second) continue;
      Found found{layer, {}};
      if (::fstatat(directory.fds[i].get(), name.c_str(), &found.status, AT_SYMLINK_NOFOLLOW) != 0)
        fail(paths_[layer], child_path(directory.path, name));
      if (type_of(found.status) != EntryType::whiteout) shown.emplace(std::move(name), found);
    }
  }
  return shown;
}

std::string child_path(std::string_view directory, std::string_view name) {
  return directory.empty() ? std::string(name) : fmt::format("{}/{}", directory, name);
}

}  // namespace karapace::store
