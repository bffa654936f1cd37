// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/session.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdlib>

#include <fmt/format.h>
#include <sys/random.h>

#include "runtime/sandbox/session_list.hpp"
#include "runtime/sandbox/session_mounts.hpp"
#include "store/error.hpp"

namespace karapace::runtime {
namespace {

namespace fs = std::filesystem;

std::string host_name(std::string_view name) {
  std::string result;
  for (const char c : name.substr(0, 63))
    result += std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' ? c : '-';
  return result.empty() ? "karapace" : result;
}

std::string random_machine_id() {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw SandboxError(errno_message("sandbox: cannot get random bytes", errno));
  std::string id;
  for (const unsigned byte : bytes) id += fmt::format("{:02x}", byte);
  return id + '\n';
}

std::map<std::string, std::string> variables(const store::Environment& environment, const SessionRequest& request) {
  std::map<std::string, std::string> result{
      {"HOME", "/root"},
      {"KARAPACE_ENV", "1"},
      {"KARAPACE_ENVIRONMENT", environment.id.short_hex()},
      {"LANG", "C.UTF-8"},
      {"LOGNAME", "root"},
      {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
      {"USER", "root"},
  };
  for (const auto& [name, value] : request.variables) result[name] = value;
  for (const auto& [name, value] : environment.runtime.variables) result[name] = value;
  return result;
}

void add_network_files(SandboxPlan& plan) {
  std::string hosts = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
  if (plan.network == Network::host) {
    if (auto text = read_file_if_exists("/etc/resolv.conf")) plan.given_files.push_back({"/etc/resolv.conf", *text});
    if (auto text = read_file_if_exists("/etc/hosts")) hosts = *text;
    if (!hosts.ends_with('\n')) hosts += '\n';
  }
  plan.given_files.push_back({"/etc/hosts", hosts + "127.0.1.1\t" + plan.hostname + "\n"});
}

void add_binds(SandboxPlan& plan, const store::Store& store, const store::Environment& environment,
               const store::Instance& instance, const SessionRequest& request) {
  MountPolicy policy{{}, request.home, request.allowed_mounts};
  if (instance.manifest) {
    policy.project = instance.manifest->parent_path();
    plan.binds.push_back(project_bind(*policy.project, request.home));
    // What runs inside must not rewrite the layers it stands on.
    const auto root = fs::canonical(store.root());
    if (lies_in(root, *policy.project)) plan.hidden.push_back(root.string());
  }
  for (const auto& mount : environment.runtime.mounts) plan.binds.push_back(manifest_bind(mount, policy));
}

std::string working_directory(const store::Instance& instance, const SessionRequest& request) {
  if (!instance.manifest) return "/";
  const auto project = instance.manifest->parent_path();
  const auto& wanted = request.working_directory;
  return lies_in(wanted, project) ? wanted.string() : project.string();
}

/// The instance, kept from being destroyed while the lock lives.
struct HeldInstance {
  store::Instance instance;
  FileLock lock;
};

HeldInstance hold_instance(const store::Store& store, const store::Reference& reference) {
  while (true) {
    auto instance = store::open_instance(store, reference);
    if (auto lock = store::use_instance(instance)) return {std::move(instance), std::move(*lock)};
  }
}

store::Environment built_environment(const store::Store& store, const store::Reference& reference) {
  if (auto environment = store::find_environment(store, reference.environment)) return *std::move(environment);
  const auto where = reference.root ? reference.root->manifest.parent_path().string() : std::string("its project");
  throw NotFoundError(
      fmt::format("the environment {} is not built yet: run `ninja` in the directory of its build.ninja, or "
                  "`karapace build` in {}",
                  reference.environment.short_hex(), where));
}

}  // namespace

SandboxPlan session_plan(const store::Store& store, const store::Environment& environment,
                         const store::Instance& instance, const SessionRequest& request) {
  SandboxPlan plan;
  for (const auto& layer : environment.layers) plan.lowers.push_back(store.layer_tree(layer));
  plan.upper = instance.upper();
  plan.work = instance.work();
  plan.network = environment.runtime.network_isolation ? Network::none : Network::host;
  plan.hostname = host_name(request.name);
  plan.purpose = Purpose::session;
  plan.terminal = request.terminal;
  plan.volatile_overlay = false;
  add_binds(plan, store, environment, instance, request);
  add_network_files(plan);
  plan.filled_files.push_back({"/etc/machine-id", random_machine_id()});
  plan.commands.push_back({request.argv, variables(environment, request), working_directory(instance, request), {}});
  return plan;
}

SandboxResult run_session(const store::Store& store, const store::Reference& reference, const SessionRequest& request) {
  // gc keeps the environment from here on, and then it is looked at.
  const auto environment = built_environment(store, reference);
  const auto in_use = store::use_environment(store, environment.id);
  const auto held = hold_instance(store, reference);
  auto plan = session_plan(store, environment, held.instance, request);
  SessionList sessions(held.instance.directory);
  auto running = sessions.find_running();
  if (running) {
    plan.joined = running->process.get();
    plan.id_mode = running->mode;
  } else {
    const auto ids = plan_ids();
    plan.id_mode = ids.mode;
    enter_user_namespace(ids);
  }
  plan.when_ready = [&](pid_t process) { sessions.add_and_unlock(process, plan.id_mode); };
  return run(plan);
}

}  // namespace karapace::runtime
