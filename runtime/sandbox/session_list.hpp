// SPDX-License-Identifier: Apache-2.0
// SessionList: the running sessions of an instance, in the file `session` of its directory.
//
// One line per session: the id of its process 1, that process's start time (proc(5), field 22: an id may be reused, the
// pair not) and the id mode. The file is its own lock: it is held from looking for a session to join until the new
// one stands and is listed, so two first sessions can not both mount. Lines of dead sessions are dropped then.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "base/waiting.hpp"
#include "runtime/sandbox/id_mode.hpp"

namespace karapace::sandbox {

struct RunningSession {
  pid_t process = -1;
  std::uint64_t start_time = 0;
  IdMode mode{};
};

class SessionList {
 public:
  /// Waits for the lock, as long as others come and go; SandboxError when nobody has for the time of `patience`.
  explicit SessionList(const std::filesystem::path& instance_directory, const Notice& notice = {},
                       std::chrono::seconds patience = std::chrono::seconds(30));

  /// A running session, as a pidfd of its process 1, and its id mode.
  struct Joinable {
    Fd process;
    pid_t pid = -1;
    IdMode mode{};
  };
  std::optional<Joinable> find_running() const;
  std::vector<Joinable> all_running() const;
  /// What is ending is waited for, a moment.
  bool nothing_runs();
  /// Waits a moment for a session that has told its result to be gone; false when it goes on.
  bool forget_if_ending(const Joinable& running);
  /// Waits until this process is gone, mounts and all, and forgets it. SandboxError when that takes longer than half a
  /// minute.
  void forget(const Joinable& ended);
  /// Forgets at once what is not a session.
  void strike(const Joinable& listed);
  /// Lists the session and gives the lock back.
  void add_and_unlock(pid_t process, IdMode mode);

 private:
  bool forget_within(const Joinable& ended, int milliseconds);

  Fd proc_;
  Fd file_;
  std::vector<RunningSession> sessions_;
};

/// The lock on an instance's upper directory, by that of its work directory. Held by process 1 until the sandbox is
/// gone, and by the server of a FUSE overlay. Whoever holds it and is not listed is on the way out, makes what an
/// instance has of its own, or is in another container with the same store. SandboxError when it is held for half a
/// minute.
Fd lock_upper(const std::filesystem::path& work, const Notice& notice);

/// Process 1 of a session that runs; without the lock and without making the list, for those who only look.
std::optional<pid_t> running_session(const std::filesystem::path& instance_directory);
/// The same of a list that was read before.
std::optional<pid_t> running_session(std::string_view list);

/// The lines of a list; those that are no sessions (a file cut short by a full disk) name nothing that runs.
std::vector<RunningSession> parse_sessions(std::string_view content);

/// The start time of a process, read below `proc`, an open /proc; nothing when there is none.
std::optional<std::uint64_t> process_start_time(int proc, pid_t process);

/// Whether it is of this user and process 1 of a pid namespace below this one; read as above.
bool is_first_process(int proc, pid_t process);

}  // namespace karapace::sandbox
