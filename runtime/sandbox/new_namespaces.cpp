// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/new_namespaces.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <sstream>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "runtime/sys/syscalls.hpp"

namespace karapace::sandbox {
namespace {

bool file_says(const char* path, char value) {
  const auto text = read_file_if_exists(path);
  return text && !text->empty() && text->front() == value;
}

/// AppArmor (Ubuntu 23.10 and later) lets the namespace be made but takes its capabilities away.
std::string map_refusal(int error) {
  if (file_says("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", '1'))
    return "AppArmor restricts unprivileged user namespaces; give karapace a profile with \"userns,\", or ask the "
           "administrator to run: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0";
  return std::strerror(error);
}

/// The ids that this process's namespace has, each as itself.
std::vector<IdRange> ids_here(const char* path) {
  std::istringstream lines(read_file(path));
  std::vector<IdRange> ranges;
  for (IdRange range; lines >> range.inside >> range.outside >> range.count;) {
    range.outside = range.inside;
    ranges.push_back(range);
  }
  return ranges;
}

}  // namespace

Pipe Pipe::make() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw SandboxError(errno_message("sandbox: cannot make a pipe", errno));
  return {Fd(ends[0]), Fd(ends[1])};
}

std::string namespace_refusal(int error) {
  if (file_says("/proc/sys/kernel/unprivileged_userns_clone", '0'))
    return "this kernel allows user namespaces to root only; ask the administrator to run: sysctl -w "
           "kernel.unprivileged_userns_clone=1";
  if (error == ENOSPC || file_says("/proc/sys/user/max_user_namespaces", '0'))
    return "the limit of user namespaces is reached (user.max_user_namespaces); ask the administrator to run: sysctl "
           "-w user.max_user_namespaces=15000";
  if (error == EINVAL) return "this process has several threads, or the kernel was built without user namespaces";
  if (error == EUSERS) return "user namespaces are nested too deep (32 levels)";
  if (error == EPERM)
    return "a policy refuses user namespaces; in a container allow them, for example: podman run --security-opt "
           "seccomp=unconfined, or docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined";
  return std::strerror(error);
}

int exit_status(pid_t pid) {
  int status = 0;
  pid_t ended = -1;
  while ((ended = ::waitpid(pid, &status, 0)) < 0 && errno == EINTR) {
  }
  return ended == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

std::string map_text(const std::vector<IdRange>& ranges) {
  std::string text;
  for (const auto& range : ranges) text += fmt::format("{} {} {}\n", range.inside, range.outside, range.count);
  return text;
}

void write_id_file(const std::string& path, const std::string& text) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    throw SandboxError(fmt::format("sandbox: cannot write {}: {}", path, map_refusal(errno)));
}

NewNamespaces::NewNamespaces(int others) : pipe_(Pipe::make()), ends_{pipe_.reader.get(), pipe_.writer.get()} {
  sigset_t all;
  sigset_t old;
  ::sigfillset(&all);
  // Inherited: no handler of this process may run there.
  ::sigprocmask(SIG_SETMASK, &all, &old);
  const int flags = CLONE_VM | CLONE_NEWUSER | others | CLONE_PIDFD | SIGCHLD;
  int process = -1;
  keeper_ = ::clone(keep, stack_.data() + stack_.size(), flags, &ends_, &process);
  const int error = errno;
  ::sigprocmask(SIG_SETMASK, &old, nullptr);
  if (keeper_ < 0)
    throw SandboxError(fmt::format("sandbox: cannot make a user namespace: {}", namespace_refusal(error)));
  process_ = Fd(process);
}

NewNamespaces::~NewNamespaces() {
  pipe_.writer.reset();
  exit_status(keeper_);
}

int NewNamespaces::keep(void* argument) noexcept {
  const Ends ends = *static_cast<const Ends*>(argument);
  ::close(ends.writer);  // its own copy of the descriptor: the read ends when this process's is closed
  char byte = 0;
  return static_cast<int>(::read(ends.reader, &byte, 1));  // clone(2): the process ends with it
}

void NewNamespaces::map(const std::vector<IdRange>& uids, const std::vector<IdRange>& gids) const {
  write_id_file(fmt::format("/proc/{}/uid_map", keeper_), map_text(uids));
  write_id_file(fmt::format("/proc/{}/gid_map", keeper_), map_text(gids));
}

void NewNamespaces::map_as_here() const { map(ids_here("/proc/self/uid_map"), ids_here("/proc/self/gid_map")); }

}  // namespace karapace::sandbox
