// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/session.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/file_lock.hpp"
#include "base/waiting.hpp"
#include "runtime/sandbox/first_entry.hpp"
#include "runtime/sandbox/following.hpp"
#include "runtime/sandbox/session_list.hpp"
#include "runtime/sandbox/session_mounts.hpp"
#include "runtime/sandbox/store_namespace.hpp"
#include "runtime/sys/syscalls.hpp"
#include "store/environment.hpp"
#include "store/instance.hpp"
#include "store/root_index.hpp"
#include "store/shown.hpp"

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
struct SessionPlace {
  fs::path upper;
  fs::path work;
  std::optional<fs::path> project;  // the manifest's directory
};

std::optional<fs::path> project_of(const std::optional<fs::path>& manifest) {
  return manifest ? std::optional(manifest->parent_path()) : std::nullopt;
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
  plan.host = host_operations(mounts, limits);
}

/// For all files of a session together: gen waits meanwhile, and longer than that.
constexpr std::chrono::seconds patience_for_files{10};

/// A control file, locked: `gen` then writes to it instead of replacing it, as its mount would go with the old one.
/// Nothing for what can not be locked: then `gen` can not do so either, and takes it for held.
///
/// Whoever can read the file can lock it, those in other sessions of the project, too: they can keep a session from
/// beginning, which is told, but not have one begin without the lock.
std::optional<Fd> hold(const fs::path& file, Waiting& waiting) {
  do {
    Fd fd = sys::openat2(AT_FDCWD, file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, RESOLVE_NO_SYMLINKS);
    struct stat held{};
    struct stat named{};
    if (!fd || ::fstat(fd.get(), &held) != 0 || !S_ISREG(held.st_mode)) return std::nullopt;
    const bool locked = ::flock(fd.get(), LOCK_SH | LOCK_NB) == 0;
    if (!locked && errno != EWOULDBLOCK && errno != EINTR) return std::nullopt;
    const bool same = ::lstat(file.c_str(), &named) == 0 && held.st_ino == named.st_ino && held.st_dev == named.st_dev;
    if (locked && same) return fd;
  } while (waiting.go_on());
  throw SandboxError(
      fmt::format("sandbox: cannot hold {}, so that sessions could write to it: for {} seconds a process has had "
                  "a lock on it, a karapace that writes it or what runs in another session of the project "
                  "(`lslocks` lists them); end that and try again",
                  fmt::format("\"{}\"", escaped_utf8(file.native())), patience_for_files.count()));
}

std::vector<Fd> hold_control_files(const SandboxPlan& plan, const Notice& notice) {
  std::vector<Fd> held;
  Waiting waiting(patience_for_files, "a file of the project, which somebody writes", notice);
  for (const auto& operation : plan.host)
    if (operation.kind == HostOperation::Kind::read_only)
      if (auto file = hold(operation.path, waiting)) held.push_back(*std::move(file));
  return held;
}

/// What `gen` must know of while a session runs (store/shown.hpp). Made before its plan, as graphs must not change
/// between the look at them and their being covered.
class Sight {
 public:
  Sight(const store::Store& store, const Notice& notice) : store_(store), notice_(notice) {
    if (!store.writable()) return;
    constexpr std::chrono::seconds patience{60};
    graphs_ = store::lock_graphs(store, LOCK_SH, patience);
    if (!graphs_)
      throw SandboxError(
          fmt::format("sandbox: for {} seconds a karapace gen or a session has not got on: is one stopped? `lslocks` "
                      "names who holds "
                      "\"graphs\" in the store; continue it (kill -CONT) or end it",
                      patience.count()));
  }

  void hold(const SandboxPlan& plan) {
    files_ = hold_control_files(plan, notice_);
    if (!store_.writable()) return;
    for (const auto& bind : plan.binds)
      if (bind.origin == BindSource::host && bind.access == BindAccess::read_write)
        note(store::shown_name(bind.source));
  }
  /// What the session shows whose mounts these are, which may end before this one.
  void hold_as_well(const fs::path& list) {
    std::istringstream lines(read_file_if_exists(list).value_or(""));
    for (std::string name; std::getline(lines, name);) note(name);
  }
  void list(const fs::path& list) const {
    std::string text;
    for (const auto& name : names_) text += name + '\n';
    if (read_file_if_exists(list) != text) write_file_atomically(list, text, Durable::no);
  }
  /// All is covered: graphs may change again.
  void stands() { graphs_.reset(); }

 private:
  void note(const std::string& name) {
    if (name.empty() || name.find('/') != std::string::npos || !names_.insert(name).second) return;
    locks_.push_back(store::note_shown(store_, name));
  }

  const store::Store& store_;
  const Notice& notice_;
  std::optional<FileLock> graphs_;
  std::set<std::string> names_;
  std::vector<FileLock> locks_;
  std::vector<Fd> files_;
};

/// The directories that the mounts of an instance's sessions show, by the names of store/shown.hpp.
fs::path list_of_shown(const store::Instance& instance) { return instance.directory / "shown"; }

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

/// The instance, kept from being destroyed while the lock lives.
store::HeldInstance hold_instance(const store::Store& store, const store::Reference& reference) {
  while (true)
    if (auto held = store::use_instance(store::open_instance(store, reference))) return *std::move(held);
}

/// `manifest` is nothing where no project has the environment now: the store's lock will do.
std::string way_to_build(const EnvironmentId& environment, const std::optional<fs::path>& manifest) {
  if (manifest) return fmt::format("`karapace build` in {}", manifest->parent_path().string());
  return fmt::format("`karapace build {}`", environment.short_hex());
}

[[noreturn]] void refuse_unbuilt(const EnvironmentId& environment, const std::optional<fs::path>& manifest) {
  throw NotFoundError(
      fmt::format("the environment {} is not built yet: run `ninja` in the directory of its build.ninja (of "
                  "a CMake project: `cmake --build`), or {}",
                  environment.short_hex(), way_to_build(environment, manifest)));
}

[[noreturn]] void refuse_lost(const EnvironmentId& environment, const LayerId& layer,
                              const std::optional<fs::path>& manifest) {
  throw StoreError(fmt::format("the store has lost the layer {} of the environment {}: run {}, which makes it again",
                               layer.short_hex(), environment.short_hex(), way_to_build(environment, manifest)));
}

/// What is known of the environment, kept from gc while the lock lives.
struct HeldEnvironment {
  store::Environment environment;
  FileLock lock;
};

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

bool is_untouched(const fs::path& upper) { return names_in(upper).empty(); }

/// What a session in an instance needs, whichever way it begins.
struct InstanceSession {
  const store::Store& store;
  const store::Environment& environment;
  const store::Instance& instance;
  const SessionRequest& request;
};

/// The first session mounts.
SandboxResult run_first(const InstanceSession& session, SandboxPlan plan, int upper_lock, SessionList& sessions,
                        Sight& sight) {
  sight.list(list_of_shown(session.instance));
  plan.id_mode = enter_namespace_for(session.store);
  plan.fresh_upper = is_untouched(plan.upper);
  store::add_scaffold(session.instance.current, scaffold_of(plan));
  plan.upper_lock = upper_lock;
  plan.ending = Ending::at_once;
  plan.when_ready = [&](pid_t process) {
    sight.stands();
    sessions.add_and_unlock(process, plan.id_mode);
  };
  return run(plan);
}

SandboxResult run_joined(const SessionList::Joinable& running, SandboxPlan plan, SessionList& sessions, Sight& sight) {
  plan.joined = running.process.get();
  plan.joined_process = running.pid;
  plan.id_mode = running.mode;
  plan.ending = Ending::at_once;
  plan.when_ready = [&](pid_t process) {
    sight.stands();
    sessions.add_and_unlock(process, plan.id_mode);
  };
  return run(plan);
}

/// Joins the running session, or makes the first. Nobody else is kept waiting for what this one waits for: graphs are
/// held when nothing but the sandbox is left to be made.
SandboxResult run_beside(const std::optional<SessionList::Joinable>& running, const InstanceSession& session,
                         SessionList& sessions) {
  const auto& [store, environment, instance, request] = session;
  // The server of an earlier session's FUSE overlay may still be at work in the upper directory.
  const Fd upper_lock = running ? Fd() : lock_upper(instance.work(), request.notice);
  Sight sight(store, request.notice);
  auto plan =
      session_plan(store, environment, {instance.upper(), instance.work(), project_of(instance.manifest)}, request);
  sight.hold(plan);
  if (!running) return run_first(session, std::move(plan), upper_lock.get(), sessions, sight);
  sight.hold_as_well(list_of_shown(instance));
  return run_joined(*running, std::move(plan), sessions, sight);
}

/// Whether the running session has ended meanwhile. SandboxError when it goes on, and this one needs other mounts.
bool refuse_joining(const SessionList::Joinable& running, const SessionRequest& request, SessionList& sessions) {
  const auto own_mounts = option_with_own_mounts(request);
  if (own_mounts.empty()) return false;
  if (sessions.forget_if_ending(running)) return true;
  throw SandboxError(
      fmt::format("another session runs in this instance, and its mounts hold: {} needs a session of its own; end the "
                  "other one, or add --ephemeral",
                  own_mounts));
}

bool is_built(const store::Store& store, const EnvironmentId& id) {
  return store::find_environment(store, id).has_value();
}

SandboxResult run_joined_or_first(const InstanceSession& session) {
  const auto& [store, environment, instance, request] = session;
  SessionList sessions(instance.directory, request.notice);
  while (true) {
    const auto running = sessions.find_running();
    if (running && refuse_joining(*running, request, sessions)) continue;
    try {
      return run_beside(running, session, sessions);
    } catch (const SessionGone&) {
      sessions.forget(*running);
    } catch (const NotASession&) {
      sessions.strike(*running);
    }
  }
}

/// Nothing of it is kept, and nothing written to: any number of them run at once, each with mounts of its own.
SandboxResult run_frozen(const InstanceSession& session) {
  const auto& [store, environment, instance, request] = session;
  SessionList sessions(instance.directory, request.notice);
  Sight sight(store, request.notice);
  auto plan = session_plan(store, environment, {{}, {}, project_of(instance.manifest)}, request);
  plan.lowers.push_back(instance.upper());
  plan.memory = store.root() / "locks";
  plan.read_only = true;
  plan.ending = Ending::at_once;
  sight.hold(plan);
  plan.when_ready = [&](pid_t process) {
    sight.stands();
    sessions.add_and_unlock(process, plan.id_mode);
  };
  plan.id_mode = enter_namespace_for(store);
  return run(plan);
}

void refuse_archived(const store::Instance& instance, const std::string& name) {
  if (!instance.archived) return;
  throw SandboxError(fmt::format("the instance {} is archived: `karapace unarchive {}` brings it back", instance.id,
                                 escaped_utf8(name)));
}

SandboxResult run_in_instance(const store::Store& store, const store::Reference& reference,
                              const SessionRequest& request) {
  auto held = hold_instance(store, reference);
  refuse_archived(held.instance, request.name);
  const bool can_stay = is_built(store, held.instance.current.environment);
  if (!can_stay && !is_built(store, reference.environment))
    refuse_unbuilt(reference.environment, manifest_of(reference));
  held = follow_project(store, std::move(held), reference, {.moved = request.moved, .stays = request.notice});
  const auto& environment = held.instance.current.environment;
  const auto held_environment = hold_environment(
      store, environment, environment == reference.environment ? manifest_of(reference) : std::nullopt);
  const InstanceSession session{store, held_environment.environment, held.instance, request};
  if (held.instance.frozen) return run_frozen(session);
  make_first_entry(store, held_environment.environment, held.instance, {.made = request.made, .warn = request.notice});
  return run_joined_or_first(session);
}

std::optional<fs::path> project_of(const store::Reference& reference) {
  return project_of(reference.root ? std::optional(reference.root->manifest) : std::nullopt);
}

SandboxResult run_ephemeral(const store::Store& store, const store::Environment& environment,
                            const store::Reference& reference, const SessionRequest& request) {
  // Removed as root of the user namespace, which is entered while it lives: files may belong to mapped ids.
  const auto staging = store.stage();
  const SessionPlace place{staging.path() / "upper", staging.path() / "work", project_of(reference)};
  for (const auto& directory : {place.upper, place.work}) fs::create_directory(directory);
  Sight sight(store, request.notice);
  auto plan = session_plan(store, environment, place, request);
  sight.hold(plan);
  plan.when_ready = [&](pid_t) { sight.stands(); };
  plan.id_mode = enter_namespace_for(store);
  plan.fresh_upper = true;
  return run(plan);
}

/// What was changed in the instance lies below the memory, unless none of it is wanted.
SandboxPlan plan_in_memory(const store::Store& store, const store::Environment& environment,
                           const store::Reference& reference, const SessionRequest& request) {
  auto plan = session_plan(store, environment, {{}, {}, project_of(reference)}, request);
  plan.memory = store.root() / "locks";
  if (request.persistence == Persistence::ephemeral) return plan;
  const auto instance = store::find_instance(store, reference);
  if (instance && instance->current.environment == environment.id) plan.lowers.push_back(instance->upper());
  return plan;
}

SandboxResult run_in_memory(const store::Store& store, const store::Environment& environment,
                            const store::Reference& reference, const SessionRequest& request) {
  const auto instance = store::find_instance(store, reference);
  const auto in_use = instance ? store::use_instance(*instance) : std::nullopt;
  Sight sight(store, request.notice);
  auto plan = plan_in_memory(store, environment, reference, request);
  sight.hold(plan);
  plan.when_ready = [&](pid_t) { sight.stands(); };
  plan.id_mode = enter_namespace_for(store);
  return run(plan);
}

/// What is as it was built is the project's; changes that can not be moved along are shown where they were made.
EnvironmentId environment_without_moving(const store::Store& store, const store::Reference& reference,
                                         Changes changes) {
  if (changes == Changes::in_staging || is_built(store, reference.environment)) return reference.environment;
  const auto instance = store::find_instance(store, reference);
  return instance ? instance->current.environment : reference.environment;
}

Changes where_changes_go(const store::Store& store, const SessionRequest& request) {
  if (!store.writable()) return Changes::in_memory;
  return request.persistence == Persistence::ephemeral ? Changes::in_staging : Changes::in_instance;
}

}  // namespace

std::string_view option_with_own_mounts(const SessionRequest& request) {
  if (request.shows_control_files_writable) return "--writable-manifest";
  if (!request.binds.empty()) return "--bind";
  if (!request.read_only_binds.empty()) return "--bind-ro";
  return request.store_binds.empty() ? "" : "--sysroot";
}

SandboxResult run_session(const store::Store& store, const store::Reference& reference, const SessionRequest& request) {
  const auto changes = where_changes_go(store, request);
  if (changes == Changes::in_instance) return run_in_instance(store, reference, request);
  // gc keeps the environment from here on, and then it is looked at.
  const auto held =
      hold_environment(store, environment_without_moving(store, reference, changes), manifest_of(reference));
  if (changes == Changes::in_staging) return run_ephemeral(store, held.environment, reference, request);
  return run_in_memory(store, held.environment, reference, request);
}

PlannedSession plan_session(const store::Store& store, const store::Reference& reference,
                            const SessionRequest& request) {
  PlannedSession planned;
  planned.changes = where_changes_go(store, request);
  const auto id = environment_without_moving(store, reference, planned.changes);
  const auto environment = hold_environment(store, id, manifest_of(reference)).environment;
  planned.plan = planned.changes == Changes::in_memory
                     ? plan_in_memory(store, environment, reference, request)
                     : session_plan(store, environment, {{}, {}, project_of(reference)}, request);
  planned.plan.id_mode = plan_ids().mode;
  if (planned.changes == Changes::in_instance)
    if (const auto instance = store::find_instance(store, reference))
      planned.running = running_session(instance->directory);
  return planned;
}

}  // namespace karapace::sandbox
