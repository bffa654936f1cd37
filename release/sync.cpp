// SPDX-License-Identifier: Apache-2.0
#include "release/sync.hpp"

#include <algorithm>
#include <mutex>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/utsname.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/parallel.hpp"
#include "base/semantic_version.hpp"
#include "base/words.hpp"
#include "release/destination_lock.hpp"
#include "release/host_records.hpp"
#include "release/installed_tree.hpp"
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
  std::string release;
  std::map<std::string, std::string> versions;  // as in RemoteState
  std::map<std::string, std::string> entries;
  std::map<std::string, std::string> programs;  // links in bin/
  std::map<std::string, std::string> launchers;
  std::map<std::string, std::string> aliases;  // links in versions/, without that
  std::set<std::string> unasked;               // of these: nobody wishes for it any more
  struct File {
    std::string digest;
    std::string version;  // whose it is
  };
  std::map<std::string, File> files;      // in .karapace/
  std::map<std::string, LayerId> layers;  // of entries
  SenderRecords records;
};

std::set<std::string> unasked_aliases(const Destination& destination, const LinkWishes& wishes) {
  const auto asked = aliases_of(destination.versions(), {wishes.manifest, wishes.chosen}).links;
  std::set<std::string> names;
  for (const auto& [alias, target] : destination.links())
    if (!asked.contains(alias)) names.insert(alias);
  return names;
}

void add_programs(Wanted& wanted, const Destination& destination) {
  for (const auto& entry : std::filesystem::directory_iterator(destination.root() / "bin")) {
    const auto target = link_text(entry.path());
    if (!target || !is_launcher_name(*target)) continue;
    const auto launcher = read_launcher(destination, *target);
    if (!launcher)
      throw StoreError(
          fmt::format("release sync: \"{}\" is not what its name says; `karapace release install` brings it back",
                      escaped_utf8(destination.program(*target).native())));
    wanted.programs.emplace("bin/" + entry.path().filename().native(), *target);
    wanted.launchers.emplace("bin/" + *target, sha256_of(launcher));
  }
}

[[noreturn]] void refuse_damaged_source(const std::string& where, const std::string& why) {
  throw StoreError(fmt::format(
      "release sync: {} here is not what was installed ({}); `karapace release verify` tells more, and `karapace "
      "release install` brings back what is missing",
      where, why));
}

Wanted wanted_of(const Destination& destination, const SyncRequest& request) {
  Wanted wanted;
  wanted.records = sender_records(destination, request.mode == SyncMode::copy ? SenderId::make : SenderId::look);
  for (const auto& version : destination.versions())
    wanted.records.builds[version] = sha256_of_file(destination.version(version) / store::release_document_file);
  if (wanted.records.builds.empty())
    throw NotFoundError(fmt::format("release sync: nothing is installed in \"{}\"; run `karapace release install`",
                                    escaped_utf8(destination.root().native())));
  for (const auto& version : request.versions.empty() ? destination.versions() : request.versions) {
    const auto document = destination.document(version);
    wanted.release = document.name;
    wanted.versions[version] = sha256_of_file(destination.version(version) / store::release_document_file);
    const auto record = "installed/" + version, lock = "locks/" + document.lock.hex();
    wanted.files[".karapace/" + record] = {sha256_of_file(destination.own(record)), version};
    if (const auto text = read_file_if_exists(destination.own(lock))) {
      if (sha256_of(text) != document.lock.hex()) refuse_damaged_source(".karapace/" + lock, "content");
      wanted.files.try_emplace(".karapace/" + lock, document.lock.hex(), version);
    }
    if (destination.has_installed_document(version) != true)
      refuse_damaged_source("versions/" + version, "its record is missing or damaged, or of another release.json");
    for (const auto& package : document.packages) {
      const auto listing = sha256_of_file(destination.own("listings/" + package.entry));
      if (listing.empty()) refuse_damaged_source("store/" + package.entry, "its listing is missing");
      wanted.entries[package.entry] = listing;
      wanted.layers.emplace(package.entry, package.layer);
    }
  }
  wanted.aliases = destination.links();
  wanted.unasked = unasked_aliases(destination, wanted.records.wishes);
  add_programs(wanted, destination);
  return wanted;
}

/// What is sent is read before, once for all hosts: rsync would bring damage as it is.
class SentContent {
 public:
  SentContent(const Destination& destination, const Wanted& wanted, unsigned threads)
      : destination_(destination), wanted_(wanted), threads_(threads) {}

  void require_whole(const std::vector<std::string>& directories) {
    const std::lock_guard guard(mutex_);
    for (const auto& directory : directories) {
      auto found = faults_.find(directory);
      if (found == faults_.end()) found = faults_.emplace(directory, fault_of(directory)).first;
      if (!found->second.empty()) refuse_damaged_source(directory, found->second);
    }
  }

 private:
  std::string fault_of(const std::string& directory) const {
    const bool is_entry = directory.starts_with("store/");
    const auto name = directory.substr(directory.find('/') + 1);
    const auto listing = is_entry ? destination_.entry_listing(name) : destination_.version_listing(name);
    if (!listing || (is_entry && listing->id() != wanted_.layers.at(name))) return "what it should be is not known";
    const auto faults = faults_of_installed_tree(destination_.root() / directory, *listing, threads_);
    return faults.empty() ? "" : fmt::format("\"{}\": {}", escaped_utf8(faults.front().path), faults.front().what);
  }

  const Destination& destination_;
  const Wanted& wanted_;
  unsigned threads_;
  std::mutex mutex_;
  std::map<std::string, std::string> faults_;  // "store/ENTRY", "versions/VERSION" -> "" for none
};

/// "store/ENTRY" and "versions/VERSION" of paths in them.
std::vector<std::string> directories_of(const std::vector<std::string>& paths) {
  std::set<std::string> directories;
  for (const auto& path : paths) directories.insert(path.substr(0, path.find('/', path.find('/') + 1)));
  return {directories.begin(), directories.end()};
}

HostReport empty_report(const std::string& name, const std::string& address) {
  return {.name = name, .address = address, .failure = {}, .versions = {}, .entries = {}, .links = {}};
}

class HostSync {
 public:
  using Tell = std::function<void(const std::string&)>;
  HostSync(const Destination& destination, const Wanted& wanted, SentContent& content, const RemoteHost& host,
           OthersChoices choices, Tell tell)
      : destination_(destination),
        wanted_(wanted),
        content_(content),
        host_(host),
        choices_(choices),
        tell_(std::move(tell)) {}

  void look(HostReport& report) {
    state_ = host_.look();
    if (state_.system != own_system())
      throw RemoteError(
          fmt::format("{}: it is {}, and the release is for {}", host_.name(), state_.system, own_system()));
    require_same_release();
    require_equal(wanted_.versions, state_.versions, "versions/");
    auto listed = state_.entries;
    std::erase_if(listed, [](const auto& entry) { return entry.second.empty(); });
    require_equal(wanted_.entries, listed, "store/");
    compare_what_is_there();
    there_ = host_records(host_.name(), state_.records, wanted_.records.used);
    plan(report);
  }

  void copy(const DestinationLock& lock, HostReport& report) {
    constexpr int most = 5;
    for (int tries = 0; tries < most; ++tries) {
      report = empty_report(report.name, report.address);
      look(report);
      use_up_ids_of_the_host();
      if (finish_.has_nothing()) {
        if (tries != 0) host_.drop();
        return;
      }
      if (!files_.empty() && tries == 0)
        tell_(fmt::format("bringing {} and {}, {}", counted(report.versions.size(), "version"),
                          counted(report.entries.size(), "package"), size_text(report.bytes)));
      content_.require_whole(finish_.directories);
      content_.require_whole(mended_);
      host_.bring(files_);
      lock.renew();
      if (host_.finish(finish_, tell_) == RemoteHost::Finished::yes) return;
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

  void require_same_release() const {
    for (const auto& [version, name] : state_.names)
      if (name != wanted_.release)
        throw RemoteError(fmt::format("{}: \"{}\" is the destination of another release there, {}; nothing was changed",
                                      host_.name(), escaped_utf8(destination_.root().native()), escaped_utf8(name)));
  }

  void compare_what_is_there() const {
    std::vector<std::string> both, unlisted;
    for (const auto& [name, digest] : wanted_.entries) {
      const auto found = state_.entries.find(name);
      // An installation was interrupted there before it wrote the listing.
      if (found != state_.entries.end()) (found->second.empty() ? unlisted : both).push_back("store/" + name);
    }
    for (const auto& [name, digest] : wanted_.versions)
      if (state_.versions.contains(name)) both.push_back("versions/" + name);
    auto differing = host_.differing(both, RemoteHost::Compare::times);
    for (auto& path : host_.differing(unlisted, RemoteHost::Compare::content)) differing.push_back(std::move(path));
    if (differing.empty()) return;
    // It may be the one here that is not what was installed.
    content_.require_whole(directories_of(differing));
    throw RemoteError(
        fmt::format("{}: {} there other than here, first \"{}\"; nothing was changed. Move it away on the host, "
                    "and sync again",
                    host_.name(), differing.size() == 1 ? "a path is" : fmt::format("{} paths are", differing.size()),
                    escaped_utf8(differing.front())));
  }

  void plan(HostReport& report) {
    finish_ = {.seen = state_.digest, .files = {}, .directories = {}, .records = {}, .links = {}};
    mended_.clear();
    for (const auto& [name, digest] : wanted_.entries) {
      const auto found = state_.entries.find(name);
      if (found != state_.entries.end() && !found->second.empty()) continue;
      const auto listing = ".karapace/listings/" + name;
      finish_.files.push_back(listing);
      if (found != state_.entries.end()) {
        report.links.push_back(listing);
        mended_.push_back("store/" + name);
        continue;
      }
      report.entries.push_back(name);
      finish_.directories.push_back("store/" + name);
    }
    report.bytes = size_of_entries(destination_, report.entries);
    for (const auto& [name, digest] : wanted_.versions) {
      if (state_.versions.contains(name)) continue;
      report.versions.push_back(name);
      if (had_another_build(there_, name, digest)) report.reused.push_back(name);
      finish_.directories.push_back("versions/" + name);
    }
    plan_files(report);
    plan_launchers(report);
    const auto records = merged(there_, wanted_.records, versions_then(), choices_);
    finish_.records = changed_records(there_, records, wanted_.records.id);
    plan_links(report, records.wishes);
    files_ = finish_.directories;
    files_.insert(files_.end(), finish_.files.begin(), finish_.files.end());
  }

  /// The record of a version that is as here is mended when it is another; what a version left that never came is
  /// replaced with it.
  void plan_files(HostReport& report) {
    for (const auto& [name, file] : wanted_.files) {
      const auto found = state_.files.find(name);
      if (found != state_.files.end() && found->second == file.digest) continue;
      finish_.files.push_back(name);
      if (!state_.versions.contains(file.version)) continue;
      report.links.push_back(name);
      mended_.push_back("versions/" + file.version);
    }
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

  /// Of versions that are built here later, so that their ids are nobody else's there.
  void use_up_ids_of_the_host() const {
    auto all = wanted_.records.used.highest;
    for (const auto& [version, id] : there_.used.highest) all[version] = std::max(all[version], id);
    if (all == wanted_.records.used.highest) return;
    const auto lock = destination_.lock({}, {});
    destination_.set_used_ids(all);
  }

  /// As Destination says it: no link moves to what was not installed there.
  bool was_installed_there(const std::string& version) const {
    return state_.files.contains(".karapace/installed/" + version);
  }

  /// Nor away from what has lost its record, unless somebody chose.
  bool stays(const std::string& alias, const std::string& target, const LinkWishes& wishes) const {
    const auto now = state_.links.find("versions/" + alias);
    return now != state_.links.end() && !wishes.chosen.contains(alias) && state_.versions.contains(now->second) &&
           !was_installed_there(now->second) && is_lower_build(target, now->second);
  }

  /// What the host has when all is brought.
  Builds versions_then() const {
    auto all = wanted_.versions;
    for (const auto& [version, digest] : state_.versions)
      if (!digest.empty() && store::is_release_word(version) && was_installed_there(version))
        all.emplace(version, digest);
    return all;
  }

  Aliases aliases_then(const LinkWishes& wishes) const {
    std::vector<std::string> versions;
    for (const auto& [version, digest] : versions_then()) versions.push_back(version);
    try {
      return aliases_of(versions, {wishes.manifest, wishes.chosen});
    } catch (const Error& error) {
      throw RemoteError(fmt::format("{}: what was chosen there and here does not fit together: {}; nothing was changed",
                                    host_.name(), error.what()));
    }
  }

  /// Aliases come of what the host has and of what is wished for there, as for whoever installs there.
  std::map<std::string, std::string> links_then(const LinkWishes& wishes, HostReport& report) const {
    auto links = wanted_.programs;
    const auto here = aliases_then(wanted_.records.wishes).links;
    for (const auto& [alias, target] : aliases_then(wishes).links) {
      const auto link = "versions/" + alias;
      links.emplace(link, stays(alias, target, wishes) ? state_.links.at(link) : target);
      const auto found = here.find(alias);
      if (found == here.end() || found->second == target) continue;
      report.kept.push_back(link);
      if (is_of_another_sender(there_, wanted_.records.id, alias)) report.kept_of_others.push_back(link);
    }
    const auto versions = versions_then();
    for (const auto& [alias, target] : wanted_.aliases) {
      const auto link = "versions/" + alias;
      if (links.contains(link)) continue;
      if (!versions.contains(target))
        report.left_out.push_back(link);
      else if (wanted_.unasked.contains(alias) && !state_.links.contains(link))
        links.emplace(link, target);
    }
    return links;
  }

  void plan_links(HostReport& report, const LinkWishes& wishes) {
    for (const auto& [link, target] : links_then(wishes, report)) {
      const auto found = state_.links.find(link);
      if (found != state_.links.end() && found->second == target) continue;
      report.links.push_back(link);
      finish_.links.emplace(link, target);
    }
  }

  const Destination& destination_;
  const Wanted& wanted_;
  SentContent& content_;
  const RemoteHost& host_;
  OthersChoices choices_;
  Tell tell_;
  RemoteState state_;
  HostRecords there_;
  RemoteHost::Finish finish_;
  std::vector<std::string> files_;   // to be brought
  std::vector<std::string> mended_;  // directories there that get other records
};

}  // namespace

std::vector<HostReport> sync(const Destination& destination, const SyncRequest& request,
                             const std::function<void(const std::string& host, const std::string& what)>& tell) {
  const auto wanted = wanted_of(destination, request);
  std::vector<RemoteHost> hosts;
  std::vector<HostReport> reports;
  for (const auto& [name, address] : request.hosts) {
    hosts.emplace_back(name, address, destination.root());
    reports.push_back(empty_report(name, address));
  }
  SentContent content(destination, wanted, request.threads);
  std::mutex mutex;
  constexpr unsigned most_at_once = 16;
  for_each_index(hosts.size(), most_at_once, [&](std::size_t i) {
    const auto tell_of_host = [&](const std::string& what) {
      const std::lock_guard guard(mutex);
      tell(reports[i].name, what);
    };
    try {
      HostSync host(destination, wanted, content, hosts[i], request.choices, tell_of_host);
      if (request.mode == SyncMode::dry_run) {
        host.look(reports[i]);
        return;
      }
      // One process at a time brings something to a host.
      const auto lock =
          DestinationLock::acquire(destination.own("sync-" + reports[i].name), request.patience, tell_of_host);
      const SignsOfLife signs(lock, request.patience.with_silence);
      host.copy(lock, reports[i]);
    } catch (const std::exception& error) {
      reports[i] = empty_report(reports[i].name, reports[i].address);
      reports[i].failure = error.what();
    }
  });
  return reports;
}

}  // namespace karapace::release
