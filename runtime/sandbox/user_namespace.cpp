// SPDX-License-Identifier: Apache-2.0
// Entering a user namespace.
//
// A process may write its own map only for its own id. Wider maps are written by somebody in the parent namespace: in
// `root` mode by this process, in `subid` mode by newuidmap(1) and newgidmap(1). So the namespace is made together with
// a process that holds it, mapped from here, and entered.
#include <cerrno>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <sched.h>
#include <spawn.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "runtime/sandbox/id_helpers.hpp"
#include "runtime/sandbox/id_mode.hpp"
#include "runtime/sandbox/new_namespaces.hpp"
#include "runtime/sys/syscalls.hpp"

namespace karapace::sandbox {
namespace {

void enter_single(const IdPlan& plan) {
  if (::unshare(CLONE_NEWUSER) != 0)
    throw SandboxError(fmt::format("sandbox: cannot make a user namespace: {}", namespace_refusal(errno)));
  write_id_file("/proc/self/setgroups", "deny");
  write_id_file("/proc/self/uid_map", map_text(plan.uids));
  write_id_file("/proc/self/gid_map", map_text(plan.gids));
}

/// newuidmap(1) or newgidmap(1), at work.
class MapTool {
 public:
  MapTool(std::string_view name, pid_t keeper, const std::vector<IdRange>& ranges) : messages_(Pipe::make()) {
    const auto path = find_id_helper(name);
    if (!path) throw SandboxError(fmt::format("sandbox: {} is missing; install it (Debian: apt install uidmap)", name));
    words_ = {*path, std::to_string(keeper)};
    for (const auto& range : ranges)
      for (const unsigned value : {range.inside, range.outside, range.count}) words_.push_back(std::to_string(value));
    start();
  }
  MapTool(const MapTool&) = delete;
  MapTool& operator=(const MapTool&) = delete;
  ~MapTool() {
    if (process_ > 0) exit_status(process_);
  }

  /// Waits for its end. SandboxError with what it said when it failed.
  void finish() {
    auto said = read_all(messages_.reader.get(), "the messages of newuidmap");
    const int status = exit_status(std::exchange(process_, -1));
    if (status == 0) return;
    while (said.ends_with('\n')) said.pop_back();
    throw SandboxError(
        fmt::format("sandbox: {} failed ({}); check /etc/subuid and /etc/subgid, or set KARAPACE_ID_MODE=single",
                    words_.front(), said.empty() ? fmt::format("exit status {}", status) : said));
  }

 private:
  void start() {
    std::vector<char*> argv;
    for (auto& word : words_) argv.push_back(word.data());
    argv.push_back(nullptr);
    char* const no_variables[] = {nullptr};
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, messages_.writer.get(), STDERR_FILENO);
    const int error = ::posix_spawn(&process_, argv[0], &actions, nullptr, argv.data(), no_variables);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) throw SandboxError(errno_message(fmt::format("sandbox: cannot start {}", argv[0]), error));
    messages_.writer.reset();
  }

  Pipe messages_;
  std::vector<std::string> words_;
  pid_t process_ = -1;
};

void map_by_tools(const IdPlan& plan, pid_t keeper) {
  MapTool users("newuidmap", keeper, plan.uids);
  MapTool groups("newgidmap", keeper, plan.gids);
  users.finish();
  groups.finish();
}

void enter_mapped(const IdPlan& plan) {
  const NewNamespaces created(0);
  if (plan.mode == IdMode::subid)
    map_by_tools(plan, created.keeper());
  else
    created.map(plan.uids, plan.gids);
  if (sys::setns(created.process(), CLONE_NEWUSER) != 0)
    throw SandboxError(fmt::format("sandbox: cannot enter a user namespace: {}", namespace_refusal(errno)));
}

}  // namespace

void enter_user_namespace(const IdPlan& plan) {
  if (plan.mode == IdMode::single)
    enter_single(plan);
  else
    enter_mapped(plan);
}

}  // namespace karapace::sandbox
