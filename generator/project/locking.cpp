// SPDX-License-Identifier: Apache-2.0
#include "generator/project/locking.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/utsname.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/nearest_word.hpp"
#include "base/words.hpp"
#include "generator/lock/intent.hpp"
#include "generator/lock/lock.hpp"
#include "generator/lock/lock_file.hpp"
#include "generator/manifest/package_request.hpp"
#include "generator/project/base_archive.hpp"
#include "generator/project/locked_image.hpp"
#include "generator/project/locked_release.hpp"

namespace karapace::project {

namespace {

/// The version that each package has in the end: an upgrade on top hides what the base has.
std::map<std::string, std::string> versions(const lock::Lock& lock) {
  std::map<std::string, std::string> all;
  for (const auto* list : {&lock.base, &lock.packages}) {
    for (const auto& package : *list) all[name_in(lock, package)] = package.version;
  }
  return all;
}

/// What a new lock installs that the old one did not, by name.
std::vector<diff::PackageChange> package_changes(const lock::Lock& before, const lock::Lock& after) {
  auto old = versions(before);
  auto now = versions(after);
  std::map<std::string, diff::PackageChange> changes;
  for (const auto& [name, version] : old) changes[name] = {name, version, std::nullopt};
  for (const auto& [name, version] : now) {
    auto& change = changes[name];
    change.name = name;
    change.after = version;
  }
  std::vector<diff::PackageChange> all;
  for (auto& [name, change] : changes) {
    if (change.before != change.after) all.push_back(std::move(change));
  }
  return all;
}

/// Those that packages are asked for by, "i386" of "libc6:i386", and those of held ones that the lock there was has.
std::set<std::string> requested_architectures(const lock::LockedRequest& request,
                                              const std::optional<lock::Lock>& old) {
  std::set<std::string> all;
  for (const auto& word : request.packages) all.insert(manifest::package_request(word).architecture);
  if (!old) return all;
  const auto& before = old->foreign_architectures;
  for (const auto& word : request.hold) {
    auto architecture = manifest::package_request(word).architecture;
    if (std::ranges::find(before, architecture) != before.end()) all.insert(std::move(architecture));
  }
  return all;
}

/// Nothing is asked of the archives: what is there then is the base archive's matter alone.
bool resolves_nothing(const lock::LockedRequest& request) {
  return request.packages.empty() && request.hold.empty() && request.prefer.empty();
}

// The making of a new lock, with the old one's versions kept.
class Renewal {
 public:
  Renewal(const Project& project, const LockSettings& settings, const std::optional<lock::Lock>& old,
          lock::Intent intent)
      : project_(project), settings_(settings), old_(old), intent_(std::move(intent)) {}

  LockResult run() {
    LockResult result;
    adopt_intent(result.lock);
    if (old_ && old_->request == intent_.request && settings_.upgrade.scope == resolve::Upgrade::Scope::none) {
      adopt_resolution(result.lock);
    } else {
      resolve_into(result);
    }
    if (result.lock.packages.empty() && !result.lock.answers.empty())
      throw LockError(
          "lock: system.answers: the base has all of system.packages and configured them already, so none of "
          "them asks anything; change what they made by [setup] run");
    return result;
  }

 private:
  void adopt_intent(lock::Lock& lock) const {
    lock.request = intent_.request;
    lock.files = intent_.files;
    lock.answers = intent_.answers;
    lock.run = intent_.run;
    lock.layers = intent_.layers;
    lock.runtime = intent_.runtime;
    lock.release = intent_.release;
  }

  void adopt_resolution(lock::Lock& lock) const {
    lock.format = old_->format;
    lock.distribution = old_->distribution;
    lock.suite = old_->suite;
    lock.architecture = old_->architecture;
    lock.foreign_architectures = old_->foreign_architectures;
    lock.archive = old_->archive;
    lock.image = old_->image;
    lock.repositories = old_->repositories;
    lock.base = old_->base;
    lock.packages = old_->packages;
  }

  void resolve_into(LockResult& result) const {
    lock::Lock& lock = result.lock;
    lock.architecture = old_ ? old_->architecture : host_architecture();
    std::optional<std::string> status;
    std::set<std::string> architectures = requested_architectures(lock.request, old_);
    const auto build_on = [&](BaseContents contents) {
      lock.distribution = std::move(contents.distribution);
      lock.suite = std::move(contents.suite);
      status = std::move(contents.dpkg_status);
      for (auto name : lines(contents.architectures)) architectures.emplace(trimmed(name));
    };
    const auto directory = project_.directory();
    if (const auto* archive = std::get_if<manifest::BaseArchive>(&project_.manifest.base)) {
      lock.archive = locked_archive(*archive, old_ ? old_->archive : std::nullopt, directory, settings_.paths);
      if (resolves_nothing(lock.request)) return;
      build_on(read_archive(*archive, *lock.archive, directory, settings_.paths));
    } else if (const auto* image = std::get_if<manifest::BaseImage>(&project_.manifest.base)) {
      lock.image = image_for(*image, result);
      if (resolves_nothing(lock.request)) return;
      build_on(read_image(*image, *lock.image, directory, settings_.paths));
    } else {
      const auto& suite = std::get<manifest::BaseSuite>(project_.manifest.base);
      lock.distribution = suite.distribution;
      lock.suite = suite.suite;
    }
    for (const auto& name : architectures)
      if (!name.empty() && name != lock.architecture) lock.foreign_architectures.push_back(name);
    auto resolution = resolve::resolve(request(lock, std::move(status)));
    lock.repositories = std::move(resolution.repositories);
    lock.base = std::move(resolution.base);
    lock.packages = std::move(resolution.packages);
    std::ranges::move(resolution.notes, std::back_inserter(result.notes));
    note_exact_upgrades(result);
  }

  /// That of the lock there was, until an upgrade of everything: a tag may mean another one by now.
  lock::LockedImage image_for(const manifest::BaseImage& image, LockResult& result) const {
    const bool is_known = old_ && old_->image && old_->request.base_image == image.location;
    if (is_known && settings_.upgrade.scope != resolve::Upgrade::Scope::everything) return *old_->image;
    auto found = locked_image(image, result.lock.architecture, project_.directory(), settings_.paths);
    result.notes.insert(result.notes.end(), found.notes.begin(), found.notes.end());
    return std::move(found.image);
  }

  void note_exact_upgrades(LockResult& result) const {
    for (const auto& word : intent_.request.packages) {
      auto wanted = manifest::package_request(word);
      auto names_it = [&](const std::string& name) { return name == wanted.name || name == wanted.qualified_name(); };
      if (!wanted.is_exact() || std::ranges::none_of(settings_.upgrade.names, names_it)) continue;
      result.notes.push_back(
          fmt::format("--upgrade {}: system.packages asks for exactly {}, so it stays; write another version there",
                      wanted.qualified_name(), wanted.version));
    }
  }

  resolve::ResolveRequest request(const lock::Lock& lock, std::optional<std::string> status) const {
    resolve::ResolveRequest request;
    request.distribution = lock.distribution;
    request.suite = lock.suite;
    request.architecture = lock.architecture;
    request.foreign_architectures = lock.foreign_architectures;
    request.base_status = std::move(status);
    request.packages = lock.request.packages;
    request.recommends = lock.request.recommends ? resolve::Recommends::yes : resolve::Recommends::no;
    request.hold = project_.manifest.hold;
    request.prefer = project_.manifest.prefer;
    request.upgrade = settings_.upgrade;
    request.rollback = settings_.rollback;
    if (old_) request.known = old_->repositories;
    request.cache = settings_.paths.cache;
    keep_versions(request, lock);
    resolve::MirrorsRequest mirrors{.distribution = lock.distribution,
                                    .architecture = lock.architecture,
                                    .additional = {},
                                    .configuration = settings_.paths.configuration,
                                    .cache = settings_.paths.cache};
    std::map<std::string, manifest::Place> places;
    for (const auto& repository : project_.manifest.repositories) {
      mirrors.additional[repository.name] = repository.uri;
      places[repository.name] = repository.uri_place;
    }
    for (const auto& repository : lock.request.repositories) {
      request.repositories.push_back({repository.name, project_.directory() / repository.key, repository.key_content,
                                      repository.suite, repository.components, places[repository.name]});
    }
    request.mirrors = resolve::find_mirrors(mirrors);
    return request;
  }

  void keep_versions(resolve::ResolveRequest& request, const lock::Lock& lock) const {
    if (!old_ || old_->distribution != lock.distribution || old_->suite != lock.suite) return;
    request.keep = old_->base;
    request.keep.insert(request.keep.end(), old_->packages.begin(), old_->packages.end());
  }

  const Project& project_;
  const LockSettings& settings_;
  const std::optional<lock::Lock>& old_;
  lock::Intent intent_;
};

std::string shown(const Project& project) { return escaped_utf8(project.lock_path.native()); }

lock::Lock required_lock(const Project& project, std::optional<lock::Lock> lock) {
  if (lock) return std::move(*lock);
  throw LockError(fmt::format("there is no lock {}: make it with `karapace lock`", shown(project)));
}

LockResult unchanged(lock::Lock lock, std::map<std::filesystem::path, std::int64_t> watched = {}) {
  LockResult result;
  result.watched = std::move(watched);
  result.canonical = lock::serialise(lock);
  result.lock = std::move(lock);
  return result;
}

struct WantedRelease {
  std::optional<lock::LockedRelease> release;
  std::map<std::filesystem::path, std::int64_t> watched;
  std::vector<std::string> notes;
};

WantedRelease release_of(const Project& project, const LockSettings& settings, const std::optional<lock::Lock>& old) {
  if (!project.manifest.release) return {};
  ReleaseLocking how;
  if (settings.policy == LockPolicy::locked) how.network = ReleaseLocking::Network::left_out;
  how.upgrade = settings.upgrade.scope == resolve::Upgrade::Scope::everything;
  how.upgraded_sources = settings.upgrade.names;
  auto found = locked_release(project, old ? old->release : std::nullopt, how, settings.paths);
  return {std::move(found.release), std::move(found.watched), std::move(found.notes)};
}

/// Of the packages of the lock and those that the manifest asks for; nothing when there is no lock.
std::optional<std::set<std::string>> package_names(const Project& project) {
  auto lock = lock::read_lock_if_exists(project.lock_path);
  if (!lock) return std::nullopt;
  std::set<std::string> names;
  for (const auto& word : project.manifest.packages) names.insert(manifest::package_request(word).qualified_name());
  for (const auto* list : {&lock->base, &lock->packages}) {
    for (const auto& package : *list) names.insert({package.name, name_in(*lock, package)});
  }
  return names;
}

/// Of [[source]]s.
std::set<std::string> source_names(const Project& project) {
  std::set<std::string> names;
  if (project.manifest.release)
    for (const auto& source : project.manifest.release->sources) names.insert(source.name);
  return names;
}

/// What is to be resolved anew: packages, and no sources.
resolve::Upgrade upgrade_of_packages(const Project& project, resolve::Upgrade upgrade) {
  if (upgrade.scope != resolve::Upgrade::Scope::named) return upgrade;
  const auto sources = source_names(project);
  const auto packages = package_names(project).value_or(std::set<std::string>());
  std::erase_if(upgrade.names, [&](const auto& name) { return sources.contains(name) && !packages.contains(name); });
  if (upgrade.names.empty()) upgrade.scope = resolve::Upgrade::Scope::none;
  return upgrade;
}

[[noreturn]] void refuse_upgrade(const std::string& name, const std::set<std::string>& names,
                                 const std::filesystem::path& working_directory) {
  std::vector<std::string_view> known(names.begin(), names.end());
  auto meant = nearest_word(name, known);
  std::string hint = meant ? fmt::format("; did you mean \"{}\"?", *meant) : "";
  std::error_code error;
  if (std::filesystem::exists(working_directory / name / "karapace.toml", error))
    hint = fmt::format("; a manifest stands before --upgrade, or as \"./{}\"", name);
  throw UsageError(fmt::format("--upgrade: the lock has no package \"{}\"{}", name, hint));
}

}  // namespace

std::string_view text(LockState state) noexcept {
  switch (state) {
    case LockState::unchanged: return "unchanged";
    case LockState::updated: return "updated";
    case LockState::created: return "created";
  }
  return "unchanged";
}

std::string host_architecture() {
  using Pair = std::pair<std::string_view, std::string_view>;
  static constexpr std::array<Pair, 8> words = {{{"x86_64", "amd64"},
                                                 {"aarch64", "arm64"},
                                                 {"armv7l", "armhf"},
                                                 {"i686", "i386"},
                                                 {"ppc64le", "ppc64el"},
                                                 {"riscv64", "riscv64"},
                                                 {"s390x", "s390x"},
                                                 {"loongarch64", "loong64"}}};
  struct utsname names{};
  ::uname(&names);
  for (const auto& [machine, architecture] : words) {
    if (machine == names.machine) return std::string(architecture);
  }
  throw Error(fmt::format("lock: Debian has no architecture for the machine \"{}\"", names.machine));
}

void check_upgrade(const resolve::Upgrade& upgrade, std::span<const std::filesystem::path> manifests,
                   const std::filesystem::path& working_directory) {
  if (upgrade.scope != resolve::Upgrade::Scope::named) return;
  std::set<std::string> known;
  for (const auto& manifest : manifests) {
    const auto project = open_project(manifest, working_directory);
    auto names = package_names(project);
    if (!names) return;
    known.merge(*names);
    known.merge(source_names(project));
  }
  for (const auto& name : upgrade.names) {
    if (!known.contains(name)) refuse_upgrade(name, known, working_directory);
  }
}

LockResult bring_lock_up_to_date(const Project& project, const LockSettings& asked) {
  auto old = lock::read_lock_if_exists(project.lock_path);
  if (asked.policy == LockPolicy::frozen) return unchanged(required_lock(project, std::move(old)));
  auto wanted = lock::intent_of(project.manifest, project.directory());
  auto release = release_of(project, asked, old);
  auto settings = asked;
  settings.upgrade = upgrade_of_packages(project, asked.upgrade);
  wanted.release = std::move(release.release);
  std::vector<lock::Difference> why;
  if (old) why = lock::differences(lock::intent_of(*old), wanted);
  if (settings.policy == LockPolicy::locked) {
    auto lock = required_lock(project, std::move(old));
    if (why.empty()) return unchanged(std::move(lock), std::move(release.watched));
    std::vector<std::string> lines;
    for (const auto& difference : why) lines.push_back(text(difference));
    throw LockError(fmt::format("{} does not fit the manifest; run `karapace lock`:\n  {}", shown(project),
                                fmt::join(lines, "\n  ")));
  }
  if (old && why.empty() && settings.upgrade.scope == resolve::Upgrade::Scope::none)
    return unchanged(std::move(*old), std::move(release.watched));
  auto result = Renewal(project, settings, old, std::move(wanted)).run();
  result.canonical = lock::serialise(result.lock);
  result.differences = std::move(why);
  result.watched = std::move(release.watched);
  std::ranges::move(release.notes, std::back_inserter(result.notes));
  if (old) result.packages = package_changes(*old, result.lock);
  if (lock::write_lock(project.lock_path, result.lock)) result.state = old ? LockState::updated : LockState::created;
  return result;
}

}  // namespace karapace::project
