// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/explanation.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <grp.h>
#include <unistd.h>

#include "base/escape.hpp"
#include "runtime/init/capabilities.hpp"
#include "runtime/init/scope.hpp"

namespace karapace::sandbox {
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

/// What the caller may by being in a group, a session's commands may, too. Names, or ids that have none.
std::vector<std::string> supplementary_groups() {
  std::vector<gid_t> ids(static_cast<std::size_t>(std::max(::getgroups(0, nullptr), 0)));
  const int count = ::getgroups(static_cast<int>(ids.size()), ids.data());
  ids.resize(static_cast<std::size_t>(std::max(count, 0)));
  std::vector<std::string> names;
  for (const auto id : ids) {
    if (id == ::getegid()) continue;
    const struct group* known = ::getgrgid(id);
    names.push_back(known == nullptr ? std::to_string(id) : escaped_utf8(known->gr_name));
  }
  return names;
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
  if (const auto groups = supplementary_groups(); plan.purpose == Purpose::session && !groups.empty())
    all.push_back(fmt::format("supplementary groups of this user: {}", fmt::join(groups, ", ")));
  if (plan.purpose == Purpose::session)
    all.emplace_back(plan.network == Network::host ? "/sys, read-only; /etc/hosts and /etc/resolv.conf as copies"
                                                   : "/sys of a network of its own, read-only");
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
      {"user-namespace", fmt::format("gives no capabilities on the host: {}", ids(plan.id_mode))},
      {"mount-namespace", "gives a root of its own: of the host's files only what is named above"},
      {"pid-namespace", "shows, traces and signals processes of this session only"},
      {"ipc-uts-cgroup-namespaces", "keep shared memory, message queues, host name and control groups apart"},
      {"network-namespace",
       isolated ? "has nothing but a loopback of its own: no network, no abstract sockets of the host"
                : "does not stand: the network is the host's",
       isolated},
      {"capabilities", fmt::format("of root inside are no more than: {}", init::kept_capabilities)},
      {"no-new-privileges", "lets set-user-id programs and file capabilities give nothing"},
      {"seccomp",
       "refuses calls that mount, trace the kernel, load code into it or type into terminals, and sockets other than "
       "unix, inet, inet6, netlink"},
      {"landlock-scopes",
       scoped ? "let no signal and no connection to an abstract unix socket out"
              : "do not stand: this kernel is older than Linux 6.12",
       scoped},
      {"session", "is none of the caller's: another process group, another or no controlling terminal"},
      {"process-1", "can be neither traced nor read: memory, arguments, descriptors"},
      {"masks", "hide, or keep from being written, what in /proc and /sys steers or describes the host"}};
}

}  // namespace

Explanation explain(const SandboxPlan& plan) {
  Explanation explanation;
  for (const auto& bind : plan.binds)
    explanation.sights.push_back({bind.access, bind.target, bind.source.string(), bind.why});
  add_operations(explanation, plan);
  explanation.shared = shared(plan);
  if (plan.purpose == Purpose::session) explanation.groups = supplementary_groups();
  explanation.barriers = barriers(plan);
  return explanation;
}

}  // namespace karapace::sandbox
