// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/sibling_programs.hpp"
#include "base/words.hpp"
#include "cli/commands.hpp"
#include "cli/context.hpp"
#include "generator/resolve/user_configuration.hpp"
#include "runtime/init/scope.hpp"
#include "runtime/sandbox/id_helpers.hpp"
#include "runtime/sandbox/id_mode.hpp"
#include "runtime/sandbox/sandbox.hpp"

namespace karapace::cli {

namespace {

// Health: what `karapace doctor` looks at, each check by really doing the thing where that is possible.

enum class HealthStatus { ok, warning, error };

struct HealthCheck {
  std::string name;  // stable, for JSON
  HealthStatus status = HealthStatus::ok;
  std::string message;  // what was found
  std::string remedy;   // what to do; empty when nothing is to be done
};

namespace fs = std::filesystem;

std::optional<fs::path> in_path(std::string_view program) {
  const char* variable = std::getenv("PATH");
  std::string_view rest = variable == nullptr ? "" : variable;
  while (!rest.empty()) {
    const auto end = rest.find(':');
    auto candidate = fs::path(rest.substr(0, end)) / program;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
  }
  return std::nullopt;
}

HealthCheck check_ids() {
  try {
    const auto plan = sandbox::plan_ids();
    return {"id-mode", HealthStatus::ok, fmt::format("{}: {}", text(plan.mode), plan.reason), ""};
  } catch (const Error& error) {
    return {"id-mode", HealthStatus::error, error.what(), "unset KARAPACE_ID_MODE, or meet what it asks for"};
  }
}

HealthCheck check_helpers() {
  if (::geteuid() == 0) return {"uidmap", HealthStatus::ok, "not needed by root", ""};
  for (const char* helper : {"newuidmap", "newgidmap"})
    if (!sandbox::find_id_helper(helper))
      return {"uidmap", HealthStatus::warning, fmt::format("{} is missing: only one id can be mapped", helper),
              "apt install uidmap"};
  return {"uidmap", HealthStatus::ok, "newuidmap and newgidmap are there", ""};
}

enum class TrialRoot { plain, kernel_overlay, fuse_overlay };  // plain: without an overlay

/// A root with just the directories that are mounted on.
sandbox::SandboxPlan plan_in(const fs::path& directory, TrialRoot root) {
  sandbox::SandboxPlan plan;
  const auto lower = directory / "lower";
  fs::create_directory(lower);
  for (const char* target : {"proc", "sys", "dev", "tmp", "run"}) fs::create_directory(lower / target);
  plan.lowers.push_back(lower);
  if (root == TrialRoot::plain) return plan;
  plan.upper = directory / "upper";
  plan.work = directory / "work";
  fs::create_directory(plan.upper);
  fs::create_directory(plan.work);
  return plan;
}

/// What the child does; it leaves no trace in this process's ids and namespaces.
std::string try_here(const fs::path& place, TrialRoot root) {
  try {
    const auto ids = sandbox::plan_ids();
    sandbox::enter_user_namespace(ids);
    const TemporaryDirectory directory(".karapace-trial", place);
    auto plan = plan_in(directory.path(), root);
    plan.id_mode = ids.mode;
    if (root == TrialRoot::plain)
      ::unsetenv("KARAPACE_OVERLAY");
    else
      ::setenv("KARAPACE_OVERLAY", root == TrialRoot::fuse_overlay ? "fuse" : "kernel", 1);
    sandbox::run(plan);
    return {};
  } catch (const std::exception& error) {
    return error.what();
  }
}

/// Whether a sandbox works here, answered by making one, in a child process, and running nothing in it: nothing when it
/// works, else the reason. `place` is a directory on the store's file system: when it can not be written to, the
/// directory for temporary files is used.
std::optional<std::string> try_sandbox(const fs::path& place, TrialRoot root) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw Error(errno_message("doctor: cannot make a pipe", errno));
  Fd reader(ends[0]);
  Fd writer(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) throw Error(errno_message("doctor: cannot start a process", errno));
  if (child == 0) {
    const auto problem = try_here(place, root);
    const bool told = ::write(writer.get(), problem.data(), problem.size()) == static_cast<ssize_t>(problem.size());
    ::_exit(told ? 0 : 1);
  }
  writer.reset();
  auto problem = read_all(reader.get(), "the trial's result");
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0 && problem.empty()) problem = "the trial died";
  if (problem.empty()) return std::nullopt;
  return problem;
}

HealthCheck check_sandbox(const fs::path& place) {
  const auto problem = try_sandbox(place, TrialRoot::plain);
  if (!problem) return {"sandbox", HealthStatus::ok, "user, mount, pid, ipc, uts, cgroup and net namespaces work", ""};
  return {"sandbox", HealthStatus::error, *problem,
          "see what the message asks for; docs/security-model.md explains it"};
}

HealthCheck check_scopes() {
  if (init::available_scope() != init::Scope::none)
    return {"scopes", HealthStatus::ok, "Landlock keeps signals and abstract unix sockets inside", ""};
  return {"scopes", HealthStatus::warning,
          "this kernel can not keep abstract unix sockets apart: sessions with the host's network reach them",
          "Linux 6.12 with Landlock, or network_isolation in manifests"};
}

/// Just the overlay that KARAPACE_OVERLAY asks for, as only that will be used.
HealthCheck check_wanted_overlay(const fs::path& place, std::string_view wish) {
  if (wish != "kernel" && wish != "fuse")
    return {"overlay", HealthStatus::error,
            fmt::format("KARAPACE_OVERLAY={} is none of kernel, fuse", escaped_utf8(wish)), "unset KARAPACE_OVERLAY"};
  const bool fuse = wish == "fuse";
  const auto problem = try_sandbox(place, fuse ? TrialRoot::fuse_overlay : TrialRoot::kernel_overlay);
  const auto* name = fuse ? "fuse-overlayfs" : "the kernel's overlay";
  if (!problem)
    return {"overlay", HealthStatus::ok, fmt::format("{} works, for which KARAPACE_OVERLAY asks", name), ""};
  return {"overlay", HealthStatus::error, fmt::format("{} does not work: {}", name, *problem),
          fuse ? "unset KARAPACE_OVERLAY, or apt install fuse-overlayfs" : "unset KARAPACE_OVERLAY"};
}

HealthCheck check_overlay(const fs::path& place) {
  const char* wish = std::getenv("KARAPACE_OVERLAY");
  if (wish != nullptr && *wish != '\0') return check_wanted_overlay(place, wish);
  const auto kernel = try_sandbox(place, TrialRoot::kernel_overlay);
  if (!kernel) return {"overlay", HealthStatus::ok, "the kernel's overlay works", ""};
  const auto fuse = try_sandbox(place, TrialRoot::fuse_overlay);
  if (!fuse)
    return {"overlay", HealthStatus::warning,
            fmt::format("fuse-overlayfs works; the kernel's overlay does not ({})", *kernel),
            "put the store on ext4, xfs, btrfs or tmpfs, with Linux 5.11 or later, to be faster"};
  return {"overlay", HealthStatus::error, fmt::format("{}; {}", *kernel, *fuse),
          "put the store on ext4, xfs, btrfs or tmpfs with Linux 5.11 or later, or apt install fuse-overlayfs"};
}

HealthCheck check_program(const char* name, const char* remedy) {
  if (const auto path = in_path(name)) return {name, HealthStatus::ok, escaped_utf8(path->native()), ""};
  return {name, HealthStatus::error, "not found in PATH", remedy};
}

HealthCheck check_siblings() {
  try {
    for (const char* name :
         {"karapace-init", "karapace-step", "karapace-fetch", "karapace-transfer", "karapace-resolve-deb"}) {
      find_program(name);
    }
    return {"programs", HealthStatus::ok, "karapace's helper programs are there", ""};
  } catch (const Error& error) {
    return {"programs", HealthStatus::error, error.what(), "install karapace whole"};
  }
}

HealthCheck check_keyring() {
  const char* keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
  if (::access(keyring, R_OK) == 0) return {"keyring", HealthStatus::ok, keyring, ""};
  return {"keyring", HealthStatus::warning,
          fmt::format("{} is missing: Debian's signatures can not be checked", keyring),
          "apt install debian-archive-keyring"};
}

HealthCheck check_mirrors() {
  const auto configuration = resolve::default_configuration_file();
  if (::access(configuration.c_str(), R_OK) == 0)
    return {"mirrors", HealthStatus::ok, fmt::format("{} comes first", escaped_utf8(configuration.native())), ""};
  const bool host = ::access("/etc/apt/sources.list", R_OK) == 0 || ::access("/etc/apt/sources.list.d", R_OK) == 0;
  if (host) return {"mirrors", HealthStatus::ok, "the host's own package sources", ""};
  return {"mirrors", HealthStatus::warning, "the host has no package sources of Debian's kind",
          fmt::format("name mirrors under [mirrors] in {}", escaped_utf8(configuration.native()))};
}

/// Who may put another directory in the place of one in this: nobody but the user and root when the answer is empty.
std::string others_who_may_rename(const struct stat& directory) {
  if (directory.st_uid != 0 && directory.st_uid != ::geteuid()) return fmt::format("user {}", directory.st_uid);
  const bool sticky = (directory.st_mode & S_ISVTX) != 0;
  if (sticky) return {};
  if ((directory.st_mode & S_IWOTH) != 0) return "everybody";
  const bool own_group = directory.st_gid == ::getegid() || directory.st_gid == 0;
  return (directory.st_mode & S_IWGRP) != 0 && !own_group ? fmt::format("group {}", directory.st_gid) : "";
}

/// Of the directories above a store: the topmost that others may change, as a warning (docs/store.md).
std::optional<HealthCheck> warn_of_open_parents(const fs::path& store) {
  std::error_code error;
  const auto real = fs::canonical(store, error);
  if (error) return std::nullopt;
  fs::path path;
  for (const auto& part : real.parent_path()) {
    path /= part;
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) return std::nullopt;
    const auto others = others_who_may_rename(status);
    if (others.empty()) continue;
    return HealthCheck{"store", HealthStatus::warning,
                       fmt::format("{}: {} may write in {} above it, and so put another in its place",
                                   escaped_utf8(store.native()), others, escaped_utf8(path.native())),
                       "take the others' right to write there away, or use another store with --store"};
  }
  return std::nullopt;
}

/// The nearest directory that exists.
fs::path existing(fs::path path) {
  struct stat status{};
  while (path.has_relative_path() && ::stat(path.c_str(), &status) != 0) path = path.parent_path();
  return path;
}

HealthCheck check_store(const Context& context) {
  const auto root = escaped_utf8(context.store_root().native());
  try {
    const auto store = context.open_store(store::Store::Access::read_only);
    if (auto warning = warn_of_open_parents(store.root())) return *std::move(warning);
    if (!store.writable())
      return {"store", HealthStatus::warning, fmt::format("{} can not be written: nothing can be built in it", root),
              "make it writable to build; sessions keep their changes in memory meanwhile"};
    return {"store", HealthStatus::ok, root, ""};
  } catch (const NotFoundError&) {
    const auto place = existing(context.store_root());
    if (::access(place.c_str(), W_OK | X_OK) != 0)
      return {"store", HealthStatus::error,
              fmt::format("{} does not exist and can not be made: {} can not be written to", root,
                          escaped_utf8(place.native())),
              "use another store with --store or KARAPACE_STORE, or make the directory writable"};
    return {"store", HealthStatus::ok, fmt::format("{} is made on first use", root), ""};
  } catch (const Error& error) {
    return {"store", HealthStatus::error, error.what(), "use another store with --store, or repair this one"};
  }
}

HealthCheck check_space(const fs::path& place) {
  struct statvfs status{};
  if (::statvfs(place.c_str(), &status) != 0)
    return {"space", HealthStatus::warning, errno_message(fmt::format("cannot look at {}", place.string()), errno), ""};
  const std::uint64_t bytes = std::uint64_t{status.f_bavail} * status.f_frsize;
  auto message = fmt::format("{} free for the store", size_text(bytes));
  if (bytes < (std::uint64_t{512} << 20)) return {"space", HealthStatus::error, message, "karapace gc, or make room"};
  if (bytes < (std::uint64_t{4} << 30)) return {"space", HealthStatus::warning, message, "karapace gc, or make room"};
  return {"space", HealthStatus::ok, message, ""};
}

std::string_view text(HealthStatus status) noexcept {
  switch (status) {
    case HealthStatus::ok: return "ok";
    case HealthStatus::warning: return "warning";
    case HealthStatus::error: return "error";
  }
  std::abort();
}

/// All checks, in the order in which they are told. Changes nothing that stays.
std::vector<HealthCheck> check_health(const Context& context) {
  const auto place = existing(context.store_root());
  const auto ids = check_ids();
  // Without an id mode these would only repeat what is wrong with it.
  const auto with_ids = [&](const char* name, HealthCheck (*check)(const fs::path&)) {
    if (ids.status != HealthStatus::error) return check(place);
    return HealthCheck{name, HealthStatus::warning, "not tried, as there is no id mode to try it in", ""};
  };
  return {ids,
          check_helpers(),
          with_ids("sandbox", check_sandbox),
          check_scopes(),
          with_ids("overlay", check_overlay),
          check_siblings(),
          check_program("ninja", "apt install ninja-build"),
          check_program("gpgv", "apt install gpgv"),
          check_keyring(),
          check_mirrors(),
          check_store(context),
          check_space(place)};
}

struct Arguments {};

void declare(Options&, Arguments&) {}

void print_check(const Context& context, const HealthCheck& check) {
  const auto mark = check.status == HealthStatus::ok        ? context.styled(Style::green, "✓")
                    : check.status == HealthStatus::warning ? context.styled(Style::yellow, "!")
                                                            : context.styled(Style::red, "✗");
  context.print(fmt::format("{} {} {}\n", mark, padded(check.name, 9), check.message));
  if (!check.remedy.empty()) context.print(fmt::format("            {}\n", context.styled(Style::dim, check.remedy)));
}

nlohmann::json json_of(const HealthCheck& check) {
  return {{"name", check.name},
          {"status", text(check.status)},
          {"message", check.message},
          {"remedy", check.remedy.empty() ? nlohmann::json() : nlohmann::json(check.remedy)}};
}

int run(const Context& context, const Arguments&) {
  const auto checks = check_health(context);
  const bool healthy = std::none_of(checks.begin(), checks.end(),
                                    [](const HealthCheck& check) { return check.status == HealthStatus::error; });
  if (context.json) {
    auto list = nlohmann::json::array();
    for (const auto& check : checks) list.push_back(json_of(check));
    context.print_json("karapace.doctor", {{"checks", std::move(list)}, {"healthy", healthy}});
  } else {
    for (const auto& check : checks) print_check(context, check);
  }
  return healthy ? 0 : 1;
}

}  // namespace

Command doctor_command() {
  return make_command<Arguments>(
      {.name = "doctor",
       .group = Group::understanding,
       .summary = "Check whether environments can be built and run here",
       .description = "Makes real sandboxes to see what this machine allows, says which id mode is used and why,\n"
                      "and looks for the programs and keys that builds need. Exits with 1 when something that\n"
                      "is needed does not work.",
       .examples = {{"karapace doctor", "✓ works, ! works less well, ✗ does not work"}}},
      declare, run);
}

}  // namespace karapace::cli
