// SPDX-License-Identifier: Apache-2.0
#include "cli/instance_trees.hpp"

#include <ctime>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/parallel.hpp"
#include "base/words.hpp"
#include "cli/store_access.hpp"
#include "runtime/sandbox/session_list.hpp"
#include "store/conflicts.hpp"
#include "store/environment.hpp"

namespace karapace::cli {

namespace {

constexpr std::size_t most_told = 10;

/// What a running fuse-overlayfs wrote can be read when it has ended, and its marks are translated.
void refuse_fuse(const store::Instance& instance) {
  const auto process = sandbox::running_session(instance.directory);
  if (!process) return;
  const auto path = fmt::format("/proc/{}/mountinfo", *process);
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return;  // it ends just now
  const auto mounts = read_all(file.get(), path);
  for (const auto line : lines(mounts)) {
    // proc_pid_mountinfo(5): the fifth field is where it is mounted, the type follows a lone "-".
    const bool is_root = line.find(" / / ") != line.npos;
    if (is_root && line.find(" - fuse ") != line.npos)
      throw Error("a session of this instance runs on fuse-overlayfs, whose changes can be read when it has ended");
  }
}

}  // namespace

Fd InstanceTrees::open_upper() const {
  return open_at(AT_FDCWD, instance().upper(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

store::SnapshotOptions InstanceTrees::snapshot_options() const {
  return {.owners = owners, .threads = available_threads()};
}

InstanceTrees hold_trees(const store::Store& store, const std::string& word) {
  auto wanted = wanted_instance(store, word);
  auto held = store::use_instance(wanted.instance);
  if (!held) throw NotFoundError(fmt::format("the instance {} was destroyed meanwhile", escaped_utf8(wanted.name)));
  refuse_fuse(held->instance);
  wait_for_upper(held->instance);
  auto layers = trees_or_refuse(store, held->instance.current.environment);
  const auto mode = enter_for_trees(store);
  return {*std::move(held), std::move(wanted.name), std::move(layers),
          mode == sandbox::IdMode::single ? store::Owners::ignore : store::Owners::from_disk};
}

std::vector<std::filesystem::path> trees_or_refuse(const store::Store& store, const EnvironmentId& id) {
  if (const auto environment = store::find_environment(store, id)) return store::trees_of(store, *environment);
  throw NotFoundError(fmt::format(
      "the environment {0} of this instance is not in the store; `karapace build {0}` makes it again", id.short_hex()));
}

void wait_for_upper(const store::Instance& instance) {
  constexpr timespec moment{0, 10'000'000};
  const auto work = open_at(AT_FDCWD, instance.work(), O_RDONLY | O_DIRECTORY);
  for (int waited = 0; waited < 3000; ++waited) {
    if (sandbox::running_session(instance.directory) || ::flock(work.get(), LOCK_SH | LOCK_NB) == 0) return;
    ::nanosleep(&moment, nullptr);
  }
  throw StoreError("the instance is used by a sandbox that is not seen from here; end it and try again");
}

store::Changes find_changes(const InstanceTrees& trees, std::string_view command) {
  const store::ChangesOptions options{.owners = trees.owners,
                                      .label = std::string(command),
                                      .threads = available_threads(),
                                      .scaffold = store::read_scaffold(trees.instance().current)};
  return store::find_changes(trees.open_upper().get(), trees.layers, options);
}

nlohmann::json snapshot_json(const store::Snapshot& snapshot) {
  return {{"environment", snapshot.environment.hex()},
          {"message", escaped_utf8(snapshot.message)},
          {"parent", snapshot.parent ? nlohmann::json(snapshot.parent->hex()) : nlohmann::json()},
          {"snapshot", snapshot.id.hex()},
          {"time", snapshot.time}};
}

std::string shown_path(std::string_view path) { return "/" + escaped_utf8(path); }

void tell_left_out(const Context& context, const std::vector<std::string>& paths) {
  if (paths.empty()) return;
  std::vector<std::string> shown;
  for (std::size_t i = 0; i < std::min(most_told, paths.size()); ++i) shown.push_back(shown_path(paths[i]));
  const auto more = paths.size() - shown.size();
  context.tell(fmt::format("left out, as nothing can keep sockets and device nodes: {}{}", fmt::join(shown, ", "),
                           more == 0 ? "" : fmt::format(" and {} more", more)));
}

}  // namespace karapace::cli
