// SPDX-License-Identifier: Apache-2.0
// Entering a user namespace.
//
// A process may write its own map only for its own id. Wider maps are written by somebody in the parent namespace:
// in `root` mode a helper process of ours, in `subid` mode newuidmap(1) and newgidmap(1). The helpers are forked before
// unshare(2), since a set-user-id program gains nothing inside the new namespace, and wait on a pipe.
#include <cerrno>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/sandbox/id_helpers.hpp"
#include "runtime/sandbox/id_mode.hpp"
#include "store/error.hpp"
#include "store/fd.hpp"

namespace karapace::runtime {
namespace {

struct Pipe {
  Fd reader;
  Fd writer;
};

Pipe pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw SandboxError(errno_message("sandbox: cannot make a pipe", errno));
  return {Fd(ends[0]), Fd(ends[1])};
}

std::string map_text(const std::vector<IdRange>& ranges) {
  std::string text;
  for (const auto& range : ranges) text += fmt::format("{} {} {}\n", range.inside, range.outside, range.count);
  return text;
}

struct MapFile {
  std::string path;
  std::string text;
};

/// A child that waits for one byte and then becomes `argv`, or writes `files` (`argv` empty).
struct Helper {
  std::vector<std::string> argv;
  std::vector<MapFile> files;
};

int write_file(const char* path, std::string_view text) noexcept {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const auto written = ::write(fd, text.data(), text.size());
  const int error = written == static_cast<ssize_t>(text.size()) ? 0 : errno;
  ::close(fd);
  return error;
}

[[noreturn]] void be_helper(const Helper& helper, char* const* argv, int go, int messages) noexcept {
  char byte = 0;
  // The end of the pipe means that the process to map is gone or could not enter a namespace.
  if (::read(go, &byte, 1) != 1) ::_exit(0);
  if (helper.argv.empty()) {
    for (const auto& file : helper.files)
      if (const int error = write_file(file.path.c_str(), file.text); error != 0) ::_exit(error);
    ::_exit(0);
  }
  ::dup2(messages, STDERR_FILENO);
  char* const no_variables[] = {nullptr};
  ::execve(argv[0], argv, no_variables);
  ::_exit(127);
}

pid_t start(const Helper& helper, const Pipe& go, const Pipe& messages) {
  std::vector<char*> argv;
  for (const auto& word : helper.argv) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) throw SandboxError(errno_message("sandbox: cannot start a process", errno));
  if (pid > 0) return pid;
  ::close(go.writer.get());
  be_helper(helper, argv.data(), go.reader.get(), messages.writer.get());
}

Helper map_command(std::string_view tool, pid_t pid, const std::vector<IdRange>& ranges) {
  const auto path = find_id_helper(tool);
  if (!path) throw SandboxError(fmt::format("sandbox: {} is missing; install it (Debian: apt install uidmap)", tool));
  Helper helper{{*path, std::to_string(pid)}, {}};
  for (const auto& range : ranges)
    for (const unsigned value : {range.inside, range.outside, range.count})
      helper.argv.push_back(std::to_string(value));
  return helper;
}

std::vector<Helper> helpers(const IdPlan& plan) {
  const pid_t pid = ::getpid();
  if (plan.mode == IdMode::subid)
    return {map_command("newuidmap", pid, plan.uids), map_command("newgidmap", pid, plan.gids)};
  return {Helper{{},
                 {{fmt::format("/proc/{}/uid_map", pid), map_text(plan.uids)},
                  {fmt::format("/proc/{}/gid_map", pid), map_text(plan.gids)}}}};
}

bool file_says(const char* path, char value) {
  const auto text = read_file_if_exists(path);
  return text && !text->empty() && text->front() == value;
}

/// What stands behind a refused unshare(CLONE_NEWUSER), with the way out.
std::string refusal(int error) {
  if (file_says("/proc/sys/kernel/unprivileged_userns_clone", '0'))
    return "this kernel allows user namespaces to root only; ask the administrator to run: sysctl -w "
           "kernel.unprivileged_userns_clone=1";
  if (error == ENOSPC || file_says("/proc/sys/user/max_user_namespaces", '0'))
    return "the limit of user namespaces is reached (user.max_user_namespaces); ask the administrator to run: sysctl "
           "-w "
           "user.max_user_namespaces=15000";
  if (error == EINVAL) return "this process has several threads, or the kernel was built without user namespaces";
  if (error == EUSERS) return "user namespaces are nested too deep (32 levels)";
  if (error == EPERM)
    return "a policy refuses user namespaces; in a container allow them, for example: podman run --security-opt "
           "seccomp=unconfined, or docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined";
  return std::strerror(error);
}

/// AppArmor (Ubuntu 23.10 and later) lets the namespace be made but takes its capabilities away.
std::string map_refusal(int error) {
  if (file_says("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", '1'))
    return "AppArmor restricts unprivileged user namespaces; give karapace a profile with \"userns,\", or ask the "
           "administrator to run: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0";
  return std::strerror(error);
}

void unshare_user() {
  if (::unshare(CLONE_NEWUSER) == 0) return;
  const int error = errno;
  throw SandboxError(fmt::format("sandbox: cannot make a user namespace: {}", refusal(error)));
}

void write_own_map(const char* path, const std::string& text) {
  if (const int error = write_file(path, text); error != 0)
    throw SandboxError(fmt::format("sandbox: cannot write {}: {}", path, map_refusal(error)));
}

void enter_single(const IdPlan& plan) {
  unshare_user();
  write_own_map("/proc/self/setgroups", "deny");
  write_own_map("/proc/self/uid_map", map_text(plan.uids));
  write_own_map("/proc/self/gid_map", map_text(plan.gids));
}

int exit_status(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

std::string helper_problem(const Helper& helper, int status, std::string_view said) {
  if (helper.argv.empty()) return fmt::format("sandbox: cannot write the maps of ids: {}", map_refusal(status));
  while (said.ends_with('\n')) said.remove_suffix(1);
  return fmt::format("sandbox: {} failed ({}); check /etc/subuid and /etc/subgid, or set KARAPACE_ID_MODE=single",
                     helper.argv.front(), said.empty() ? fmt::format("exit status {}", status) : said);
}

void enter_with_helpers(const IdPlan& plan) {
  const auto work = helpers(plan);
  auto go = pipe();
  auto messages = pipe();
  std::vector<pid_t> pids;
  for (const auto& helper : work) pids.push_back(start(helper, go, messages));
  go.reader.reset();
  messages.writer.reset();
  try {
    unshare_user();
    write_all(go.writer.get(), std::string(work.size(), '.'), "pipe");
  } catch (...) {
    go.writer.reset();
    for (const pid_t pid : pids) exit_status(pid);
    throw;
  }
  const auto said = read_all(messages.reader.get(), "the messages of newuidmap");
  std::vector<int> statuses;
  for (const pid_t pid : pids) statuses.push_back(exit_status(pid));
  for (std::size_t i = 0; i < work.size(); ++i)
    if (statuses[i] != 0) throw SandboxError(helper_problem(work[i], statuses[i], said));
}

}  // namespace

void enter_user_namespace(const IdPlan& plan) {
  if (plan.mode == IdMode::single) return enter_single(plan);
  enter_with_helpers(plan);
}

}  // namespace karapace::runtime
