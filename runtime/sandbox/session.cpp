// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/session.hpp"

#include <cerrno>
#include <chrono>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/file.h>
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
#include "runtime/sandbox/store_namespace.hpp"
#include "runtime/sys/syscalls.hpp"
#include "store/environment.hpp"
#include "store/instance.hpp"
#include "store/shown.hpp"

namespace karapace::sandbox {
namespace {

namespace fs = std::filesystem;

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

/// The instance, kept from being destroyed while the lock lives.
store::HeldInstance hold_instance(const store::Store& store, const store::Reference& reference) {
  while (true)
    if (auto held = store::use_instance(store::open_instance(store, reference))) return *std::move(held);
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

SandboxResult run_ephemeral(const store::Store& store, const store::Environment& environment,
                            const store::Reference& reference, const SessionRequest& request) {
  // Removed as root of the user namespace, which is entered while it lives: files may belong to mapped ids.
  const auto staging = store.stage();
  const SessionPlace place{staging.path() / "upper", staging.path() / "work", project_of(manifest_of(reference))};
  for (const auto& directory : {place.upper, place.work}) fs::create_directory(directory);
  Sight sight(store, request.notice);
  auto plan = session_plan(store, environment, place, request);
  sight.hold(plan);
  plan.when_ready = [&](pid_t) { sight.stands(); };
  plan.id_mode = enter_namespace_for(store);
  plan.fresh_upper = true;
  return run(plan);
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

}  // namespace

SandboxResult run_session(const store::Store& store, const store::Reference& reference, const SessionRequest& request) {
  const auto changes = where_changes_go(store, request);
  if (changes == Changes::in_instance) return run_in_instance(store, reference, request);
  // gc keeps the environment from here on, and then it is looked at.
  const auto held =
      hold_environment(store, environment_without_moving(store, reference, changes), manifest_of(reference));
  if (changes == Changes::in_staging) return run_ephemeral(store, held.environment, reference, request);
  return run_in_memory(store, held.environment, reference, request);
}

}  // namespace karapace::sandbox
