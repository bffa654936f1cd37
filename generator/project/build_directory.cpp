// SPDX-License-Identifier: Apache-2.0
#include "generator/project/build_directory.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>

#include <fmt/format.h>
#include <sys/stat.h>

#include "generator/graph/cmake_text.hpp"
#include "store/error.hpp"
#include "store/fd.hpp"

namespace karapace::generator {

namespace {

namespace fs = std::filesystem;

/// Whether it was written.
bool write_if_changed(const fs::path& path, std::string_view text) {
  struct stat status {};
  bool same_size = ::stat(path.c_str(), &status) == 0 && static_cast<std::uint64_t>(status.st_size) == text.size();
  if (same_size && read_file_if_exists(path) == text) return false;
  write_file_atomically(path, text, Durable::no);
  return true;
}

struct Time {
  std::int64_t seconds = 0;
  std::int64_t nanoseconds = 0;
  auto operator<=>(const Time&) const = default;
};

std::optional<Time> modified(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return Time{status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
}

void set_modified(const fs::path& path, std::optional<Time> time) {
  struct timespec now {};
  now.tv_nsec = UTIME_NOW;
  struct timespec stamp = now;
  if (time) stamp = {time->seconds, time->nanoseconds};
  std::array<struct timespec, 2> times = {stamp, stamp};
  if (::utimensat(AT_FDCWD, path.c_str(), times.data(), 0) == 0) return;
  throw Error(errno_message(fmt::format("cannot touch \"{}\"", path.native()), errno));
}

/// Sources from the future (a clock that went back) would keep ninja regenerating: the graph is then as new as they.
bool make_newer(const fs::path& path, const std::vector<fs::path>& sources) {
  std::optional<Time> newest;
  for (const auto& source : sources) newest = std::max(newest, modified(source));
  if (!newest || modified(path) >= newest) return false;
  set_modified(path, std::nullopt);
  if (modified(path) < newest) set_modified(path, newest);
  return true;
}

void remove_others(const fs::path& directory, const std::set<std::string>& names) {
  for (const auto& entry : fs::directory_iterator(directory)) {
    std::error_code ignored;
    if (!names.contains(entry.path().filename().native())) fs::remove(entry.path(), ignored);
  }
}

}  // namespace

BuildDirectory::BuildDirectory(fs::path path) : path_(std::move(path)) {
  auto build = path_ / "build.ninja";
  if (auto fd = open_if_exists(AT_FDCWD, build, O_RDONLY)) {
    std::string start(graph_marker.size(), '\0');
    auto count = ::read(fd->get(), start.data(), start.size());
    if (count != static_cast<ssize_t>(start.size()) || start != graph_marker) {
      throw Error(fmt::format("gen: {} is not one of ours and is left alone: name another directory with -C",
                              build.native()));
    }
  }
  std::error_code error;
  fs::create_directories(path_ / ".karapace/locks", error);
  if (!error) fs::create_directories(path_ / arguments_directory, error);
  if (error) throw Error(fmt::format("gen: cannot make {}/.karapace: {}", path_.native(), error.message()));
}

fs::path BuildDirectory::add_lock(const EnvironmentId& id, std::string_view canonical) {
  auto name = id.hex() + ".json";
  auto path = path_ / ".karapace/locks" / name;
  if (locks_.insert(std::move(name)).second) write_if_changed(path, canonical);
  return path;
}

void BuildDirectory::add_arguments(const StepKey& key, std::string_view text) {
  auto name = key.hex();
  write_if_changed(path_ / arguments_directory / name, text);
  arguments_.insert(std::move(name));
}

void BuildDirectory::write_mirrors(std::string_view text) const { write_if_changed(mirrors_path(), text); }

BuildDirectory::Written BuildDirectory::write_graph(std::string_view graph, std::string_view local,
                                                    const std::vector<fs::path>& sources) {
  write_if_changed(path_ / local_file, local);
  bool changed = write_if_changed(path_ / "build.ninja", graph);
  bool touched = make_newer(path_ / "build.ninja", sources);
  remove_what_was_not_added();
  return {changed, changed || touched};
}

bool BuildDirectory::write_cmake(std::string_view steps, std::string_view local) {
  write_if_changed(path_ / cmake_local_file, local);
  bool changed = write_if_changed(path_ / cmake_steps_file, steps);
  remove_what_was_not_added();
  return changed;
}

void BuildDirectory::remove_what_was_not_added() const {
  remove_others(path_ / ".karapace/locks", locks_);
  remove_others(path_ / arguments_directory, arguments_);
}

}  // namespace karapace::generator
