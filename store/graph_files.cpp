// SPDX-License-Identifier: Apache-2.0
#include "store/graph_files.hpp"

#include <cerrno>
#include <optional>

#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "base/json/record.hpp"
#include "base/remove_tree.hpp"

namespace karapace::store {

namespace {

namespace fs = std::filesystem;

constexpr const char* list_name = "graph";
constexpr std::string_view remedy = "run `karapace gen` in that directory";

fs::path graphs_path(const Store& store) { return store.root() / "graphs"; }
fs::path lock_path(const Store& store, const std::string& name) { return store.root() / "locks" / ("graph-" + name); }

struct List {
  fs::path build_directory;
  std::set<std::string> names;
};

/// Nothing when there is none: its graph was never finished.
std::optional<List> read_list(const fs::path& directory) {
  auto text = read_file_if_exists(directory / list_name);
  if (!text) return std::nullopt;
  return read_sealed_record(*text, "the list of a graph's files", remedy, [](const nlohmann::json& json) {
    require_fields(json, {"directory", "files"});
    return List{path_from(json.at("directory")), json.at("files").get<std::set<std::string>>()};
  });
}

bool is_gone(const fs::path& path) {
  return ::access(path.c_str(), F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

void remove_superseded_in(const fs::path& directory) {
  std::optional<List> list;
  try {
    list = read_list(directory);
  } catch (const StoreError&) {
    return;
  }
  if (!list || is_gone(list->build_directory)) return remove_tree(directory);
  for (const auto& name : names_in(directory)) {
    if (name != list_name && !list->names.contains(name)) ::unlink((directory / name).c_str());
  }
}

}  // namespace

GraphFiles::GraphFiles(const Store& store, const fs::path& build_directory)
    : build_directory_(fs::canonical(build_directory)),
      path_(graphs_path(store) / blake3(build_directory_.native()).hex()),
      lock_(FileLock::acquire(lock_path(store, path_.filename()), LOCK_SH)) {
  make_directory_if_missing(graphs_path(store));
  make_directory_if_missing(path_);
}

fs::path GraphFiles::add(const std::string& name, std::string_view text) {
  auto path = path_ / name;
  if (read_file_if_exists(path) != text) write_file_atomically(path, text, Durable::no);
  names_.insert(name);
  return path;
}

void GraphFiles::keep() const {
  auto names = names_;
  try {
    if (auto old = read_list(path_)) names.merge(old->names);
  } catch (const StoreError&) {
    // It is replaced.
  }
  write_list(names);
}

void GraphFiles::finish() const { write_list(names_); }

void GraphFiles::write_list(const std::set<std::string>& names) const {
  nlohmann::json json = {{"directory", path_field(build_directory_)}, {"files", names}};
  auto text = sealed(json.dump(1) + "\n");
  if (read_file_if_exists(path_ / list_name) != text) write_file_atomically(path_ / list_name, text, Durable::no);
}

void remove_superseded_graph_files(const Store& store) {
  for (const auto& name : names_in(graphs_path(store))) {
    auto lock = FileLock::try_acquire(lock_path(store, name), LOCK_EX);
    if (lock) remove_superseded_in(graphs_path(store) / name);
  }
}

}  // namespace karapace::store
