// SPDX-License-Identifier: Apache-2.0
// The process outside a running sandbox: hears its reports, passes signals in, relays a terminal, serves FUSE.
#pragma once

#include <optional>

#include "runtime/sandbox/fuse_server.hpp"
#include "runtime/sandbox/process_one.hpp"
#include "runtime/sandbox/sandbox.hpp"
#include "runtime/sandbox/terminal_relay.hpp"

namespace karapace::runtime {

class Supervisor {
 public:
  /// Blocks the signals that are to be passed on (sessions) and notes the caller's terminal, before the clone.
  Supervisor(const SandboxPlan& plan, PreparedSandbox& prepared);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// Until process 1 has ended, and with it every process of the sandbox.
  SandboxResult watch(pid_t pid, Fd socket, Fd process, Fd fuse_device);

 private:
  void hear_reports();
  void wait_for_events();
  void take(const Report& report, Fd attached);
  void pass_signals();
  void handle(int signal, int code);
  void serve_fuse();
  void wait_for_end();

  const SandboxPlan& plan_;
  const RootFileSystem& root_;
  sigset_t old_mask_{};
  Fd signals_;
  pid_t pid_ = -1;
  Fd socket_;
  Fd process_;
  Fd fuse_device_;
  std::optional<FuseServer> fuse_server_;
  std::optional<TerminalRelay> relay_;
  bool ended_ = false;
  bool finished_ = false;
  SandboxResult result_;
  std::string failure_;
};

}  // namespace karapace::runtime
