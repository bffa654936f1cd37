// SPDX-License-Identifier: Apache-2.0
// Ways are searched from the package backwards, once for the base and once for what stands on top of it: what was
// installed on top is no reason for the base, and what the base has needed nothing that came later.
#include "generator/project/package_reasons.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.hpp"
#include "base/nearest_word.hpp"
#include "base/words.hpp"
#include "deb/version.hpp"
#include "generator/manifest/package_request.hpp"

namespace karapace::project {

namespace {

struct Node {
  std::string name;
  const lock::LockedPackage* package = nullptr;
  const deb::Stanza* control = nullptr;  // null: not known

  std::string value(std::string_view field) const { return control ? std::string(control->value(field)) : ""; }
};

/// One package's need of another: of nodes by their places.
struct Need {
  std::size_t from = 0;
  std::size_t to = 0;
  ReasonStep step;
};

/// What a node may be needed as: its own name, or one that it provides.
struct Offer {
  std::size_t node = 0;
  std::string version;  // empty: a provided name without one
  bool is_provided = false;
};

/// What makes a package the beginning of ways.
struct Beginning {
  ReasonKind kind{};
  std::string word;
};

/// One resolution's packages and their needs of each other.
class Stage {
 public:
  Stage(const lock::Lock& lock, const std::vector<lock::LockedPackage>& packages, const LockedControls& controls,
        std::vector<std::string_view> fields)
      : lock_(lock), fields_(std::move(fields)) {
    for (const auto& package : packages) {
      const auto control = controls.find(package.sha256);
      nodes_.push_back({name_in(lock, package), &package, control == controls.end() ? nullptr : &control->second});
    }
    for (std::size_t i = 0; i < nodes_.size(); ++i) offer(i);
    needs_.resize(nodes_.size());
    for (std::size_t i = 0; i < nodes_.size(); ++i) add_needs(i);
  }

  const std::vector<Node>& nodes() const noexcept { return nodes_; }
  bool is_needed(std::size_t node) const { return !needs_[node].empty(); }
  /// By its place, the places of what it needs.
  std::vector<std::set<std::size_t>> needed() const {
    std::vector<std::set<std::size_t>> all(nodes_.size());
    for (const auto& needs : needs_)
      for (const auto& need : needs) all[need.from].insert(need.to);
    return all;
  }
  std::optional<std::size_t> find(std::string_view name) const {
    const auto found = std::ranges::find(nodes_, name, &Node::name);
    if (found == nodes_.end()) return std::nullopt;
    return static_cast<std::size_t>(found - nodes_.begin());
  }
  /// The node of this name, else those that provide it: the same package of another architecture is another one.
  std::vector<std::size_t> meant_by(const std::string& name) const {
    if (auto node = find(name)) return {*node};
    std::vector<std::size_t> all;
    for (auto [offer, end] = offers_.equal_range(name); offer != end; ++offer)
      if (offer->second.is_provided) all.push_back(offer->second.node);
    return all;
  }

  /// The shortest way from each beginning to the node, but those that lead through what every system has: that is
  /// reason enough.
  std::vector<Reason> ways_to(std::size_t target, const std::multimap<std::size_t, Beginning>& beginnings) const {
    const auto next = next_on_ways_to(target, beginnings);
    std::vector<Reason> reasons;
    for (const auto& [node, beginning] : beginnings) {
      if (node != target && next[node] == nullptr) continue;
      reasons.push_back({way(node, target, next), beginning.kind, beginning.word});
    }
    return reasons;
  }

 private:
  void offer(std::size_t i) {
    const auto& node = nodes_[i];
    offers_.emplace(node.package->name, Offer{i, node.package->version, false});
    for (const auto& group : deb::alternatives(node.value("Provides"))) {
      for (const auto& one : group) offers_.emplace(one.name, Offer{i, provided_version(one), true});
    }
  }
  /// "1.0" of "= 1.0"
  static std::string provided_version(const deb::Relation& relation) {
    std::string_view text = relation.relation;
    return text.starts_with('=') ? std::string(trimmed(text.substr(1))) : "";
  }

  void add_needs(std::size_t from) {
    for (auto field : fields_) {
      for (const auto& group : deb::alternatives(nodes_[from].value(field))) {
        for (const auto& relation : group) add_needs(from, field, relation);
      }
    }
  }
  void add_needs(std::size_t from, std::string_view field, const deb::Relation& relation) {
    for (auto [found, end] = offers_.equal_range(relation.name); found != end; ++found) {
      const auto& offer = found->second;
      const bool fits = relation.relation.empty() || (!offer.version.empty() && relation.holds_for(offer.version));
      if (offer.node == from || !fits || !serves(nodes_[offer.node], nodes_[from], relation)) continue;
      const auto& node = nodes_[offer.node];
      ReasonStep step{node.name, node.package->version, std::string(field), relation.relation,
                      offer.is_provided ? relation.name : ""};
      needs_[offer.node].push_back({from, offer.node, std::move(step)});
    }
  }
  /// Debian policy of Multi-Arch: which architecture's package a dependency means.
  bool serves(const Node& node, const Node& user, const deb::Relation& relation) const {
    const auto& own = architecture_of(node);
    const auto kind = node.value("Multi-Arch");
    if (own == architecture_of(user) && (relation.architecture.empty() || relation.architecture == "any")) return true;
    if (relation.architecture.empty()) return kind == "foreign";
    return relation.architecture == "any" ? kind == "allowed" : relation.architecture == own;
  }
  const std::string& architecture_of(const Node& node) const {
    return node.package->architecture == "all" ? lock_.architecture : node.package->architecture;
  }

  /// Of each node the need by which a shortest way goes on; null where none leads to the target.
  std::vector<const Need*> next_on_ways_to(std::size_t target,
                                           const std::multimap<std::size_t, Beginning>& beginnings) const {
    std::vector<const Need*> next(nodes_.size(), nullptr);
    std::deque<std::size_t> queue{target};
    while (!queue.empty()) {
      const auto node = queue.front();
      queue.pop_front();
      const auto beginning = beginnings.find(node);
      if (node != target && beginning != beginnings.end() && beginning->second.kind == ReasonKind::base) continue;
      for (const auto& need : needs_[node]) {
        if (need.from == target || next[need.from] != nullptr) continue;
        next[need.from] = &need;
        queue.push_back(need.from);
      }
    }
    return next;
  }
  std::vector<ReasonStep> way(std::size_t from, std::size_t target, const std::vector<const Need*>& next) const {
    std::vector<ReasonStep> steps{{nodes_[from].name, nodes_[from].package->version}};
    for (auto node = from; node != target; node = next[node]->to) steps.push_back(next[node]->step);
    return steps;
  }

  const lock::Lock& lock_;
  std::vector<std::string_view> fields_;
  std::vector<Node> nodes_;
  std::multimap<std::string, Offer, std::less<>> offers_;
  std::vector<std::vector<Need>> needs_;  // of each node, by whom it is needed
};

/// The name of this lock for a word in its request: "libc6" for "libc6:amd64=2.36*".
std::string name_of_word(const lock::Lock& lock, const std::string& word) {
  const auto asked = manifest::package_request(word);
  return asked.architecture == lock.architecture ? asked.name : asked.qualified_name();
}

/// Why every system has this package, if it does.
std::optional<std::string> word_of_base(const Stage& stage, std::size_t i) {
  const auto& node = stage.nodes()[i];
  if (node.value("Essential") == "yes") return "Essential";
  if (node.value("Priority") == "required") return "required";
  if (node.name == "apt") return "every system has it";
  // The archive may say more than the package does, and nothing else brings what nobody needs.
  if (node.control != nullptr && !stage.is_needed(i)) return "required by the archive";
  return std::nullopt;
}

class Search {
 public:
  Search(const lock::Lock& lock, const LockedControls& controls, const std::string& name)
      : lock_(lock), controls_(controls), name_(name) {}

  PackageReasons run() {
    result_.package = name_;
    const bool in_base = search_base();
    const bool on_top = search_top();
    if (!in_base && !on_top) refuse();
    std::ranges::stable_sort(result_.reasons, {}, [](const Reason& reason) {
      return std::tuple(reason.way.size(), reason.kind, reason.way.front().package);
    });
    return std::move(result_);
  }

 private:
  bool search_base() {
    const Stage stage(lock_, lock_.base, controls_, {"Pre-Depends", "Depends"});
    const auto target = found(stage);
    if (!target) return false;
    std::multimap<std::size_t, Beginning> beginnings;
    for (std::size_t i = 0; i < stage.nodes().size(); ++i) {
      if (auto word = word_of_base(stage, i)) beginnings.emplace(i, Beginning{ReasonKind::base, *word});
    }
    add_words(beginnings, stage, target);
    add(stage.ways_to(*target, beginnings));
    return true;
  }

  bool search_top() {
    std::vector<std::string_view> fields{"Pre-Depends", "Depends"};
    if (lock_.request.recommends) fields.emplace_back("Recommends");
    const Stage stage(lock_, lock_.packages, controls_, std::move(fields));
    const auto target = found(stage);
    if (!target) return false;
    std::multimap<std::size_t, Beginning> beginnings;
    add_words(beginnings, stage, std::nullopt);
    add(stage.ways_to(*target, beginnings));
    return true;
  }

  /// The node that is asked about; and what is not known of the others.
  std::optional<std::size_t> found(const Stage& stage) {
    const auto target = stage.find(name_);
    for (const auto& node : stage.nodes()) {
      names_.insert(node.name);
      if (target && node.control == nullptr) result_.unread.push_back(node.name);
    }
    if (!target)
      for (const auto provider : stage.meant_by(name_)) providers_.insert(stage.nodes()[provider].name);
    if (target) result_.locked.push_back(*stage.nodes()[*target].package);
    return target;
  }
  void add(std::vector<Reason> reasons) { std::ranges::move(reasons, std::back_inserter(result_.reasons)); }

  /// What the manifest names; `only`: as far as it is this one.
  void add_words(std::multimap<std::size_t, Beginning>& beginnings, const Stage& stage,
                 std::optional<std::size_t> only) const {
    auto add = [&](ReasonKind kind, const std::vector<std::string>& words) {
      for (const auto& word : words) {
        for (auto node : stage.meant_by(name_of_word(lock_, word)))
          if (!only || node == *only) beginnings.emplace(node, Beginning{kind, word});
      }
    };
    add(ReasonKind::request, lock_.request.packages);
    add(ReasonKind::hold, lock_.request.hold);
  }

  [[noreturn]] void refuse() const {
    if (!providers_.empty())
      throw LockError(fmt::format("lock: \"{}\" is a virtual package, which the lock has as {}: ask for that", name_,
                                  fmt::join(providers_, ", ")));
    constexpr std::size_t most = 3;
    const std::size_t limit = std::clamp<std::size_t>(name_.size() / 3, 1, 3);
    std::set<std::pair<std::size_t, std::string>> near;
    for (const auto& name : names_) {
      if (auto distance = edit_distance(name_, name, limit); distance <= limit) near.emplace(distance, name);
    }
    std::vector<std::string> words;
    for (const auto& [distance, name] : near)
      if (words.size() < most) words.push_back(fmt::format("\"{}\"", name));
    const auto packages = lock_.base.size() + lock_.packages.size();
    const auto unread = packages - std::min(packages, controls_.size());
    throw LockError(
        fmt::format("lock: the lock has no package \"{}\"{}{}", name_,
                    words.empty() ? std::string() : fmt::format("; did you mean {}?", fmt::join(words, " or ")),
                    unread == 0 ? std::string()
                                : fmt::format("; virtual names of {} are not known: `karapace build` brings them",
                                              counted(unread, "package"))));
  }

  const lock::Lock& lock_;
  const LockedControls& controls_;
  std::string name_;
  PackageReasons result_;
  std::set<std::string> names_;
  std::set<std::string> providers_;  // of what is asked about, when that is a virtual package
};

}  // namespace

std::string_view text(ReasonKind kind) noexcept {
  static constexpr std::array<std::string_view, 3> words{"request", "hold", "base"};
  return words.at(static_cast<std::size_t>(kind));
}

PackageReasons package_reasons(const lock::Lock& lock, const LockedControls& controls, const std::string& name) {
  return Search(lock, controls, name_of_word(lock, name)).run();
}

std::vector<std::vector<std::size_t>> needs_among(const lock::Lock& lock, const LockedControls& controls,
                                                  const std::vector<lock::LockedPackage>& packages) {
  std::vector<std::vector<std::size_t>> all;
  for (const auto& needed : Stage(lock, packages, controls, {"Pre-Depends", "Depends"}).needed())
    all.emplace_back(needed.begin(), needed.end());
  return all;
}

}  // namespace karapace::project
