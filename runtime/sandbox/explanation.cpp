// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/explanation.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "runtime/init/capabilities.hpp"
#include "runtime/init/scope.hpp"

namespace karapace::runtime {
namespace {

using Barrier = Explanation::Barrier;
using Sight = Explanation::Sight;

void add_operations(Explanation& explanation, const SandboxPlan& plan) {
  for (const auto& operation : plan.host) {
    const auto path = operation.path.string();
    if (operation.kind == HostOperation::Kind::hide) explanation.hidden.push_back(path);
    if (operation.kind == HostOperation::Kind::read_only)
      explanation.sights.push_back({BindAccess::read_only, path, path, "control file"});
  }
}

std::vector<std::string> shared(const SandboxPlan& plan) {
  std::vector<std::string> all;
  if (plan.network == Network::host) {
    all.emplace_back("the network: interfaces, services on this machine, names by /etc/resolv.conf");
    if (init::available_scope() == init::Scope::none)
      all.emplace_back(
          "abstract unix sockets (of X11, D-Bus): this kernel can not keep them apart without isolating the network");
  }
  if (plan.terminal == Terminal::inherit) all.emplace_back("standard input, output and error, as they are given");
  all.emplace_back("what the kernel tells everybody: its version, processors, memory, load, clock");
  if (plan.id_mode == IdMode::single)
    all.emplace_back("the user's id: files in shown directories are made and read as this user");
  return all;
}

std::string ids(IdMode mode) {
  switch (mode) {
    case IdMode::root: return "root inside is root of these files and of nothing else";
    case IdMode::subid: return "root inside is this user, all others are subordinate ids";
    case IdMode::single: return "root inside is this user; there is no other id";
  }
  return {};
}

std::vector<Barrier> barriers(const SandboxPlan& plan) {
  const bool isolated = plan.network == Network::none;
  const bool scoped = init::available_scope() != init::Scope::none;
  return {
      {"user-namespace", fmt::format("capabilities on the host ({})", ids(plan.id_mode))},
      {"mount-namespace", "files: a root of its own, and of the host only what is named above"},
      {"pid-namespace", "processes: only those of this session are seen, traced, signalled"},
      {"ipc-uts-cgroup-namespaces", "shared memory, message queues, host name, control groups"},
      {"network-namespace",
       isolated ? "the network, abstract sockets: only a loopback of its own" : "nothing: the network is shared",
       isolated},
      {"capabilities", fmt::format("powers inside; left are: {}", init::kept_capabilities)},
      {"no-new-privileges", "set-user-id programs and file capabilities"},
      {"seccomp",
       "calls that mount, trace the kernel, load code into it, type into terminals; other sockets than unix, inet, "
       "inet6, netlink"},
      {"landlock-scopes",
       scoped ? "signals and abstract unix sockets outside" : "nothing: this kernel is older than Linux 6.12", scoped},
      {"session", "the caller's process group and controlling terminal"},
      {"process-1", "its memory, arguments and descriptors: it can be neither traced nor read"},
      {"masks", "entries of /proc and /sys that steer or describe the host"}};
}

}  // namespace

Explanation explain(const SandboxPlan& plan) {
  Explanation explanation;
  for (const auto& bind : plan.binds)
    explanation.sights.push_back({bind.access, bind.target, bind.source.string(), bind.why});
  add_operations(explanation, plan);
  explanation.shared = shared(plan);
  explanation.barriers = barriers(plan);
  return explanation;
}

}  // namespace karapace::runtime
