// SPDX-License-Identifier: Apache-2.0
#include "generator/graph/diff/lock_causes.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/json/text.hpp"
#include "store/runtime_configuration.hpp"

namespace karapace::diff {

namespace {

using Variables = std::map<std::string, std::string>;

void append_settings(std::vector<Cause>& causes, CauseKind kind, const Variables& before, const Variables& after,
                     Stage stage = Stage::environment) {
  for (const auto& [name, value] : before) {
    auto found = after.find(name);
    if (found == after.end()) {
      causes.push_back({kind, stage, name, value, std::nullopt, {}, {}});
    } else if (found->second != value) {
      causes.push_back({kind, stage, name, value, found->second, {}, {}});
    }
  }
  for (const auto& [name, value] : after) {
    if (!before.contains(name)) causes.push_back({kind, stage, name, std::nullopt, value, {}, {}});
  }
}

Variables mounts(const store::RuntimeConfiguration& runtime) {
  Variables all;
  for (const auto& mount : runtime.mounts) {
    all[mount.label] = fmt::format("{} on {}{}", mount.host, mount.target,
                                   mount.access == store::MountAccess::read_only ? ", read-only" : "");
  }
  return all;
}

std::string shown(const lock::DebRepository& repository) {
  return fmt::format("{} {}", repository.archive, repository.suite);
}

/// What happened to a repository that both locks use, and that is another one now.
std::string change_of(const lock::DebRepository& old, const lock::DebRepository& now) {
  if (old.date != now.date) {
    auto day = [](const std::string& date) { return date.substr(0, date.find('T')); };
    bool days = day(old.date) != day(now.date);
    return days ? fmt::format("{} {} → {}", shown(now), day(old.date), day(now.date))
                : fmt::format("{} {} → {}", shown(now), old.date, now.date);
  }
  return old.signers != now.signers ? fmt::format("{} is signed by others", shown(now))
                                    : fmt::format("{} has other indexes", shown(now));
}

const lock::LockedRepository* find_repository(const lock::Lock& lock, const lock::LockedRepository& wanted) {
  auto same = [&](const lock::LockedRepository& one) { return name_of(one) == name_of(wanted); };
  auto found = std::find_if(lock.repositories.begin(), lock.repositories.end(), same);
  return found == lock.repositories.end() ? nullptr : &*found;
}

std::vector<std::string> moved_archives(const lock::Lock& before, const lock::Lock& after) {
  std::vector<std::string> all;
  auto word = [](const lock::LockedRepository& one) {
    return std::visit([](const auto& repository) { return shown(repository); }, one);
  };
  for (const auto& now : after.repositories) {
    const auto* old = find_repository(before, now);
    if (old == nullptr) {
      all.push_back(fmt::format("{} is new", word(now)));
    } else if (*old != now) {
      all.push_back(std::visit([](const auto& left, const auto& right) { return change_of(left, right); }, *old, now));
    }
  }
  for (const auto& old : before.repositories) {
    if (find_repository(after, old) == nullptr) all.push_back(fmt::format("{} is gone", word(old)));
  }
  return all;
}

}  // namespace

bool LockPair::other_base() const {
  if (before.image || after.image) {
    const auto layers = [](const lock::Lock& lock) {
      return lock.image ? lock.image->layers : std::vector<lock::LockedImageLayer>{};
    };
    return layers(before) != layers(after) || before.archive != after.archive;
  }
  if (before.archive || after.archive) return before.archive != after.archive;
  return before.distribution != after.distribution || before.suite != after.suite;
}

/// As settings with names: "entrypoint", "labels.org.example.team".
Variables image_settings(const store::ImageSettings& image) {
  Variables settings;
  const auto put = [&](const std::string& name, const std::string& value) {
    if (!value.empty()) settings.emplace(name, value);
  };
  const auto put_words = [&](const std::string& name, const std::vector<std::string>& words) {
    if (!words.empty()) append_json(settings[name], words, ",");
  };
  put_words("entrypoint", image.entrypoint);
  put_words("command", image.command);
  put("working_directory", image.working_directory);
  put("user", image.user);
  for (const auto& [name, value] : image.labels) settings.emplace("labels." + name, value);
  return settings;
}

void append_runtime_causes(std::vector<Cause>& causes, const LockPair& locks) {
  const auto& [before, after, of_before, of_after] = locks;
  append_settings(causes, CauseKind::answer, before.answers, after.answers, Stage::packages);
  append_settings(causes, CauseKind::variable, lock::runtime_of(before).variables, lock::runtime_of(after).variables);
  append_settings(causes, CauseKind::mount, mounts(before.runtime), mounts(after.runtime));
  append_settings(causes, CauseKind::image, image_settings(before.runtime.image), image_settings(after.runtime.image));
  if (before.runtime.network_isolation != after.runtime.network_isolation) {
    auto word = [](const lock::Lock& lock) { return lock.runtime.network_isolation ? "isolated" : "the host's"; };
    causes.push_back({CauseKind::network, Stage::environment, "network", word(before), word(after), {}, {}});
  }
  if (before.runtime.project != after.runtime.project) {
    auto word = [](const lock::Lock& lock) {
      return lock.runtime.project == store::ProjectAccess::read_only ? "read-only" : "read-write";
    };
    causes.push_back({CauseKind::project, Stage::environment, "project", word(before), word(after), {}, {}});
  }
}

// Called last: another base means other archives, which need no mention of their own.
void append_archive_causes(std::vector<Cause>& causes, const LockPair& locks) {
  const auto& [before, after, of_before, of_after] = locks;
  bool other_suite = locks.other_base() && (before.distribution != after.distribution || before.suite != after.suite);
  if (other_suite) return;
  Cause cause{CauseKind::archives, Stage::environment, "archives", std::nullopt, std::nullopt, {}, {}};
  if (locks.whole()) cause.details = moved_archives(before, after);
  const bool are_a_repositorys =
      std::any_of(causes.begin(), causes.end(), [](const Cause& one) { return one.kind == CauseKind::repository; });
  if (cause.details.empty() || are_a_repositorys) return;
  causes.push_back(std::move(cause));
}

std::vector<Cause> lock_causes(const LockPair& locks) {
  std::vector<Cause> causes;
  append_package_causes(causes, locks);
  append_setup_causes(causes, locks);
  append_layer_causes(causes, locks);
  append_runtime_causes(causes, locks);
  append_archive_causes(causes, locks);
  std::sort(causes.begin(), causes.end());
  return causes;
}

}  // namespace karapace::diff
