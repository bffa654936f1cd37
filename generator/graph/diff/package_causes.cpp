// SPDX-License-Identifier: Apache-2.0
// Packages, and what was asked for. The lock tells which packages were asked for by name, not which one needs which: so
// what came or went unasked is told as a consequence of the one cause that there is, and of all together when there
// are several.
#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "generator/graph/diff/lock_causes.hpp"
#include "generator/manifest/package_request.hpp"

namespace karapace::diff {

namespace {

// A package of one side: in the base, on top of it, or (an upgrade) in both.
struct OneSide {
  const lock::LockedPackage* base = nullptr;
  const lock::LockedPackage* top = nullptr;
  const lock::LockedPackage& final() const { return top != nullptr ? *top : *base; }
  explicit operator bool() const { return base != nullptr || top != nullptr; }
};

struct Both {
  OneSide before;
  OneSide after;
};

bool same_content(const lock::LockedPackage* a, const lock::LockedPackage* b) {
  if (a == nullptr || b == nullptr) return a == b;
  return a->sha256 == b->sha256 && a->size == b->size;
}

std::vector<Sha256> contents(const std::vector<lock::LockedPackage>& packages) {
  std::vector<Sha256> all;
  for (const auto& package : packages) all.push_back(package.sha256);
  return all;
}

bool equal_lists(const std::vector<lock::LockedPackage>& a, const std::vector<lock::LockedPackage>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const lock::LockedPackage& x, const lock::LockedPackage& y) {
                      return x.sha256 == y.sha256 && x.size == y.size && x.name == y.name && x.version == y.version;
                    });
}

std::string base_text(const lock::Lock& lock) {
  if (lock.image) return "image " + lock.image->layers.back().sha256.short_hex();
  if (lock.archive) return "archive " + lock.archive->sha256.short_hex();
  return fmt::format("{}/{}", lock.distribution, lock.suite);
}

std::string repository_text(const lock::LockedRepositoryRequest& repository) {
  return fmt::format("{} {}", repository.suite, fmt::join(repository.components, " "));
}

class PackageComparison {
 public:
  PackageComparison(std::vector<Cause>& causes, const LockPair& locks)
      : causes_(causes), locks_(locks), before_(locks.before), after_(locks.after), whole_(locks.whole()) {}

  void run() {
    compare_ground();
    compare_requests();
    compare_packages();
    attribute();
    if (whole_) append_requests();
    compare_order();
    std::erase_if(found_, [](const Cause& cause) { return cause.kind == CauseKind::request && cause.details.empty(); });
    causes_.insert(causes_.end(), std::make_move_iterator(found_.begin()), std::make_move_iterator(found_.end()));
  }

 private:
  using Requests = std::map<std::string, std::string>;  // by name, with the whole word: "git", "git=1:2.39*"

  static Requests requests_of(const lock::Lock& lock) {
    Requests requests;
    for (const auto& word : lock.request.packages) {
      const auto asked = manifest::package_request(word);
      const bool is_own = asked.architecture == lock.architecture;
      requests.emplace(is_own ? asked.name : asked.qualified_name(), word);
    }
    return requests;
  }

  /// What makes every package another one: the base and the architecture.
  void compare_ground() {
    if (locks_.other_base()) add(CauseKind::base, Stage::base, "base", base_text(before_), base_text(after_));
    bool known = !before_.architecture.empty() && !after_.architecture.empty();
    if (known && before_.architecture != after_.architecture) {
      add(CauseKind::architecture, Stage::base, "architecture", before_.architecture, after_.architecture);
    }
    has_ground_ = !found_.empty();
  }

  void compare_requests() {
    asked_before_ = requests_of(before_);
    asked_after_ = requests_of(after_);
    if (!whole_) return;
    if (before_.request.recommends != after_.request.recommends) {
      auto word = [](const lock::Lock& lock) { return lock.request.recommends ? "wanted" : "left out"; };
      add(CauseKind::recommends, Stage::environment, "recommends", word(before_), word(after_));
    }
    compare_holds(after_.request.hold, before_.request.hold, "held now");
    compare_holds(before_.request.hold, after_.request.hold, "no longer held");
    compare_preferences();
    compare_repositories();
  }

  void compare_preferences() {
    const auto& before = before_.request.prefer;
    const auto& after = after_.request.prefer;
    const auto known = found_.size();
    auto tell = [&](const std::vector<std::string>& here, const std::vector<std::string>& there,
                    std::string_view word) {
      for (const auto& preference : here) {
        if (std::find(there.begin(), there.end(), preference) != there.end()) continue;
        add(CauseKind::request, Stage::environment, preference, std::nullopt, std::nullopt).details.emplace_back(word);
      }
    };
    tell(after, before, "preferred now");
    tell(before, after, "no longer preferred");
    if (found_.size() == known && before != after)
      add(CauseKind::request, Stage::environment, "system.prefer", std::nullopt, std::nullopt)
          .details.emplace_back("in another order");
  }

  /// What only one of two sorted lists has.
  void compare_holds(const std::vector<std::string>& here, const std::vector<std::string>& there,
                     std::string_view word) {
    for (const auto& name : here) {
      if (std::binary_search(there.begin(), there.end(), name)) continue;
      add(CauseKind::request, Stage::environment, name, std::nullopt, std::nullopt).details.emplace_back(word);
    }
  }

  void compare_repositories() {
    std::map<std::string, std::pair<const lock::LockedRepositoryRequest*, const lock::LockedRepositoryRequest*>> all;
    for (const auto& repository : before_.request.repositories) all[repository.name].first = &repository;
    for (const auto& repository : after_.request.repositories) all[repository.name].second = &repository;
    for (const auto& [name, pair] : all) {
      const auto& [old, now] = pair;
      if (old != nullptr && now != nullptr && *old == *now) continue;
      auto& cause = add(CauseKind::repository, Stage::environment, name, std::nullopt, std::nullopt);
      if (old == nullptr) {
        cause.details.push_back(fmt::format("is new ({})", repository_text(*now)));
      } else if (now == nullptr) {
        cause.details.push_back("is gone");
      } else {
        if (repository_text(*old) != repository_text(*now)) {
          cause.details.push_back(fmt::format("{} → {}", repository_text(*old), repository_text(*now)));
        }
        if (old->key_content != now->key_content) cause.details.push_back("another key");
        if (cause.details.empty()) cause.details.push_back(fmt::format("key {} → {}", old->key, now->key));
      }
    }
  }

  void compare_packages() {
    if (equal_lists(before_.base, after_.base) && equal_lists(before_.packages, after_.packages)) {
      for (const auto& package : after_.base) present_.insert(name_in(after_, package));
      for (const auto& package : after_.packages) present_.insert(name_in(after_, package));
      compare_locations();
      return;
    }
    std::map<std::string, Both> all;
    for (const auto& package : before_.base) all[name_in(before_, package)].before.base = &package;
    for (const auto& package : before_.packages) all[name_in(before_, package)].before.top = &package;
    for (const auto& package : after_.base) all[name_in(after_, package)].after.base = &package;
    for (const auto& package : after_.packages) all[name_in(after_, package)].after.top = &package;
    for (const auto& [name, both] : all) {
      if (both.after) present_.insert(name);
      compare_package(name, both);
    }
    compare_locations();
  }

  void compare_package(const std::string& name, const Both& both) {
    bool same_base = same_content(both.before.base, both.after.base);
    if (same_base && same_content(both.before.top, both.after.top)) return;
    packages_changed_ = true;
    auto stage = same_base ? Stage::packages : Stage::base;
    PackageChange change{name, std::nullopt, std::nullopt};
    if (both.before) change.before = both.before.final().version;
    if (both.after) change.after = both.after.final().version;
    if (!both.before) {
      changed(std::move(change), CauseKind::package_added, stage,
              locks_.of_after == Knowledge::outline || asked_after_.contains(name));
    } else if (!both.after) {
      changed(std::move(change), CauseKind::package_removed, stage,
              locks_.of_before == Knowledge::outline || asked_before_.contains(name));
    } else if (has_ground_) {
      follow(std::move(change), stage);
    } else {
      compare_versions_of(change, both, stage);
    }
  }

  void compare_versions_of(const PackageChange& change, const Both& both, Stage stage) {
    const auto& old = both.before.final();
    const auto& now = both.after.final();
    if (old.version != now.version) {
      const auto order = lock::compare_versions(lock::package_family(after_), old.version, now.version);
      const auto kind = order > 0 ? CauseKind::package_downgraded : CauseKind::package_upgraded;
      add(kind, stage, change.name, change.before, change.after);
    } else if (!same_content(&old, &now)) {
      auto& cause = add(CauseKind::package_rebuilt, stage, change.name, change.before, change.after);
      cause.details.push_back(fmt::format("sha256 {} → {}", old.sha256.short_hex(), now.sha256.short_hex()));
    } else {
      auto& cause = add(CauseKind::package_moved, stage, change.name, change.before, change.after);
      cause.details.push_back(both.after.top == nullptr    ? "now in the base, was installed on top"
                              : both.after.base == nullptr ? "now installed on top, was in the base"
                                                           : "in the base it is another one");
    }
  }

  /// A package that came or went: a cause when somebody asked for it (or nothing tells), else waiting for one.
  void changed(PackageChange change, CauseKind kind, Stage stage, bool asked) {
    if (has_ground_ && (!asked || !whole_)) {
      follow(std::move(change), stage);
    } else if (asked) {
      add(kind, stage, change.name, change.before, change.after);
    } else {
      waiting_.push_back({std::move(change), stage});
    }
  }

  void follow(PackageChange change, Stage stage) {
    found_[0].stage = std::min(found_[0].stage, stage);
    found_[0].follows.push_back(std::move(change));
  }

  /// The same packages from elsewhere. A graph can not tell: there the locks' places are made one.
  void compare_locations() {
    if (!whole_ || has_ground_) return;
    std::unordered_map<Sha256, const lock::LockedPackage*> old;
    for (const auto* list : {&before_.base, &before_.packages}) {
      for (const auto& package : *list) old.emplace(package.sha256, &package);
    }
    for (const auto* list : {&after_.base, &after_.packages}) {
      for (const auto& package : *list) {
        auto found = old.find(package.sha256);
        if (found == old.end() || same_place(*found->second, package) || found->second->name != package.name ||
            found->second->version != package.version) {
          continue;
        };
        auto place = [](const lock::LockedPackage& one) { return fmt::format("{}:{}", one.repository, one.path); };
        add(CauseKind::location, Stage::environment, package.name, place(*found->second), place(package));
      }
    }
  }

  /// Locks of format 1 know the archive alone.
  bool same_place(const lock::LockedPackage& old, const lock::LockedPackage& now) const {
    const bool both_know = before_.format == after_.format;
    return old.path == now.path && (both_know ? old.repository == now.repository : old.archive() == now.archive());
  }

  /// Names that were asked for anew or no more without a package of that name that came or went.
  void append_requests() {
    auto explained = [&](const std::string& name) {
      return std::any_of(found_.begin(), found_.end(), [&](const Cause& cause) {
        bool package = cause.kind == CauseKind::package_added || cause.kind == CauseKind::package_removed;
        return package && cause.subject == name;
      });
    };
    auto word = [&](const std::string& name, std::string_view present, std::string_view absent) {
      auto known = std::find_if(found_.begin(), found_.end(), [&](const Cause& cause) {
        return cause.kind == CauseKind::request && cause.subject == name;
      });
      auto& cause = known != found_.end()
                        ? *known
                        : add(CauseKind::request, Stage::environment, name, std::nullopt, std::nullopt);
      cause.details.emplace_back(present_.contains(name) ? present : absent);
    };
    for (const auto& [name, wanted] : asked_after_) {
      auto before = asked_before_.find(name);
      if (before == asked_before_.end() && !explained(name)) {
        word(name, "asked for by name now; it was there already", "asked for now");
      }
      if (before != asked_before_.end() && before->second != wanted) {
        auto& cause = add(CauseKind::request, Stage::environment, name, std::nullopt, std::nullopt);
        cause.details.push_back(fmt::format("asked for as {}, was {}", wanted, before->second));
      }
    }
    for (const auto& [name, wanted] : asked_before_) {
      if (!asked_after_.contains(name) && !explained(name)) {
        word(name, "not asked for by name any more; it stays", "not asked for any more");
      }
    }
  }

  /// Asking for a name that other packages provide brings them.
  void add_virtual_requests() {
    auto differ = [&](const Requests& there, const Requests& here) {
      for (const auto& [name, word] : there) {
        bool package =
            std::any_of(found_.begin(), found_.end(), [&](const Cause& cause) { return cause.subject == name; });
        if (!here.contains(name) && !present_.contains(name) && !package) {
          add(CauseKind::request, Stage::environment, name, std::nullopt, std::nullopt);
        }
      }
    };
    differ(asked_after_, asked_before_);
    differ(asked_before_, asked_after_);
  }

  bool brings(const Cause& cause) const { return cause.kind != CauseKind::package_removed && brings_or_takes(cause); }
  bool takes(const Cause& cause) const { return cause.kind != CauseKind::package_added && brings_or_takes(cause); }
  bool brings_or_takes(const Cause& cause) const {
    return cause.kind != CauseKind::location && cause.kind != CauseKind::package_moved;
  }

  /// Gives packages that came or went unasked to the causes that can be behind it: for those that came not what was
  /// removed, for those that went not what was added, as long as there are others.
  void attribute() {
    if (waiting_.empty()) return;
    if (whole_) add_virtual_requests();
    std::vector<Waiting> shared;
    auto candidates = [&](bool (PackageComparison::*may)(const Cause&) const) {
      std::vector<std::size_t> all;
      for (std::size_t i = 0; i < found_.size(); ++i) {
        if ((this->*may)(found_[i])) all.push_back(i);
      }
      return all;
    };
    auto bringing = candidates(&PackageComparison::brings);
    auto taking = candidates(&PackageComparison::takes);
    auto any = candidates(&PackageComparison::brings_or_takes);
    if (bringing.empty()) bringing = any;
    if (taking.empty()) taking = any;
    for (auto& [change, stage] : waiting_) {
      const auto& behind = change.before ? taking : bringing;
      if (behind.size() == 1) {
        found_[behind[0]].stage = std::min(found_[behind[0]].stage, stage);
        found_[behind[0]].follows.push_back(std::move(change));
      } else if (behind.empty()) {
        orphans_.push_back({std::move(change), stage});
      } else {
        shared.push_back({std::move(change), stage});
      }
    }
    add_shared(std::move(shared));
    for (auto& [change, stage] : orphans_) {
      auto kind = change.before ? CauseKind::package_removed : CauseKind::package_added;
      add(kind, stage, change.name, change.before, change.after).details.push_back("not asked for by name");
    }
  }

  struct Waiting {
    PackageChange change;
    Stage stage{};
  };

  void add_shared(std::vector<Waiting> shared) {
    if (shared.empty()) return;
    auto& cause = add(CauseKind::dependencies, Stage::environment, "dependencies", std::nullopt, std::nullopt);
    for (auto& [change, stage] : shared) {
      cause.stage = std::min(cause.stage, stage);
      cause.follows.push_back(std::move(change));
    }
  }

  void compare_order() {
    if (packages_changed_) return;
    auto one = [&](const std::vector<lock::LockedPackage>& before, const std::vector<lock::LockedPackage>& after,
                   Stage stage) {
      if (contents(before) == contents(after)) return;
      add(CauseKind::package_order, stage, stage == Stage::base ? "base packages" : "packages", std::nullopt,
          std::nullopt);
    };
    one(before_.base, after_.base, Stage::base);
    one(before_.packages, after_.packages, Stage::packages);
  }

  Cause& add(CauseKind kind, Stage stage, std::string subject, std::optional<std::string> before,
             std::optional<std::string> after) {
    found_.push_back({kind, stage, std::move(subject), std::move(before), std::move(after), {}, {}});
    return found_.back();
  }

  std::vector<Cause>& causes_;
  const LockPair& locks_;
  const lock::Lock& before_;
  const lock::Lock& after_;
  bool whole_;
  bool has_ground_ = false;  // found_[0] is a change that every package may follow
  bool packages_changed_ = false;
  Requests asked_before_;
  Requests asked_after_;
  std::set<std::string> present_;  // names of packages after
  std::vector<Cause> found_;
  std::vector<Waiting> waiting_;
  std::vector<Waiting> orphans_;
};

}  // namespace

void append_package_causes(std::vector<Cause>& causes, const LockPair& locks) {
  PackageComparison(causes, locks).run();
}

}  // namespace karapace::diff
