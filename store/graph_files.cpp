// SPDX-License-Identifier: Apache-2.0
#include "store/graph_files.hpp"

#include <algorithm>
#include <cerrno>
#include <ctime>

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/json/record.hpp"
#include "base/json/seal.hpp"

namespace karapace::store {

namespace {

namespace fs = std::filesystem;

constexpr const char* list_name = "graph";
constexpr const char* lost_name = "lost";
constexpr std::string_view remedy = "run `karapace gen` in that directory";

fs::path graphs_path(const Store& store) { return store.root() / "graphs"; }
fs::path lock_path(const Store& store, const std::string& name) { return store.root() / "locks" / ("graph-" + name); }

struct List {
  fs::path build_directory;
  std::set<std::string> names;
};

constexpr auto list_fields =
    fields_of<List>(member("directory", &List::build_directory), member("files", &List::names));

/// Nothing when there is none: its graph was never finished.
std::optional<List> read_list(const fs::path& directory) {
  auto text = read_file_if_exists(directory / list_name);
  if (!text) return std::nullopt;
  return read_or_damaged("the list of a graph's files", remedy,
                         [&] { return parse_json(list_fields, unsealed_in_place(*text), "list"); });
}

bool is_gone(const fs::path& path) {
  return ::access(path.c_str(), F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

/// Nothing as well when it is damaged: then it does not say whose it is.
std::optional<List> usable_list(const fs::path& directory) {
  try {
    return read_list(directory);
  } catch (const StoreError&) {
    return std::nullopt;
  }
}

std::string name_for(const fs::path& build_directory, std::string_view graph) {
  return blake3((build_directory / graph).native()).hex();
}

/// Not so of what an earlier release left, which named it by the build directory alone.
bool is_named_by(const fs::path& directory, const List& list) {
  const auto name = directory.filename();
  return name == name_for(list.build_directory, "build.ninja") || name == name_for(list.build_directory, "steps.cmake");
}

/// Nothing to go by: a gen that was killed leaves none, and its directory may never have had a graph.
bool is_lost(const fs::path& directory, const std::optional<List>& list) {
  return !list || is_gone(list->build_directory) || !is_named_by(directory, *list);
}

bool is_left_long_ago(const fs::path& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0 &&
         std::time(nullptr) - status.st_mtim.tv_sec > std::chrono::seconds(graph_files_stay).count();
}

void touch(const fs::path& path) noexcept { ::utimensat(AT_FDCWD, path.c_str(), nullptr, AT_SYMLINK_NOFOLLOW); }

std::vector<std::string> dead_files_in(const fs::path& directory, const std::set<std::string>& needed) {
  std::vector<std::string> dead;
  for (const auto& name : names_in(directory)) {
    if (name == list_name || name == lost_name || needed.contains(name)) continue;
    if (is_left_long_ago(directory / name)) dead.push_back(directory.filename() / name);
  }
  return dead;
}

/// Since when the build directory has been gone, or that it is back. The caller holds the lock.
void note_whether_lost(const Store& store, const std::string& directory) {
  const auto path = graphs_path(store) / directory;
  const auto mark = path / lost_name;
  if (!is_lost(path, usable_list(path))) {
    ::unlink(mark.c_str());
  } else if (::access(mark.c_str(), F_OK) != 0) {
    write_file_atomically(mark, "", Durable::no);
  }
}

}  // namespace

GraphFiles::GraphFiles(const Store& store, const fs::path& build_directory, std::string_view graph)
    : build_directory_(fs::canonical(build_directory)),
      path_(graphs_path(store) / name_for(build_directory_, graph)),
      lock_(FileLock::acquire(lock_path(store, path_.filename()), LOCK_SH)) {
  make_directory_if_missing(graphs_path(store));
  make_directory_if_missing(path_);
  ::unlink((path_ / lost_name).c_str());
}

fs::path GraphFiles::add(const std::string& name, std::string_view text) {
  auto path = path_ / name;
  if (read_file_if_exists(path) != text) write_file_atomically(path, text, Durable::no);
  names_.insert(name);
  return path;
}

bool GraphFiles::are_kept() const {
  const auto list = usable_list(path_);
  return list && list->build_directory == build_directory_ &&
         std::includes(list->names.begin(), list->names.end(), names_.begin(), names_.end());
}

void GraphFiles::keep() const {
  auto names = named_before();
  names.insert(names_.begin(), names_.end());
  write_list(names);
}

void GraphFiles::finish() const {
  for (const auto& name : named_before()) {
    if (!names_.contains(name)) touch(path_ / name);
  }
  write_list(names_);
}

/// By the list that is about to be replaced; when that is damaged, all could have been.
std::set<std::string> GraphFiles::named_before() const {
  try {
    auto old = read_list(path_);
    return old ? std::move(old->names) : std::set<std::string>();
  } catch (const StoreError&) {
    const auto all = names_in(path_);
    std::set<std::string> names(all.begin(), all.end());
    names.erase(list_name);
    return names;
  }
}

void GraphFiles::write_list(const std::set<std::string>& names) const {
  auto text = sealed(json_text(list_fields, List{build_directory_, names}));
  if (read_file_if_exists(path_ / list_name) != text) write_file_atomically(path_ / list_name, text, Durable::no);
}

void note_use_of_graph_file(const fs::path& file) noexcept {
  // As a rule there is none.
  const auto directory = file.parent_path();
  if (directory.parent_path().filename() == "graphs") touch(directory / lost_name);
}

std::optional<FileLock> lock_graph_files(const Store& store, const std::string& directory) {
  return FileLock::try_acquire(lock_path(store, directory), LOCK_EX);
}

std::vector<std::string> dead_graph_files(const Store& store, const std::string& directory) {
  const auto path = graphs_path(store) / directory;
  const auto list = usable_list(path);
  if (!is_lost(path, list)) return dead_files_in(path, list->names);
  return is_left_long_ago(path / lost_name) ? std::vector{directory} : std::vector<std::string>();
}

std::vector<std::string> dead_graph_files(const Store& store, NoteLost note_lost) {
  std::vector<std::string> all;
  for (const auto& directory : names_in(graphs_path(store))) {
    try {
      std::optional<FileLock> lock;
      if (note_lost == NoteLost::yes) {
        lock = lock_graph_files(store, directory);
        if (!lock) continue;
        note_whether_lost(store, directory);
      } else if (const auto file = lock_path(store, directory);
                 ::access(file.c_str(), F_OK) == 0 && !FileLock::try_acquire_existing(file, LOCK_EX)) {
        continue;
      }
      for (auto& name : dead_graph_files(store, directory)) all.push_back(std::move(name));
    } catch (const Error&) {
    }
  }
  return all;
}

}  // namespace karapace::store
