// SPDX-License-Identifier: Apache-2.0
#include "remote/transfer_program.hpp"

#include <cerrno>
#include <csignal>
#include <new>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/sibling_programs.hpp"

namespace karapace::remote {

namespace {

class FileActions {
 public:
  FileActions() { check(::posix_spawn_file_actions_init(&actions_)); }
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;

  void place(int fd, int as) { check(::posix_spawn_file_actions_adddup2(&actions_, fd, as)); }
  void open_null(int as) { check(::posix_spawn_file_actions_addopen(&actions_, as, "/dev/null", O_RDWR, 0)); }
  void leave_directory() { check(::posix_spawn_file_actions_addchdir_np(&actions_, "/")); }
  void close_from(int fd) { check(::posix_spawn_file_actions_addclosefrom_np(&actions_, fd)); }
  const posix_spawn_file_actions_t* get() const noexcept { return &actions_; }

 private:
  static void check(int error) {
    if (error != 0) throw std::bad_alloc();  // the one reason
  }
  posix_spawn_file_actions_t actions_{};
};

/// A session of its own, and no signal ignored or blocked.
class Detached {
 public:
  Detached() {
    ::posix_spawnattr_init(&attributes_);
    sigset_t signals;
    ::sigfillset(&signals);
    ::posix_spawnattr_setsigdefault(&attributes_, &signals);
    ::sigemptyset(&signals);
    ::posix_spawnattr_setsigmask(&attributes_, &signals);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  }
  ~Detached() { ::posix_spawnattr_destroy(&attributes_); }
  Detached(const Detached&) = delete;
  Detached& operator=(const Detached&) = delete;
  const posix_spawnattr_t* get() const noexcept { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

/// An errno value, 0 when it runs.
int spawn(pid_t& process, const FileActions& actions, const posix_spawnattr_t* attributes, std::string mode) {
  auto path = find_program(transfer_program).native();
  std::string name = transfer_program;
  char* words[] = {name.data(), mode.data(), nullptr};
  return ::posix_spawn(&process, path.c_str(), actions.get(), attributes, words, environ);
}

}  // namespace

bool start_shared_program(int listening, int directory) {
  // Above all numbers that they are about to get.
  Fd socket(::fcntl(listening, F_DUPFD_CLOEXEC, 4));
  Fd place(::fcntl(directory, F_DUPFD_CLOEXEC, 4));
  if (!socket || !place) return false;
  FileActions actions;
  actions.place(socket.get(), STDIN_FILENO);
  actions.open_null(STDOUT_FILENO);
  actions.open_null(STDERR_FILENO);
  actions.place(place.get(), 3);
  actions.close_from(4);
  actions.leave_directory();
  pid_t process = -1;
  return spawn(process, actions, Detached().get(), "--shared") == 0;
}

OwnProgram::OwnProgram() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    throw RemoteError(errno_message("cannot make a socket for downloads", errno));
  }
  connection_ = Fd(ends[0]);
  Fd other(ends[1]);
  FileActions actions;
  actions.place(other.get(), STDIN_FILENO);
  auto error = spawn(process_, actions, nullptr, "--own");
  if (error != 0) throw RemoteError(errno_message(fmt::format("cannot run {}", transfer_program), error));
}

OwnProgram::~OwnProgram() {
  connection_.reset();
  while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace karapace::remote
