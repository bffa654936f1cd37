// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/session_mounts.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <system_error>

#include "base/error.hpp"
#include "base/escape.hpp"

namespace karapace::sandbox {
namespace {

namespace fs = std::filesystem;

fs::path host_path(const store::Mount& mount, const MountPolicy& policy) {
  if (mount.host == "~") return policy.home;
  if (mount.host.starts_with("~/")) return policy.home / mount.host.substr(2);
  const fs::path path(mount.host);
  if (path.is_absolute()) return path;
  if (policy.project) return *policy.project / path;
  throw SandboxError(fmt::format("mount {}: \"{}\" is relative to the manifest; name the environment by its project",
                                 mount.label, mount.host));
}

fs::path real_path(const fs::path& path, const store::Mount& mount) {
  std::error_code error;
  auto real = fs::canonical(path, error);
  if (error)
    throw SandboxError(fmt::format("mount {}: cannot use \"{}\": {}", mount.label, path.string(), error.message()));
  return real;
}

/// Follows the links of what a person wrote, but for those that a session may have made.
class PersonsPath {
 public:
  PersonsPath(std::string_view what, const fs::path& written, const MountPolicy& policy)
      : what_(what), written_(written), policy_(policy) {}

  /// The real path; fs::filesystem_error when there is none.
  fs::path resolve() {
    follow(written_);
    return real_;
  }

 private:
  void follow(const fs::path& path) {
    if (path.is_absolute()) real_ = "/";
    for (const auto& part : path.relative_path()) {
      if (part.empty() || part == ".") continue;
      if (part == "..")
        real_ = real_.parent_path();
      else
        enter(real_ / part);
    }
  }

  void enter(const fs::path& next) {
    if (!fs::is_symlink(fs::symlink_status(next))) {
      if (!fs::exists(next))
        throw fs::filesystem_error("", next, std::make_error_code(std::errc::no_such_file_or_directory));
      real_ = next;
      return;
    }
    constexpr int most_links = 40;
    if (++links_ > most_links)
      throw fs::filesystem_error("", next, std::make_error_code(std::errc::too_many_symbolic_link_levels));
    if (policy_.written_by_sessions && policy_.written_by_sessions(real_))
      throw SandboxError(fmt::format(
          "{}: in \"{}\", \"{}\" is a link, which what ran in a session may have made, so it is not followed: name the "
          "place that it leads to (now \"{}\")",
          what_, escaped_utf8(written_.native()), escaped_utf8(next.native()),
          escaped_utf8(fs::weakly_canonical(written_).native())));
    follow(fs::read_symlink(next));
  }

  std::string_view what_;
  const fs::path& written_;
  const MountPolicy& policy_;
  fs::path real_ = "/";
  int links_ = 0;
};

/// An entry that can not be used allows nothing; that is told when no other allows the mount.
bool is_allowed(const fs::path& real, const MountPolicy& policy) {
  if (policy.project && lies_in(real, *policy.project)) return true;
  std::string refusal;
  for (const auto& allowed : policy.allowed) {
    try {
      if (lies_in(real, PersonsPath("[mounts] allowed of config.toml", allowed, policy).resolve())) return true;
    } catch (const fs::filesystem_error&) {
      continue;
    } catch (const SandboxError& error) {
      refusal = error.what();
    }
  }
  if (!refusal.empty()) throw SandboxError(refusal);
  return false;
}

}  // namespace

void check_target(std::string_view what, std::string_view written) {
  const fs::path target = fs::path(written).lexically_normal();
  const bool dotted = std::any_of(target.begin(), target.end(), [](const fs::path& part) { return part == ".."; });
  if (!target.is_absolute() || dotted || target == "/")
    throw SandboxError(fmt::format("{}: the target \"{}\" is not an absolute path below /", what, written));
  const std::string plain = (target.has_filename() ? target : target.parent_path()).string();
  const auto place = store::reserved_place(plain);
  if (!place) return;
  const bool below_is_free = *place == "/etc" || *place == "/run" || *place == "/tmp";
  const auto remedy = below_is_free
                          ? fmt::format("name what is needed in it (\"{}/...\")", *place)
                          : std::string("a session has its own; what is needed of the host's, copy elsewhere");
  throw SandboxError(plain == *place
                         ? fmt::format("{}: the target \"{}\" belongs to the sandbox; {}", what, written, remedy)
                         : fmt::format("{}: the target \"{}\" lies in {}, which belongs to the sandbox; {}", what,
                                       written, *place, remedy));
}

bool lies_in(const fs::path& path, const fs::path& directory) {
  const auto [mismatch, end] = std::mismatch(directory.begin(), directory.end(), path.begin(), path.end());
  return mismatch == directory.end() || (std::next(mismatch) == directory.end() && mismatch->empty());
}

Bind project_bind(const fs::path& project, const fs::path& home, store::ProjectAccess access) {
  std::error_code error;
  const auto real_home = fs::canonical(home, error);
  if (project == "/" || (!error && lies_in(real_home, project)))
    throw SandboxError(
        fmt::format("the project directory {} holds the whole home directory, which sessions must not see; "
                    "move karapace.toml into a directory of its own",
                    project.string()));
  const auto shown = access == store::ProjectAccess::read_only ? BindAccess::read_only : BindAccess::read_write;
  return {project, project.string(), shown, BindSource::host, "the project"};
}

Bind manifest_bind(const store::Mount& mount, const MountPolicy& policy) {
  check_target("mount " + mount.label, mount.target);
  const auto real = real_path(host_path(mount, policy), mount);
  if (!is_allowed(real, policy))
    throw SandboxError(fmt::format(
        "mount {}: \"{}\" (really {}) lies outside the project; to allow it, add its directory to [mounts] allowed in "
        "~/.config/karapace/config.toml",
        mount.label, mount.host, real.string()));
  const bool of_fixed_project =
      policy.project_access == store::ProjectAccess::read_only && policy.project && lies_in(real, *policy.project);
  const bool read_only = mount.access == store::MountAccess::read_only || of_fixed_project;
  const auto access = read_only ? BindAccess::read_only : BindAccess::read_write;
  return {real, fs::path(mount.target).lexically_normal().string(), access, BindSource::host, "mount " + mount.label};
}

std::vector<Bind> caller_binds(const fs::path& path, BindAccess access, const MountPolicy& policy) {
  fs::path real;
  try {
    real = PersonsPath("--bind", path, policy).resolve();
  } catch (const fs::filesystem_error& error) {
    throw SandboxError(
        fmt::format("--bind: cannot use \"{}\": {}", escaped_utf8(path.native()), error.code().message()));
  }
  auto written = path.lexically_normal();
  if (!written.has_filename()) written = written.parent_path();
  std::vector<Bind> binds;
  for (const auto& target : {real, written}) {
    check_target("--bind", target.native());
    if (binds.empty() || binds.front().target != target)
      binds.push_back(
          {real, target, access, BindSource::host, access == BindAccess::read_only ? "--bind-ro" : "--bind"});
  }
  return binds;
}

}  // namespace karapace::sandbox
