// SPDX-License-Identifier: Apache-2.0
// The process outside a running sandbox: hears its reports, passes signals in, relays a terminal, keeps what commands
// print, has FUSE served. It stays in the host's namespaces; what it hears is hostile (report_reader.hpp).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/fd.hpp"
#include "runtime/sandbox/builder.hpp"
#include "runtime/sandbox/fuse_server.hpp"
#include "runtime/sandbox/new_namespaces.hpp"
#include "runtime/sandbox/report_reader.hpp"
#include "runtime/sandbox/sandbox.hpp"
#include "runtime/sandbox/terminal_relay.hpp"

namespace karapace::sandbox {

/// Process 1 of a sandbox; without a descriptor when it could not be made, which a report tells.
struct SandboxProcess {
  pid_t pid = -1;
  Fd process;
  std::unique_ptr<NewNamespaces> namespaces;  // kept until it has entered them
};

class Supervisor {
 public:
  /// Blocks the signals that are to be passed on (sessions), notes the caller's terminal and makes the pipe for output,
  /// before the clone.
  Supervisor(const SandboxPlan& plan, PreparedSandbox& prepared);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// The signals that the caller had blocked, as the kernel has them: bit n - 1 for signal n.
  std::uint64_t caller_mask() const noexcept;

  /// Until process 1 has ended, and with it every process of the sandbox; or, with Ending::at_once, until it has told
  /// how the last command ended.
  SandboxResult watch(SandboxProcess one, Fd socket, Fd fuse_device);

 private:
  void watch_events(ReportReader& reports);
  void hear(ReportReader& reports);
  void take(ReportReader::Heard heard);
  void fail(const init::Report& report);
  void pass_signals();
  void handle(int signal, int code);
  void keep_output();
  void drain_terminal();
  void serve_fuse();
  bool may_leave() const noexcept;
  void wait_for_end();

  const SandboxPlan& plan_;
  const RootFileSystem& root_;
  sigset_t old_mask_{};
  Fd signals_;
  Fd output_;  // what commands print
  SandboxProcess one_;
  Fd fuse_device_;
  std::optional<FuseServer> fuse_server_;
  std::optional<TerminalRelay> relay_;
  bool ended_ = false;
  bool finished_ = false;
  bool told_to_end_ = false;  // by a signal
  bool gone_ = false;         // there is no sandbox to join any more
  bool foreign_ = false;      // there never was one
  SandboxResult result_;
  std::string failure_;
};

}  // namespace karapace::sandbox
