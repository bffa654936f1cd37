// SPDX-License-Identifier: Apache-2.0
// NewNamespaces: a user namespace and others that it owns, kept by a process until they are entered.
//
// A sandbox has two user namespaces, one in the other, with the same ids. In the outer one the mounts are made; what
// runs is in the inner one, in a copy of them. The kernel locks such a copy together (mount_namespaces(7),
// "Restrictions on mount namespaces"): else every cover falls off when the sandbox ends, for whoever has been sent a
// descriptor of a directory below it.
#pragma once

#include <array>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/fd.hpp"
#include "runtime/sandbox/id_mode.hpp"

namespace karapace::sandbox {

struct Pipe {
  Fd reader;
  Fd writer;
  static Pipe make();
};

/// What stands behind a refused user namespace, with the way out. `error` is an errno.
std::string namespace_refusal(int error);

class NewNamespaces {
 public:
  /// Makes a user namespace below this process's, and `others` (CLONE_NEW*), which it owns. Their keeper shares this
  /// process's memory, as copying that would take longer than all the rest, and does nothing but wait. SandboxError.
  explicit NewNamespaces(int others);
  ~NewNamespaces();
  NewNamespaces(const NewNamespaces&) = delete;
  NewNamespaces& operator=(const NewNamespaces&) = delete;

  pid_t keeper() const noexcept { return keeper_; }
  /// A pidfd of the keeper, for setns(2).
  int process() const noexcept { return process_.get(); }
  /// Which ids of this process's namespace it has. SandboxError.
  void map(const std::vector<IdRange>& uids, const std::vector<IdRange>& gids) const;
  /// The same ids as this process's namespace.
  void map_as_here() const;

 private:
  struct Ends {
    int reader;
    int writer;
  };
  static int keep(void* ends) noexcept;

  Pipe pipe_;
  Ends ends_;  // unlike the pipe they stay as they are while the keeper lives
  alignas(16) std::array<char, 16384> stack_;
  pid_t keeper_ = -1;
  Fd process_;
};

/// Waits for a child; its exit status, or 128.
int exit_status(pid_t pid);
/// Writes a map of ids, or the word of /proc/PID/setgroups. SandboxError naming the file.
void write_id_file(const std::string& path, const std::string& text);
std::string map_text(const std::vector<IdRange>& ranges);

}  // namespace karapace::sandbox
