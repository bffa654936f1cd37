// SPDX-License-Identifier: Apache-2.0
#include "release/sync.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <thread>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/utsname.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/parallel.hpp"
#include "base/words.hpp"
#include "release/destination_lock.hpp"
#include "release/kept_records.hpp"
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

/// Signs of life, for as long as the value lives.
class Renewal {
 public:
  Renewal(const DestinationLock& lock, std::chrono::seconds silence)
      : thread_([&lock, every = std::chrono::milliseconds(silence) / 6](const std::stop_token& stop) {
          std::mutex mutex;
          std::condition_variable_any never;
          std::unique_lock guard(mutex);
          while (never.wait_for(guard, stop, every, [] { return false; }), !stop.stop_requested()) {
            try {
              lock.renew();
            } catch (const std::exception&) {
              return;  // the holder finds that out before it does anything more
            }
          }
        }) {}

 private:
  std::jthread thread_;
};

/// What was chosen at a host by three lists of choices: an alias that is there as it was brought was not touched there,
/// and goes with what is chosen here.
Wishes merged(const Wishes& here, const Wishes& brought, const Wishes& there) {
  const auto find = [](const Wishes& wishes, const std::string& alias) -> std::optional<std::string> {
    const auto found = wishes.find(alias);
    if (found == wishes.end()) return std::nullopt;
    return found->second;
  };
  Wishes all = here;
  all.insert(there.begin(), there.end());
  Wishes merged;
  for (const auto& [alias, any] : all) {
    const auto now = find(there, alias);
    const auto wish = now == find(brought, alias) ? find(here, alias) : now;
    if (wish) merged.emplace(alias, *wish);
  }
  return merged;
}

HostReport empty_report(const std::string& name, const std::string& address) {
  return {.name = name, .address = address, .failure = {}, .versions = {}, .entries = {}, .links = {}, .left_out = {}};
}

class HostSync {
 public:
  using Tell = std::function<void(const std::string&)>;
  HostSync(const Destination& destination, const Wanted& wanted, const RemoteHost& host, Tell tell)
      : destination_(destination), wanted_(wanted), host_(host), tell_(std::move(tell)) {}

  void look(HostReport& report) {
    state_ = host_.look();
    if (state_.system != own_system())
      throw RemoteError(
          fmt::format("{}: it is {}, and the release is for {}", host_.name(), state_.system, own_system()));
    require_equal(wanted_.versions, state_.versions, "versions/");
    require_equal(wanted_.entries, state_.entries, "store/");
    compare_what_is_there();
    plan(report);
  }

  void copy(const DestinationLock& lock, HostReport& report) {
    constexpr int most = 5;
    for (int tries = 0; tries < most; ++tries) {
      report = empty_report(report.name, report.address);
      look(report);
      if (report.nothing_to_do() && finish_.records.empty()) {
        if (tries != 0) host_.drop();
        return;
      }
      if (!files_.empty() && tries == 0)
        tell_(fmt::format("{} and {}, {}", counted(report.versions.size(), "version"),
                          counted(report.entries.size(), "package"), size_text(report.bytes)));
      host_.bring(files_);
      lock.renew();
      if (host_.finish(finish_) == RemoteHost::Finished::yes) return;
    }
    throw RemoteError(fmt::format(
        "{}: it was changed by others each time that it got something; sync again when they are done", host_.name()));
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
    finish_ = {.seen = state_.digest, .files = {}, .directories = {}, .records = {}, .links = {}};
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
    plan_used_ids();
    plan_links(report, plan_wishes());
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

  template <class Record>
  Record record_there(const char* file, const auto& fields) const {
    const auto found = state_.records.find(file);
    if (found == state_.records.end()) return {};
    return read_or_damaged(fmt::format("{}: its .karapace/{}", host_.name(), file),
                           "nothing was changed there; restore it, and sync again",
                           [&] { return parse_json(fields, found->second, file); });
  }

  void plan_used_ids() {
    const auto there = record_there<UsedIds>(used_file, used_fields);
    const auto text = read_file_if_exists(destination_.own(used_file));
    if (!text) return;
    auto used = parse_json(used_fields, *text, used_file);
    for (const auto& [version, id] : there.highest) {
      auto& highest = used.highest[version];
      highest = std::max(highest, id);
    }
    if (used != there) finish_.records.emplace(used_file, json_text(used_fields, used));
  }

  /// Who chooses links there finds what was chosen here, and keeps what was chosen there.
  LinkWishes plan_wishes() {
    const auto here = destination_.wishes();
    const auto there = record_there<LinkWishes>(wishes_file, wishes_fields);
    const auto brought = record_there<LinkWishes>(brought_wishes_file, wishes_fields);
    LinkWishes wishes{.manifest = here.manifest, .chosen = merged(here.chosen, brought.chosen, there.chosen)};
    if (wishes != there) finish_.records.emplace(wishes_file, json_text(wishes_fields, wishes));
    if (here != brought) finish_.records.emplace(brought_wishes_file, json_text(wishes_fields, here));
    return wishes;
  }

  /// Links as they are here, but for those that choices of the host decide; these go to `kept`.
  std::map<std::string, std::string> links_there(const LinkWishes& wishes, std::vector<std::string>& kept) const {
    auto links = wanted_.links;
    const auto here = destination_.wishes();
    if (wishes == here) return links;
    std::set<std::string> names;
    for (const auto* some : {&wanted_.versions, &state_.versions})
      for (const auto& [name, digest] : *some) names.insert(name);
    const std::vector<std::string> versions(names.begin(), names.end());
    Aliases without, with;
    try {
      without = aliases_of(versions, {here.manifest, here.chosen});
      with = aliases_of(versions, {wishes.manifest, wishes.chosen});
    } catch (const Error& error) {
      throw RemoteError(fmt::format("{}: what was chosen there and here does not fit together: {}; nothing was changed",
                                    host_.name(), error.what()));
    }
    for (const auto& [alias, target] : with.links) {
      const auto found = without.links.find(alias);
      if (found != without.links.end() && found->second == target) continue;
      auto& link = links["versions/" + alias];
      if (!link.empty() && link != target) kept.push_back("versions/" + alias);
      link = target;
    }
    return links;
  }

  void plan_links(HostReport& report, const LinkWishes& wishes) {
    for (const auto& [link, target] : links_there(wishes, report.kept)) {
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
    reports.push_back(empty_report(name, address));
  }
  std::mutex mutex;
  constexpr unsigned most_at_once = 16;
  for_each_index(hosts.size(), most_at_once, [&](std::size_t i) {
    try {
      HostSync host(destination, wanted, hosts[i], [&](const std::string& what) {
        const std::lock_guard guard(mutex);
        tell(reports[i].name, what);
      });
      if (request.mode == SyncMode::dry_run) {
        host.look(reports[i]);
        return;
      }
      // One process at a time brings something to a host.
      const auto lock = DestinationLock::acquire(destination.own("sync-" + reports[i].name), request.patience, {});
      const Renewal renewal(lock, request.patience.with_silence);
      host.copy(lock, reports[i]);
    } catch (const std::exception& error) {
      reports[i] = empty_report(reports[i].name, reports[i].address);
      reports[i].failure = error.what();
    }
  });
  return reports;
}

}  // namespace karapace::release
