// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/session_plan.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>

#include <fmt/format.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "runtime/sandbox/host_view.hpp"
#include "runtime/sandbox/session_list.hpp"
#include "runtime/sandbox/session_mounts.hpp"
#include "store/instance.hpp"
#include "store/root_index.hpp"

namespace karapace::sandbox {
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
  if (!request.programs.empty()) result["PATH"] = request.programs + ":" + result["PATH"];
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

/// The store is never shown, by no path: what runs inside must not rewrite the layers it stands on.
void refuse_store(const HostMounts& mounts, const fs::path& store, const std::vector<Bind>& binds) {
  for (const auto& bind : binds)
    if (bind.origin == BindSource::host && mounts.lies_within(bind.source, store))
      throw SandboxError(
          fmt::format("\"{}\" lies in the store {}, of which sessions see nothing; keep the store elsewhere, or "
                      "copy what is needed",
                      escaped_utf8(bind.source.native()), escaped_utf8(store.native())));
}

void limit_host(SandboxPlan& plan, const store::Store& store, const SessionRequest& request) {
  const auto mounts = HostMounts::read();
  const auto root = fs::canonical(store.root());
  refuse_store(mounts, root, plan.binds);
  HostLimits limits{.hidden = root, .read_only = {}, .shown = {}};
  for (const auto& bind : plan.binds)
    if (bind.origin == BindSource::host) limits.shown.push_back(bind.source);
  // Projects are known by one path of theirs, and may be shown by another.
  auto known = limits.shown;
  for (const auto& shown : limits.shown) {
    const auto place = mounts.place_of(shown);
    if (!place) continue;
    const auto paths = mounts.paths_of(*place);
    known.insert(known.end(), paths.begin(), paths.end());
  }
  if (request.control_files) {
    auto files = request.control_files(known);
    limits.read_only = std::move(files.all);
    limits.followed = std::move(files.of_people);
  }
  // A directory that is shown writable and holds a release leads to it by names that must stay.
  for (const auto& release : request.release_binds) {
    const auto holds = [&](const Bind& bind) {
      return bind.access == BindAccess::read_write && lies_in(release.source, bind.source);
    };
    if (release.origin == BindSource::host && std::any_of(plan.binds.begin(), plan.binds.end(), holds))
      limits.read_only.push_back(release.source);
  }
  plan.host = host_operations(mounts, limits);
}

/// Of two at one place only the later one would be seen.
void add(std::vector<Bind>& binds, Bind bind) {
  std::erase_if(binds, [&](const Bind& other) { return other.target == bind.target; });
  binds.push_back(std::move(bind));
}

std::ptrdiff_t depth(const fs::path& path) { return std::distance(path.begin(), path.end()); }

/// Whether the directory lies in a project, which its sessions may write to.
bool lies_in_a_project(const store::Store& store, const std::optional<fs::path>& project, const fs::path& directory) {
  if (project && lies_in(directory, *project)) return true;
  const auto roots = store::RootIndex::read(store).all();
  return std::any_of(roots.begin(), roots.end(),
                     [&](const store::IndexedRoot& root) { return lies_in(directory, root.manifest.parent_path()); });
}

bool is_gone(const fs::path& directory) { return ::access(directory.c_str(), F_OK) != 0 && errno == ENOENT; }

void add_binds(SandboxPlan& plan, const store::Store& store, const store::Environment& environment,
               const SessionPlace& place, const SessionRequest& request) {
  MountPolicy policy{place.project, request.home, request.allowed_mounts, environment.runtime.project,
                     [&](const fs::path& directory) { return lies_in_a_project(store, place.project, directory); }};
  if (place.project && is_gone(*place.project)) {
    if (request.notice)
      request.notice(fmt::format("the project's directory \"{}\" is gone: this session does not show it",
                                 escaped_utf8(place.project->native())));
  } else if (place.project)
    add(plan.binds, project_bind(*place.project, request.home, environment.runtime.project));
  const auto bind = [&](const std::vector<fs::path>& paths, BindAccess access) {
    for (const auto& path : paths)
      for (auto& one : caller_binds(path, access, policy)) add(plan.binds, std::move(one));
  };
  bind(request.binds, BindAccess::read_write);
  bind(request.read_only_binds, BindAccess::read_only);
  for (const auto& path : request.store_binds)
    add(plan.binds, {path, path.string(), BindAccess::read_only, BindSource::store, "the sysroot"});
  for (const auto& one : request.release_binds) {
    check_target(one.why, one.target);
    add(plan.binds, one);
  }
  for (const auto& mount : environment.runtime.mounts) plan.binds.push_back(manifest_bind(mount, policy));
  // Outer ones first, as they would cover those in them.
  std::stable_sort(plan.binds.begin(), plan.binds.end(),
                   [](const Bind& a, const Bind& b) { return depth(a.target) < depth(b.target); });
}

/// The caller's directory when it is there inside, too.
std::string working_directory(const SessionPlace& place, const SessionRequest& request) {
  const auto& wanted = request.working_directory;
  auto shared = request.binds;
  shared.insert(shared.end(), request.read_only_binds.begin(), request.read_only_binds.end());
  if (place.project && !is_gone(*place.project)) shared.push_back(*place.project);
  if (std::any_of(shared.begin(), shared.end(), [&](const fs::path& one) { return lies_in(wanted, one); }))
    return wanted.string();
  return place.project && !is_gone(*place.project) ? place.project->string() : "/";
}

/// `manifest` is nothing where no project has the environment now: the store's lock will do.
std::string way_to_build(const EnvironmentId& environment, const std::optional<fs::path>& manifest) {
  if (manifest) return fmt::format("`karapace build` in {}", manifest->parent_path().string());
  return fmt::format("`karapace build {}`", environment.short_hex());
}

[[noreturn]] void refuse_lost(const EnvironmentId& environment, const LayerId& layer,
                              const std::optional<fs::path>& manifest) {
  throw StoreError(fmt::format("the store has lost the layer {} of the environment {}: run {}, which makes it again",
                               layer.short_hex(), environment.short_hex(), way_to_build(environment, manifest)));
}

}  // namespace

bool is_built(const store::Store& store, const EnvironmentId& id) {
  return store::find_environment(store, id).has_value();
}

std::string_view option_with_own_mounts(const SessionRequest& request) {
  if (request.shows_control_files_writable) return "--writable-manifest";
  if (!request.binds.empty()) return "--bind";
  if (!request.read_only_binds.empty()) return "--bind-ro";
  if (!request.release_binds.empty()) return "a release";
  return request.store_binds.empty() ? "" : "--sysroot";
}

Changes where_changes_go(const store::Store& store, const SessionRequest& request) {
  if (!store.writable()) return Changes::in_memory;
  return request.persistence == Persistence::ephemeral ? Changes::in_staging : Changes::in_instance;
}

EnvironmentId environment_without_moving(const store::Store& store, const store::Reference& reference,
                                         Changes changes) {
  if (changes == Changes::in_staging || is_built(store, reference.environment)) return reference.environment;
  const auto instance = store::find_instance(store, reference);
  return instance ? instance->current.environment : reference.environment;
}

void refuse_unbuilt(const EnvironmentId& environment, const std::optional<fs::path>& manifest) {
  throw NotFoundError(
      fmt::format("the environment {} is not built yet: run `ninja` in the directory of its build.ninja (of "
                  "a CMake project: `cmake --build`), or {}",
                  environment.short_hex(), way_to_build(environment, manifest)));
}

HeldEnvironment hold_environment(const store::Store& store, const EnvironmentId& id,
                                 const std::optional<fs::path>& manifest) {
  auto environment = store::find_environment(store, id);
  if (!environment) refuse_unbuilt(id, manifest);
  auto lock = store::use_environment(store, id);
  if (const auto lost = store::lost_layer(store, *environment)) refuse_lost(id, *lost, manifest);
  return {*std::move(environment), std::move(lock)};
}

std::optional<fs::path> manifest_of(const store::Reference& reference) {
  return reference.root ? std::optional(reference.root->manifest) : std::nullopt;
}

std::optional<fs::path> project_of(const std::optional<fs::path>& manifest) {
  return manifest ? std::optional(manifest->parent_path()) : std::nullopt;
}

SandboxPlan session_plan(const store::Store& store, const store::Environment& environment, const SessionPlace& place,
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
  add_binds(plan, store, environment, place, request);
  limit_host(plan, store, request);
  add_network_files(plan);
  plan.filled_files.push_back({"/etc/machine-id", random_machine_id()});
  plan.commands.push_back({request.argv, variables(environment, request), working_directory(place, request), {}});
  return plan;
}

SandboxPlan plan_in_memory(const store::Store& store, const store::Environment& environment,
                           const store::Reference& reference, const SessionRequest& request) {
  auto plan = session_plan(store, environment, {{}, {}, project_of(manifest_of(reference))}, request);
  plan.memory = store.root() / "locks";
  if (request.persistence == Persistence::ephemeral) return plan;
  const auto instance = store::find_instance(store, reference);
  if (instance && instance->current.environment == environment.id) plan.lowers.push_back(instance->upper());
  return plan;
}

PlannedSession plan_session(const store::Store& store, const store::Reference& reference,
                            const SessionRequest& request) {
  PlannedSession planned;
  planned.changes = where_changes_go(store, request);
  const auto id = environment_without_moving(store, reference, planned.changes);
  const auto environment = hold_environment(store, id, manifest_of(reference)).environment;
  planned.plan = planned.changes == Changes::in_memory
                     ? plan_in_memory(store, environment, reference, request)
                     : session_plan(store, environment, {{}, {}, project_of(manifest_of(reference))}, request);
  planned.plan.id_mode = plan_ids().mode;
  if (planned.changes == Changes::in_instance)
    if (const auto instance = store::find_instance(store, reference))
      planned.running = running_session(instance->directory);
  return planned;
}

}  // namespace karapace::sandbox
