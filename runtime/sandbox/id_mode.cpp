// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/id_mode.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>

#include <fmt/format.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "runtime/sandbox/id_helpers.hpp"

namespace karapace::sandbox {
namespace {

constexpr unsigned wanted_ids = 65535;

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<unsigned> number(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

/// Why a range could not be found, or the range.
struct Subordinate {
  std::optional<IdRange> range;
  std::string problem;
};

Subordinate subordinate_range(const char* file, std::string_view user, std::string_view id) {
  const auto text = read_file_if_exists(file);
  if (!text) return {{}, fmt::format("there is no {}", file)};
  if (const auto range = parse_subordinate_ids(*text, user, id)) return {range, {}};
  return {{}, fmt::format("{} gives user {} no range of {} ids", file, user.empty() ? id : user, wanted_ids)};
}

std::string user_name(uid_t uid) {
  // Reading the file keeps name service plug-ins out of a statically linked, short-lived program.
  const auto text = read_file_if_exists("/etc/passwd");
  const auto id = std::to_string(uid);
  for (const auto line : split(text ? std::string_view(*text) : std::string_view(), '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() >= 3 && fields[2] == id) return std::string(fields[0]);
  }
  const char* name = std::getenv("USER");
  return name == nullptr ? std::string() : std::string(name);
}

/// A program that gains privileges when it is started: set-user-id or with file capabilities, not on a nosuid mount.
bool gains_privileges(const std::string& path) {
  struct stat status{};
  struct statvfs file_system{};
  if (::stat(path.c_str(), &status) != 0 || ::access(path.c_str(), X_OK) != 0) return false;
  if (::statvfs(path.c_str(), &file_system) != 0 || (file_system.f_flag & ST_NOSUID) != 0) return false;
  return (status.st_mode & S_ISUID) != 0 || ::getxattr(path.c_str(), "security.capability", nullptr, 0) > 0;
}

bool has_capabilities(std::initializer_list<unsigned> wanted) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  if (::syscall(SYS_capget, &header, data) != 0) return false;
  return std::all_of(wanted.begin(), wanted.end(), [&](unsigned capability) {
    return (data[capability / 32].effective >> (capability % 32) & 1) != 0;
  });
}

/// The ids of this process's own user namespace, each mapped to itself.
std::vector<IdRange> own_ranges(const char* file) {
  std::vector<IdRange> ranges;
  const auto text = read_file(file);
  for (const auto line : split(text, '\n')) {
    std::vector<unsigned> fields;
    for (const auto word : split(line, ' '))
      if (const auto value = number(word)) fields.push_back(*value);
    if (fields.size() == 3) ranges.push_back({fields[0], fields[0], fields[2]});
  }
  return ranges;
}

bool covers_wanted(const std::vector<IdRange>& ranges) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [](const IdRange& range) { return range.inside == 0 && range.count > wanted_ids; });
}

/// The plan, or the reason why this mode can not be had.
struct Attempt {
  std::optional<IdPlan> plan;
  std::string problem;
};

Attempt try_root() {
  if (::geteuid() != 0) return {{}, "this user is not root"};
  if (!has_capabilities({CAP_SETUID, CAP_SETGID, CAP_SETFCAP}))
    return {{}, "this root user lacks the capabilities to map ids (a restricted container)"};
  IdPlan plan{IdMode::root, own_ranges("/proc/self/uid_map"), own_ranges("/proc/self/gid_map"), "running as root"};
  if (!covers_wanted(plan.uids) || !covers_wanted(plan.gids))
    return {{}, "running as root of a container that has fewer than 65,536 ids"};
  return {std::move(plan), {}};
}

Attempt try_subid() {
  for (const std::string_view tool : {"newuidmap", "newgidmap"}) {
    const auto path = find_id_helper(tool);
    if (!path) return {{}, fmt::format("{} is missing (Debian's package uidmap)", tool)};
    if (!gains_privileges(*path)) return {{}, fmt::format("{} is not set-user-id here", *path)};
  }
  if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
    return {{}, "this process may not gain privileges (no_new_privs), so newuidmap can not work"};
  const auto uid = ::getuid();
  const auto name = user_name(uid);
  const auto uids = subordinate_range("/etc/subuid", name, std::to_string(uid));
  if (!uids.range) return {{}, uids.problem};
  const auto gids = subordinate_range("/etc/subgid", name, std::to_string(uid));
  if (!gids.range) return {{}, gids.problem};
  return {IdPlan{IdMode::subid,
                 {{0, uid, 1}, *uids.range},
                 {{0, ::getgid(), 1}, *gids.range},
                 fmt::format("/etc/subuid gives this user the ids from {}", uids.range->outside)},
          {}};
}

IdPlan single(std::string reason) {
  return {IdMode::single, {{0, ::geteuid(), 1}}, {{0, ::getegid(), 1}}, std::move(reason)};
}

IdPlan required(Attempt attempt, std::string_view mode) {
  if (attempt.plan) return *std::move(attempt.plan);
  throw SandboxError(fmt::format("sandbox: KARAPACE_ID_MODE={} can not be had: {}", mode, attempt.problem));
}

}  // namespace

std::string_view text(IdMode mode) noexcept {
  switch (mode) {
    case IdMode::root: return "root";
    case IdMode::subid: return "subid";
    case IdMode::single: return "single";
  }
  std::abort();
}

std::optional<IdRange> parse_subordinate_ids(std::string_view text, std::string_view user, std::string_view id) {
  for (const auto line : split(text, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() != 3 || fields[0].empty() || (fields[0] != user && fields[0] != id)) continue;
    const auto start = number(fields[1]);
    const auto count = number(fields[2]);
    if (start && count && *count >= wanted_ids) return IdRange{1, *start, wanted_ids};
  }
  return std::nullopt;
}

std::optional<std::string> find_id_helper(std::string_view name) {
  std::vector<std::string> directories{"/usr/bin", "/usr/sbin", "/bin"};
  if (const char* path = std::getenv("PATH"))
    for (const auto directory : split(path, ':'))
      if (directory.starts_with('/')) directories.emplace_back(directory);
  for (const auto& directory : directories) {
    auto candidate = directory + '/' + std::string(name);
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return std::nullopt;
}

IdPlan plan_ids() {
  const char* wish = std::getenv("KARAPACE_ID_MODE");
  const std::string_view mode = wish == nullptr ? "" : wish;
  if (mode == "root") return required(try_root(), mode);
  if (mode == "subid") return required(try_subid(), mode);
  if (mode == "single") return single("KARAPACE_ID_MODE=single asks for it");
  if (!mode.empty())
    throw SandboxError(fmt::format("sandbox: KARAPACE_ID_MODE={} is none of root, subid, single", mode));
  auto root = try_root();
  if (root.plan) return *std::move(root.plan);
  if (::geteuid() == 0) return single(std::move(root.problem));
  auto subid = try_subid();
  if (subid.plan) return *std::move(subid.plan);
  return single(std::move(subid.problem));
}

}  // namespace karapace::sandbox
