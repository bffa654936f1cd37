// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/sandbox.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/sandbox/process_one.hpp"
#include "runtime/sandbox/supervisor.hpp"
#include "runtime/sandbox/syscalls.hpp"
#include "store/error.hpp"

namespace karapace::runtime {
namespace {

void check(const SandboxPlan& plan) {
  if (plan.lowers.empty() && plan.joined < 0) throw SandboxError("sandbox: there is no layer to run in");
  if (plan.lowers.size() > most_layers)
    throw SandboxError(fmt::format("sandbox: {} layers are too many; the kernel's overlay takes at most {}",
                                   plan.lowers.size(), most_layers));
  for (const auto& bind : plan.binds)
    if (!bind.source.is_absolute() || !bind.target.starts_with('/'))
      throw SandboxError(fmt::format("sandbox: cannot mount \"{}\" at \"{}\": both must be absolute paths",
                                     bind.source.string(), bind.target));
  for (const auto& command : plan.commands)
    if (command.argv.empty()) throw SandboxError("sandbox: a command has no words");
}

OverlayKind overlay_kind(Fd& fuse_device) {
  const char* wish = std::getenv("KARAPACE_OVERLAY");
  const std::string_view kind = wish == nullptr ? "" : wish;
  if (kind == "kernel") return OverlayKind::kernel;
  if (!kind.empty() && kind != "fuse")
    throw SandboxError(fmt::format("sandbox: KARAPACE_OVERLAY={} is none of kernel, fuse", kind));
  fuse_device = sys::openat2(AT_FDCWD, "/dev/fuse", O_RDWR, 0, 0);
  return kind == "fuse" ? OverlayKind::fuse : OverlayKind::kernel_or_fuse;
}

RootFileSystem root_file_system(const SandboxPlan& plan, Fd& fuse_device) {
  RootFileSystem root;
  for (const auto& lower : plan.lowers) root.lowers.push_back(lower.string());
  std::reverse(root.lowers.begin(), root.lowers.end());
  root.upper = plan.upper.string();
  root.work = plan.work.string();
  root.is_volatile = plan.volatile_overlay;
  root.overlay = overlay_kind(fuse_device);
  root.fuse_device = fuse_device.get();
  return root;
}

PreparedCommand prepare(const Command& command) {
  PreparedCommand prepared;
  for (const auto& word : command.argv) prepared.argv.push_back(const_cast<char*>(word.c_str()));
  prepared.argv.push_back(nullptr);
  for (const auto& [name, value] : command.variables) prepared.variables.push_back(name + "=" + value);
  for (auto& variable : prepared.variables) prepared.environment.push_back(variable.data());
  prepared.environment.push_back(nullptr);
  if (const auto path = command.variables.find("PATH"); path != command.variables.end())
    prepared.search_path = path->second.c_str();
  prepared.working_directory = command.working_directory.c_str();
  return prepared;
}

void join(const SandboxPlan& plan) {
  int namespaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
  if (plan.network == Network::none) namespaces |= CLONE_NEWNET;
  if (sys::setns(plan.joined, namespaces) != 0)
    throw SandboxError(errno_message("sandbox: cannot join the running session", errno));
}

std::uint64_t namespaces(const SandboxPlan& plan) {
  if (plan.joined >= 0) return CLONE_NEWNS | CLONE_NEWPID;
  std::uint64_t flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
  if (plan.network == Network::none) flags |= CLONE_NEWNET;
  return flags;
}

struct Socket {
  Fd outside;
  Fd inside;
};

Socket socket_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    throw SandboxError(errno_message("sandbox: cannot make a socket", errno));
  return {Fd(ends[0]), Fd(ends[1])};
}

}  // namespace

SandboxResult run(const SandboxPlan& plan) {
  check(plan);
  Fd fuse_device;
  PreparedSandbox prepared;
  prepared.plan = &plan;
  if (plan.joined < 0) prepared.root = root_file_system(plan, fuse_device);
  prepared.mounts = plan.joined < 0 ? mount_plan(plan) : process_view_plan();
  prepared.owners = owner_calls(plan.id_mode, plan.purpose);
  prepared.commands.reserve(plan.commands.size());
  for (const auto& command : plan.commands) prepared.commands.push_back(prepare(command));
  Supervisor supervisor(plan, prepared);
  auto socket = socket_pair();
  if (plan.joined >= 0) join(plan);
  Fd process;
  const pid_t pid = sys::clone3(namespaces(plan), process);
  if (pid == 0) process_one(prepared, socket.inside.get(), socket.outside.get());
  if (pid < 0) throw SandboxError(errno_message("sandbox: cannot make new namespaces", errno));
  socket.inside.reset();
  return supervisor.watch(pid, std::move(socket.outside), std::move(process), std::move(fuse_device));
}

}  // namespace karapace::runtime
