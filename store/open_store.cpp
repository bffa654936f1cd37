// SPDX-License-Identifier: Apache-2.0
// Finding, making and opening a store. The version file is written last, so a store that has one is complete.
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/directory.hpp"
#include "store/error.hpp"
#include "store/escape.hpp"
#include "store/store.hpp"

namespace karapace::store {

namespace {

constexpr std::string_view version_prefix = "karapace store ";
constexpr int version = 1;
constexpr std::array<const char*, 9> directories = {"blobs", "layers",    "steps", "environments", "roots",
                                                    "instances", "logs", "locks", "staging"};

std::string in_quotes(const std::filesystem::path& path) { return fmt::format("\"{}\"", escaped_utf8(path.native())); }

std::string version_text() { return fmt::format("{}{}\n", version_prefix, version); }

void check_version(const std::filesystem::path& root, std::string_view text) {
  if (text == version_text()) return;
  int found = 0;
  bool numbered = text.starts_with(version_prefix) && text.ends_with('\n');
  if (numbered) {
    auto number = text.substr(version_prefix.size());
    auto [end, error] = std::from_chars(number.data(), number.data() + number.size() - 1, found);
    numbered = error == std::errc{} && end == number.data() + number.size() - 1;
  }
  if (!numbered) {
    throw StoreError(fmt::format("{} is not a karapace store: its file \"version\" is damaged; choose another store with "
                                 "--store, or write the line \"karapace store 1\" into it", in_quotes(root)));
  }
  throw StoreError(fmt::format("the store {} is of version {}, and this karapace reads version {}; use a newer karapace, "
                               "or another store with --store", in_quotes(root), found, version));
}

void make_directory(const std::filesystem::path& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return;
  throw StoreError(errno_message(fmt::format("cannot make the store's directory {}", in_quotes(path)), errno));
}

/// A directory that holds anything but the parts of a store is somebody's, not ours.
void refuse_foreign(const std::filesystem::path& root) {
  for (const auto& name : names_in(root)) {
    bool ours = std::find(directories.begin(), directories.end(), name) != directories.end();
    bool unfinished = name.starts_with(".version.");
    if (ours || unfinished || name == "version") continue;
    throw StoreError(fmt::format("{} is not a karapace store: it holds {}; choose an empty or new directory with --store",
                                 in_quotes(root), in_quotes(name)));
  }
}

void create(const std::filesystem::path& root) {
  for (auto parent = root.begin(); parent != root.end(); ++parent) {
    std::filesystem::path path;
    for (auto part = root.begin(); part != std::next(parent); ++part) path /= *part;
    make_directory(path, path == root ? 0700 : 0755);
  }
  refuse_foreign(root);
  for (const char* name : directories) make_directory(root / name, 0755);
  write_file_atomically(root / "version", version_text(), Durable::yes);
}

void require_access(const std::filesystem::path& root, int mode, std::string_view word) {
  if (::faccessat(AT_FDCWD, root.c_str(), mode, AT_EACCESS) == 0) return;
  throw StoreError(errno_message(fmt::format("the store {} is not {}; make it so, or choose another with --store",
                                             in_quotes(root), word), errno));
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::filesystem::path absolute_path(const std::filesystem::path& path) {
  auto normal = std::filesystem::absolute(path).lexically_normal();
  return normal.has_filename() ? normal : normal.parent_path();
}

}  // namespace

Store Store::open(const std::filesystem::path& root, Access access) {
  auto at = absolute_path(root);
  auto found = read_file_if_exists(at / "version");
  if (!found && access != Access::create) {
    if (::access(at.c_str(), F_OK) == 0) refuse_foreign(at);
    throw NotFoundError(fmt::format("there is no store at {} yet; `karapace gen` makes one, --store names another",
                                    in_quotes(at)));
  }
  if (!found) {
    create(at);
    return Store(at);
  }
  check_version(at, *found);
  if (access != Access::read_only) require_access(at, R_OK | W_OK | X_OK, "writable");
  return Store(at);
}

std::filesystem::path Store::default_root(std::string_view option) {
  if (!option.empty()) return absolute_path(option);
  if (auto store = variable("KARAPACE_STORE"); !store.empty()) return absolute_path(store);
  // The XDG specification: a relative path is invalid and counts as unset.
  if (auto data = variable("XDG_DATA_HOME"); data.starts_with('/')) return absolute_path(data) / "karapace";
  if (auto home = variable("HOME"); !home.empty()) return absolute_path(home) / ".local/share/karapace";
  throw StoreError("there is no place for the store: HOME is not set; name one with --store or KARAPACE_STORE");
}

}  // namespace karapace::store
