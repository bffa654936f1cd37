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

/// Where a session's changes go, and the project that it belongs to.
struct Place {
  fs::path upper;
  fs::path work;
  std::optional<fs::path> project;  // the manifest's directory
};

std::optional<fs::path> project_of(const std::optional<fs::path>& manifest) {
  return manifest ? std::optional(manifest->parent_path()) : std::nullopt;
}

/// What runs inside must not rewrite the layers it stands on, wherever the store lies.
void hide_store(SandboxPlan& plan, const store::Store& store) {
  const auto root = fs::canonical(store.root());
  const auto shows = [&](const Bind& bind) { return lies_in(root, bind.source); };
  for (const auto& bind : plan.binds) {
    if (bind.access == BindAccess::read_write && shows(bind))
      plan.hidden.push_back((fs::path(bind.target) / root.lexically_relative(bind.source)).string());
  }
  if (plan.hidden.empty()) return;
  if (std::any_of(plan.binds.begin(), plan.binds.end(), [&](const Bind& bind) { return lies_in(bind.source, root); }))
    throw SandboxError(fmt::format("the store {} lies in a directory that the session may write to, so nothing of it can "
                                   "be shown inside: keep the store elsewhere",
                                   root.string()));
}

void add_binds(SandboxPlan& plan, const store::Environment& environment, const Place& place,
               const SessionRequest& request) {
  MountPolicy policy{place.project, request.home, request.allowed_mounts};
  if (place.project) plan.binds.push_back(project_bind(*place.project, request.home));
  const auto bind = [&](const std::vector<fs::path>& paths, BindAccess access) {
    for (const auto& path : paths) {
      const auto binds = caller_binds(path, access);
      plan.binds.insert(plan.binds.end(), binds.begin(), binds.end());
    }
  };
  bind(request.binds, BindAccess::read_write);
  bind(request.read_only_binds, BindAccess::read_only);
  for (const auto& mount : environment.runtime.mounts) plan.binds.push_back(manifest_bind(mount, policy));
}

/// The caller's directory when it is there inside, too.
std::string working_directory(const Place& place, const SessionRequest& request) {
  const auto& wanted = request.working_directory;
  auto shared = request.binds;
  shared.insert(shared.end(), request.read_only_binds.begin(), request.read_only_binds.end());
  if (place.project) shared.push_back(*place.project);
  if (std::any_of(shared.begin(), shared.end(), [&](const fs::path& one) { return lies_in(wanted, one); }))
    return wanted.string();
  return place.project ? place.project->string() : "/";
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
      fmt::format("the environment {} is not built yet: run `ninja` in the directory of its build.ninja (of "
                  "a CMake project: `cmake --build`), or `karapace build` in {}",
                  reference.environment.short_hex(), where));
}

SandboxPlan session_plan(const store::Store& store, const store::Environment& environment, const Place& place,
                         const SessionRequest& request) {
  SandboxPlan plan;
  for (const auto& layer : environment.layers) plan.lowers.push_back(store.layer_tree(layer));
  plan.upper = place.upper;
  plan.work = place.work;
  plan.network = environment.runtime.network_isolation ? Network::none : Network::host;
  plan.hostname = host_name(request.name);
  plan.purpose = Purpose::session;
  plan.terminal = request.terminal;
  plan.volatile_overlay = request.persistence == Persistence::ephemeral;
  add_binds(plan, environment, place, request);
  hide_store(plan, store);
  add_network_files(plan);
  plan.filled_files.push_back({"/etc/machine-id", random_machine_id()});
  plan.commands.push_back({request.argv, variables(environment, request), working_directory(place, request), {}});
  return plan;
}

SandboxResult run_in_instance(const store::Store& store, const store::Environment& environment,
                              const store::Reference& reference, const SessionRequest& request) {
  const auto held = hold_instance(store, reference);
  const auto& instance = held.instance;
  auto plan =
      session_plan(store, environment, {instance.upper(), instance.work(), project_of(instance.manifest)}, request);
  SessionList sessions(instance.directory);
  auto running = sessions.find_running();
  if (running && !(request.binds.empty() && request.read_only_binds.empty()))
    throw SandboxError("--bind: another session runs in this instance, and its mounts hold: end it, or add --ephemeral");
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

SandboxResult run_ephemeral(const store::Store& store, const store::Environment& environment,
                            const store::Reference& reference, const SessionRequest& request) {
  // Removed as root of the user namespace, which is entered while it lives: files may belong to mapped ids.
  const auto staging = store.stage();
  const auto manifest = reference.root ? std::optional(reference.root->manifest) : std::nullopt;
  const Place place{staging.path() / "upper", staging.path() / "work", project_of(manifest)};
  for (const auto& directory : {place.upper, place.work}) fs::create_directory(directory);
  auto plan = session_plan(store, environment, place, request);
  const auto ids = plan_ids();
  plan.id_mode = ids.mode;
  enter_user_namespace(ids);
  return run(plan);
}

}  // namespace

SandboxResult run_session(const store::Store& store, const store::Reference& reference, const SessionRequest& request) {
  // gc keeps the environment from here on, and then it is looked at.
  const auto environment = built_environment(store, reference);
  const auto in_use = store::use_environment(store, environment.id);
  if (request.persistence == Persistence::ephemeral) return run_ephemeral(store, environment, reference, request);
  return run_in_instance(store, environment, reference, request);
}

}  // namespace karapace::runtime
