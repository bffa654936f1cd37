// SPDX-License-Identifier: Apache-2.0
#include "generator/project/build_directory.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/sibling_programs.hpp"
#include "generator/graph/cmake_text.hpp"
#include "store/absent.hpp"
#include "store/identifiers.hpp"

namespace karapace::project {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t ns_per_second = 1'000'000'000;

std::int64_t modified_in(const OwnDirectory& directory, const std::string& name) {
  struct stat status{};
  if (::fstatat(directory.fd(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return 0;
  return modified_ns(status);
}

void set_modified(const OwnDirectory& directory, const std::string& name, std::int64_t time) {
  struct timespec stamp{};
  stamp.tv_sec = time / ns_per_second;
  stamp.tv_nsec = time % ns_per_second;
  std::array<struct timespec, 2> times = {stamp, stamp};
  if (::utimensat(directory.fd(), name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) == 0) return;
  throw Error(
      errno_message(fmt::format("cannot touch \"{}\"", escaped_utf8((directory.path() / name).native())), errno));
}

/// On a file system with coarser times than the source's, as little newer as it can be.
void make_as_old_as(const OwnDirectory& directory, const std::string& name, std::int64_t time) {
  constexpr std::int64_t coarsest = 2;  // seconds
  set_modified(directory, name, time);
  if (modified_in(directory, name) < time)
    set_modified(directory, name, (time / ns_per_second + coarsest) * ns_per_second);
}

/// Of graphs of older releases Ninja writes its logs here, through links, too; and it waits for ever at a FIFO.
void refuse_traps(const OwnDirectory& directory) {
  for (const char* name : {"build.ninja", ".ninja_log", ".ninja_deps"}) {
    auto path = escaped_utf8((directory.path() / name).native());
    if (directory.has_link(name)) {
      throw Error(
          fmt::format("gen: {} is a link, so it is left alone: remove it, or name another directory with -C", path));
    }
    struct stat status{};
    bool is_log = std::string_view(name) != "build.ninja";
    if (!is_log || ::fstatat(directory.fd(), name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (S_ISREG(status.st_mode) && status.st_nlink == 1) continue;
    throw Error(
        fmt::format("gen: {} is no regular file, or has another name (a hard link), so it is left alone: remove it, or "
                    "name another directory with -C",
                    path));
  }
}

void refuse_foreign_graph(const OwnDirectory& directory) {
  if (auto fd = open_if_exists(directory.fd(), "build.ninja", O_RDONLY | O_NOFOLLOW | O_NONBLOCK)) {
    struct stat status{};
    bool is_empty = ::fstat(fd->get(), &status) == 0 && S_ISREG(status.st_mode) && status.st_size == 0;
    if (is_empty) return;  // a crash of the machine can leave that of ours
    std::string start(graph::graph_marker.size(), '\0');
    auto count = ::read(fd->get(), start.data(), start.size());
    if (count != static_cast<ssize_t>(start.size()) || start != graph::graph_marker) {
      throw Error(fmt::format("gen: {} is not one of ours and is left alone: name another directory with -C",
                              escaped_utf8((directory.path() / "build.ninja").native())));
    }
  }
}

/// `.karapace/local.ninja` -> `local.ninja`
std::string name_in_own(std::string_view path) { return fs::path(path).filename(); }

/// Before `.karapace` is made: what is refused must be left as it was.
OwnDirectory open_build_directory(const fs::path& path, const OwnDirectory::WrittenBySessions& written_by_sessions) {
  auto directory = OwnDirectory::make(path, "gen", written_by_sessions);
  refuse_traps(directory);
  refuse_foreign_graph(directory);
  return directory;
}

}  // namespace

void have_absent_inputs_made(const store::Store& store, const graph::Graph& graph) {
  if (!store::has_absent_outputs(store)) return;
  std::vector<const Step*> steps;
  for (const auto& edge : graph.edges) steps.push_back(&edge.step);
  store::remember_absent(store, steps);
  store::forget_absent_inputs(store, steps);
}

BuildDirectory::BuildDirectory(const fs::path& path, const OwnDirectory::WrittenBySessions& written_by_sessions)
    : path_(path),
      directory_(open_build_directory(path, written_by_sessions)),
      own_(directory_.inner(std::string(own_name))),
      locks_directory_(own_.inner("locks")) {}

void BuildDirectory::add_lock(const EnvironmentId& id, std::string_view canonical) {
  auto name = id.hex() + ".json";
  if (locks_.insert(name).second) locks_directory_.write_if_changed(name, canonical);
}

BuildDirectory::Written BuildDirectory::write_graph(std::string_view graph, std::string_view local,
                                                    std::int64_t newest_source_ns) {
  remove_traps();
  own_.write_if_changed(name_in_own(graph::local_file), local);
  bool changed = directory_.write_control_file("build.ninja", graph);
  bool older = modified_in(directory_, "build.ninja") < newest_source_ns;
  if (newest_source_ns != 0 && (changed || older)) make_as_old_as(directory_, "build.ninja", newest_source_ns);
  remove_what_was_not_added();
  return {changed, changed || older};
}

bool BuildDirectory::write_cmake(std::string_view steps, std::string_view local) {
  own_.write_if_changed(name_in_own(graph::cmake_local_file), local);
  bool changed = directory_.write_control_file(std::string(graph::cmake_steps_file), steps);
  remove_what_was_not_added();
  return changed;
}

bool BuildDirectory::has_graph(std::string_view graph, std::string_view local, std::int64_t newest_source_ns) const {
  remove_traps();
  return has_no_other_locks() && own_.has_already(name_in_own(graph::local_file), local) &&
         directory_.has_already("build.ninja", graph) && modified_in(directory_, "build.ninja") >= newest_source_ns;
}

bool BuildDirectory::has_cmake(std::string_view steps, std::string_view local) const {
  return has_no_other_locks() && own_.has_already(name_in_own(graph::cmake_local_file), local) &&
         directory_.has_already(std::string(graph::cmake_steps_file), steps);
}

bool BuildDirectory::has_no_other_locks() const {
  const auto names = names_in(locks_directory_.fd(), locks_directory_.path());
  return std::set<std::string>(names.begin(), names.end()) == locks_;
}

/// What Ninja opens there, and what it renames to them.
void BuildDirectory::remove_traps() const {
  for (const char* name : {".ninja_log", ".ninja_deps", ".ninja_log.recompact", ".ninja_deps.recompact"}) {
    own_.remove_unless_plain(name);
  }
}

unsigned installs_at_once() { return std::max(1u, std::thread::hardware_concurrency()); }

graph::Local local_part(const store::Store& store, const store::GraphFiles& files,
                        const std::filesystem::path& mirrors) {
  graph::Local local;
  local.store = store.root();
  local.step_program = find_program("karapace-step");
  local.mirrors = mirrors;
  local.arguments = files.path();
  local.fetch_depth = fetches_at_once;
  local.install_depth = installs_at_once();
  return local;
}

void BuildDirectory::remove_what_was_not_added() const { locks_directory_.remove_others(locks_); }

}  // namespace karapace::project
