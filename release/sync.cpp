// SPDX-License-Identifier: Apache-2.0
#include "release/sync.hpp"

#include <algorithm>
#include <mutex>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/utsname.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/parallel.hpp"
#include "base/words.hpp"
#include "release/destination_lock.hpp"
#include "release/launchers.hpp"
#include "release/remote_host.hpp"
#include "release/unfinished.hpp"
#include "release/upkeep.hpp"
#include "remote/sha256.hpp"

namespace karapace::release {

namespace {

std::string sha256_of(const std::optional<std::string>& text) {
  return text ? remote::Sha256Hasher().update(*text).finish().hex() : "";
}

std::string sha256_of_file(const std::filesystem::path& path) { return sha256_of(read_file_if_exists(path)); }

std::string own_system() {
  struct utsname name{};
  ::uname(&name);
  return fmt::format("{} {}", name.sysname, name.machine);
}

/// What all hosts shall have, read once.
struct Wanted {
  std::map<std::string, std::string> versions;  // as in RemoteState
  std::map<std::string, std::string> entries;
  std::map<std::string, std::string> links;
  std::map<std::string, std::string> launchers;
  std::set<std::string> files;
};

Wanted wanted_of(const Destination& destination, const std::vector<std::string>& asked) {
  Wanted wanted;
  for (const auto& version : asked.empty() ? destination.versions() : asked) {
    const auto document = destination.document(version);
    wanted.versions[version] = sha256_of_file(destination.version(version) / store::release_document_file);
    wanted.files.insert(".karapace/installed/" + version);
    const auto lock = ".karapace/locks/" + document.lock.hex();
    if (std::filesystem::exists(destination.root() / lock)) wanted.files.insert(lock);
    for (const auto& package : document.packages)
      wanted.entries[package.entry] = sha256_of_file(destination.own("listings/" + package.entry));
  }
  for (const auto& [alias, target] : destination.links()) wanted.links.emplace("versions/" + alias, target);
  for (const auto& entry : std::filesystem::directory_iterator(destination.root() / "bin")) {
    const auto target = link_text(entry.path());
    if (!target || !is_launcher_name(*target)) continue;
    const auto launcher = read_launcher(destination, *target);
    if (!launcher)
      throw StoreError(
          fmt::format("release sync: \"{}\" is not what its name says; `karapace release install` brings it back",
                      escaped_utf8(destination.program(*target).native())));
    wanted.links.emplace("bin/" + entry.path().filename().native(), *target);
    wanted.launchers.emplace("bin/" + *target, sha256_of(launcher));
  }
  if (wanted.versions.empty())
    throw NotFoundError(fmt::format("release sync: nothing is installed in \"{}\"; run `karapace release install`",
                                    escaped_utf8(destination.root().native())));
  return wanted;
}

class HostSync {
 public:
  using Tell = std::function<void(const std::string&)>;
  HostSync(const Destination& destination, const Wanted& wanted, const RemoteHost& host, Tell tell)
      : destination_(destination), wanted_(wanted), host_(host), tell_(std::move(tell)) {}

  void run(SyncMode mode, HostReport& report) {
    state_ = host_.look();
    if (state_.system != own_system())
      throw RemoteError(
          fmt::format("{}: it is {}, and the release is for {}", host_.name(), state_.system, own_system()));
    require_equal(wanted_.versions, state_.versions, "versions/");
    require_equal(wanted_.entries, state_.entries, "store/");
    compare_what_is_there();
    plan(report);
    if (mode == SyncMode::dry_run || report.nothing_to_do()) return;
    if (!files_.empty())
      tell_(fmt::format("{} and {}, {}", counted(report.versions.size(), "version"),
                        counted(report.entries.size(), "package"), size_text(report.bytes)));
    host_.bring(files_);
    host_.finish(finish_);
  }

 private:
  void require_equal(const std::map<std::string, std::string>& here, const std::map<std::string, std::string>& there,
                     std::string_view directory) const {
    for (const auto& [name, digest] : here) {
      const auto found = there.find(name);
      if (found != there.end() && found->second != digest)
        throw RemoteError(
            fmt::format("{}: its {}{} is another than here; nothing was changed there. Move it away on the "
                        "host, or find out who wrote it",
                        host_.name(), directory, name));
    }
  }

  void compare_what_is_there() const {
    std::vector<std::string> both;
    for (const auto& [name, digest] : wanted_.entries)
      if (state_.entries.contains(name)) both.push_back("store/" + name);
    for (const auto& [name, digest] : wanted_.versions)
      if (state_.versions.contains(name)) both.push_back("versions/" + name);
    const auto differing = host_.differing(both);
    if (differing.empty()) return;
    throw RemoteError(
        fmt::format("{}: {} there other than here, first \"{}\"; nothing was changed. Move it away on the host, "
                    "and sync again",
                    host_.name(), differing.size() == 1 ? "a path is" : fmt::format("{} paths are", differing.size()),
                    escaped_utf8(differing.front().substr(differing.front().find(' ') + 1))));
  }

  void plan(HostReport& report) {
    for (const auto& [name, digest] : wanted_.entries) {
      if (state_.entries.contains(name)) continue;
      report.entries.push_back(name);
      finish_.directories.push_back("store/" + name);
      finish_.files.push_back(".karapace/listings/" + name);
    }
    report.bytes = size_of_entries(destination_, report.entries);
    for (const auto& [name, digest] : wanted_.versions) {
      if (state_.versions.contains(name)) continue;
      report.versions.push_back(name);
      finish_.directories.push_back("versions/" + name);
    }
    for (const auto& file : wanted_.files)
      if (!state_.files.contains(file)) finish_.files.push_back(file);
    plan_launchers(report);
    plan_links(report);
    if (report.nothing_to_do()) return;
    // Who chooses links there finds what was chosen here.
    for (const auto* file : {".karapace/links.json", ".karapace/used.json"})
      if (std::filesystem::exists(destination_.root() / file)) finish_.files.emplace_back(file);
    files_ = finish_.directories;
    files_.insert(files_.end(), finish_.files.begin(), finish_.files.end());
  }

  void plan_launchers(HostReport& report) {
    for (const auto& [launcher, digest] : wanted_.launchers) {
      const auto found = state_.launchers.find(launcher);
      if (found != state_.launchers.end() && found->second == digest) continue;
      finish_.files.push_back(launcher);
      // That it is mended is told; a new one comes with the programs that lead to it.
      if (found != state_.launchers.end()) report.links.push_back(launcher);
    }
  }

  void plan_links(HostReport& report) {
    for (const auto& [link, target] : wanted_.links) {
      const auto found = state_.links.find(link);
      if (found != state_.links.end() && found->second == target) continue;
      const bool resolves =
          link.starts_with("bin/") || wanted_.versions.contains(target) || state_.versions.contains(target);
      if (!resolves) {
        report.left_out.push_back(link);
        continue;
      }
      report.links.push_back(link);
      finish_.links.emplace(link, target);
    }
  }

  const Destination& destination_;
  const Wanted& wanted_;
  const RemoteHost& host_;
  Tell tell_;
  RemoteState state_;
  RemoteHost::Finish finish_;
  std::vector<std::string> files_;
};

}  // namespace

std::vector<HostReport> sync(const Destination& destination, const SyncRequest& request,
                             const std::function<void(const std::string& host, const std::string& what)>& tell) {
  const auto wanted = wanted_of(destination, request.versions);
  std::vector<RemoteHost> hosts;
  std::vector<HostReport> reports;
  for (const auto& [name, address] : request.hosts) {
    hosts.emplace_back(name, address, destination.root());
    reports.push_back(
        {.name = name, .address = address, .failure = {}, .versions = {}, .entries = {}, .links = {}, .left_out = {}});
  }
  std::mutex mutex;
  constexpr unsigned most_at_once = 16;
  for_each_index(hosts.size(), most_at_once, [&](std::size_t i) {
    try {
      // One process at a time brings something to a host.
      const auto lock = DestinationLock::acquire(destination.own("sync-" + reports[i].name), {}, {});
      HostSync(destination, wanted, hosts[i], [&](const std::string& what) {
        const std::lock_guard guard(mutex);
        tell(reports[i].name, what);
      }).run(request.mode, reports[i]);
    } catch (const std::exception& error) {
      reports[i] = {.name = reports[i].name,
                    .address = reports[i].address,
                    .failure = error.what(),
                    .versions = {},
                    .entries = {},
                    .links = {},
                    .left_out = {}};
    }
  });
  return reports;
}

}  // namespace karapace::release
