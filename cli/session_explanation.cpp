// SPDX-License-Identifier: Apache-2.0
#include "cli/session_explanation.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <grp.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/escape.hpp"
#include "generator/graph/quoting.hpp"
#include "runtime/init/capabilities.hpp"
#include "runtime/init/scope.hpp"
#include "runtime/sandbox/sandbox.hpp"

namespace karapace::cli {

namespace {

using nlohmann::json;
using sandbox::BindAccess;
using sandbox::Changes;

/// What a sandbox will see of the host and what keeps it from the rest, told from its plan.
struct Explanation {
  struct Sight {
    BindAccess access{};
    std::string inside;  // absolute path
    std::string host;    // what it shows
    std::string why;     // "the project", "mount data", "control file"
  };
  struct Barrier {
    std::string name;    // stable, for JSON
    std::string keeps;   // what it does, as the rest of a sentence that begins with the name
    bool stands = true;  // false: this kernel has none
  };
  std::vector<Sight> sights;        // files and directories of the host
  std::vector<std::string> hidden;  // host directories that appear empty wherever they would be seen
  std::vector<std::string> shared;  // what else is the host's, for people
  std::vector<std::string> groups;  // supplementary groups of the caller that commands keep, by name
  std::vector<Barrier> barriers;
};

using Barrier = Explanation::Barrier;
using Sight = Explanation::Sight;

void add_operations(Explanation& explanation, const sandbox::SandboxPlan& plan) {
  for (const auto& operation : plan.host) {
    const auto path = operation.path.string();
    if (operation.kind == sandbox::HostOperation::Kind::hide) explanation.hidden.push_back(path);
    if (operation.kind == sandbox::HostOperation::Kind::read_only)
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

std::vector<std::string> shared(const sandbox::SandboxPlan& plan) {
  std::vector<std::string> all;
  if (plan.network == sandbox::Network::host) {
    all.emplace_back("the network: interfaces, services on this machine, names by /etc/resolv.conf");
    if (init::available_scope() == init::Scope::none)
      all.emplace_back(
          "abstract unix sockets (of X11, D-Bus): this kernel can not keep them apart without isolating the network");
  }
  if (plan.terminal == sandbox::Terminal::inherit)
    all.emplace_back("standard input, output and error, as they are given");
  if (const auto groups = supplementary_groups(); plan.purpose == sandbox::Purpose::session && !groups.empty())
    all.push_back(fmt::format("supplementary groups of this user: {}", fmt::join(groups, ", ")));
  if (plan.purpose == sandbox::Purpose::session)
    all.emplace_back(plan.network == sandbox::Network::host
                         ? "/sys, read-only; /etc/hosts and /etc/resolv.conf as copies"
                         : "/sys of a network of its own, read-only");
  all.emplace_back("what the kernel tells everybody: its version, processors, memory, load, clock");
  if (plan.id_mode == sandbox::IdMode::single)
    all.emplace_back("the user's id: files in shown directories are made and read as this user");
  return all;
}

std::string ids(sandbox::IdMode mode) {
  switch (mode) {
    case sandbox::IdMode::root: return "root inside is root of these files and of nothing else";
    case sandbox::IdMode::subid: return "root inside is this user, all others are subordinate ids";
    case sandbox::IdMode::single: return "root inside is this user; there is no other id";
  }
  return {};
}

std::vector<Barrier> barriers(const sandbox::SandboxPlan& plan) {
  const bool isolated = plan.network == sandbox::Network::none;
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

/// Asks the kernel what it has; starts and changes nothing.
Explanation explain(const sandbox::SandboxPlan& plan) {
  Explanation explanation;
  for (const auto& bind : plan.binds)
    explanation.sights.push_back({bind.access, bind.target, bind.source.string(), bind.why});
  add_operations(explanation, plan);
  explanation.shared = shared(plan);
  if (plan.purpose == sandbox::Purpose::session) explanation.groups = supplementary_groups();
  explanation.barriers = barriers(plan);
  return explanation;
}

std::string_view word(BindAccess access) { return access == BindAccess::read_only ? "read-only" : "read-write"; }

std::string_view word(Changes changes) {
  switch (changes) {
    case Changes::in_instance: return "instance";
    case Changes::in_staging: return "thrown-away";
    case Changes::in_memory: return "memory";
  }
  return {};
}

std::string_view words_for(Changes changes) {
  switch (changes) {
    case Changes::in_instance: return "stay in the instance";
    case Changes::in_staging: return "are thrown away when it ends";
    case Changes::in_memory: return "are kept in memory and gone when it ends: the store can not be written to";
  }
  return {};
}

std::string sight_line(const Explanation::Sight& sight) {
  const auto place = escaped_utf8(sight.inside);
  const auto from = sight.host == sight.inside ? std::string() : fmt::format(" is {}", escaped_utf8(sight.host));
  return fmt::format("  {} {}{} ({})\n", padded(word(sight.access), 10), place, from, escaped_utf8(sight.why));
}

std::string hidden_line(const std::string& path) { return fmt::format("  {} (the store)\n", escaped_utf8(path)); }

std::string_view word(VariableSource source) {
  switch (source) {
    case VariableSource::karapace: return "karapace";
    case VariableSource::caller: return "caller";
    case VariableSource::option: return "option";
    case VariableSource::manifest: return "manifest";
  }
  return {};
}

std::string_view words_for(VariableSource source) {
  switch (source) {
    case VariableSource::karapace: return "set by karapace";
    case VariableSource::caller: return "the caller's";
    case VariableSource::option: return "of --env";
    case VariableSource::manifest: return "of the manifest";
  }
  return {};
}

/// As it would be typed.
std::string command_line(const std::vector<std::string>& argv) {
  std::vector<std::string> words;
  for (const auto& one : argv) words.push_back(graph::shell_quoted(one));
  return escaped_utf8(fmt::format("{}", fmt::join(words, " ")));
}

std::string variable_lines(const std::map<std::string, VariableSource>& variables) {
  std::string text;
  for (const auto source :
       {VariableSource::karapace, VariableSource::caller, VariableSource::option, VariableSource::manifest}) {
    std::vector<std::string> names;
    for (const auto& [name, from] : variables)
      if (from == source) names.push_back(escaped_utf8(name));
    if (!names.empty()) text += fmt::format("  {} {}\n", padded(words_for(source), 16), fmt::join(names, " "));
  }
  return text;
}

std::string run_lines(const sandbox::SessionRequest& request, const sandbox::PlannedSession& planned,
                      const SessionSetting& setting) {
  const auto& plan = planned.plan;
  auto text = fmt::format("  {}\n", command_line(request.argv));
  text += fmt::format("  in {}, id mode {}; changes {}\n", escaped_utf8(request.name), sandbox::text(plan.id_mode),
                      words_for(planned.changes));
  text += fmt::format("  in the directory {}\n", escaped_utf8(plan.commands.front().working_directory));
  text += plan.terminal == sandbox::Terminal::pty
              ? "  on a terminal of its own, relayed, when standard output is one as input is\n"
              : "  with standard input, output and error as they are given\n";
  if (setting.running && !setting.can_join)
    text +=
        fmt::format("  not while another session runs (process {}), whose mounts hold: end it, or add --ephemeral\n",
                    *setting.running);
  if (setting.running && setting.can_join)
    text += fmt::format(
        "  beside the session that runs already (process {}): files and network are as that one began with\n",
        *setting.running);
  return text;
}

std::string text_of(const Context& context, const sandbox::SessionRequest& request,
                    const sandbox::PlannedSession& planned, const SessionSetting& setting,
                    const Explanation& explanation) {
  const auto heading = [&](std::string_view title) { return context.styled(Style::bold, title) + "\n"; };
  std::string text = heading("would run") + run_lines(request, planned, setting);
  text += heading("sees of this machine");
  for (const auto& sight : explanation.sights) text += sight_line(sight);
  for (const auto& one : explanation.shared) text += fmt::format("  {}\n", one);
  text += heading("variables") + variable_lines(setting.variables);
  text += heading("never sees");
  for (const auto& path : explanation.hidden) text += hidden_line(path);
  text += "  other files, processes, variables, keys and terminals of this user\n";
  text += heading("what keeps it apart");
  for (const auto& barrier : explanation.barriers) {
    const auto mark = barrier.stands ? context.styled(Style::green, "✓") : context.styled(Style::yellow, "!");
    text += fmt::format("  {} {} {}\n", mark, padded(barrier.name, 25), barrier.keeps);
  }
  return text;
}

json document(const sandbox::SessionRequest& request, const sandbox::PlannedSession& planned,
              const SessionSetting& setting, const Explanation& explanation) {
  json sights = json::array();
  for (const auto& sight : explanation.sights)
    sights.push_back({{"access", word(sight.access)},
                      {"host", escaped_utf8(sight.host)},
                      {"inside", escaped_utf8(sight.inside)},
                      {"why", escaped_utf8(sight.why)}});
  json barriers = json::array();
  for (const auto& barrier : explanation.barriers)
    barriers.push_back({{"keeps", barrier.keeps}, {"name", barrier.name}, {"stands", barrier.stands}});
  json hidden = json::array();
  for (const auto& path : explanation.hidden) hidden.push_back(escaped_utf8(path));
  json command = json::array();
  for (const auto& part : request.argv) command.push_back(escaped_utf8(part));
  json variables = json::array();
  for (const auto& [name, source] : setting.variables)
    variables.push_back({{"decided_by", word(source)}, {"name", escaped_utf8(name)}});
  return {{"barriers", std::move(barriers)},
          {"environment", setting.environment.hex()},
          {"changes", word(planned.changes)},
          {"command", std::move(command)},
          {"groups", explanation.groups},
          {"hidden", std::move(hidden)},
          {"id_mode", sandbox::text(planned.plan.id_mode)},
          {"joined_pid", setting.running && setting.can_join ? json(*setting.running) : json(nullptr)},
          {"name", escaped_utf8(request.name)},
          {"network", planned.plan.network == sandbox::Network::host ? "host" : "none"},
          {"shared", explanation.shared},
          {"refused", setting.running && !setting.can_join},
          {"sights", std::move(sights)},
          {"terminal", planned.plan.terminal == sandbox::Terminal::pty ? "own" : "inherited"},
          {"variables", std::move(variables)},
          {"working_directory", escaped_utf8(planned.plan.commands.front().working_directory)}};
}

}  // namespace

void print_explanation(const Context& context, const sandbox::SessionRequest& request,
                       const sandbox::PlannedSession& planned, const SessionSetting& setting) {
  const auto explanation = explain(planned.plan);
  if (context.json)
    context.print_json("karapace.session", document(request, planned, setting, explanation));
  else
    context.print(text_of(context, request, planned, setting, explanation));
}

}  // namespace karapace::cli
