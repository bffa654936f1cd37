// SPDX-License-Identifier: Apache-2.0
#include "generator/graph/diff/pairing.hpp"

#include <algorithm>
#include <future>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>

#include "base/index.hpp"

namespace karapace::diff {

namespace {

using States = std::vector<EnvironmentState>;

// Which side an index is of.
struct Before;
struct After;
template <class Side, class Other>
using Partners = IndexedVector<Side, std::optional<Index<Other>>>;

// Names that more environments than this have tell little about which one is which, and comparing them costs much.
constexpr std::size_t rare = 32;

class Pairing {
 public:
  Pairing(const IndexedSide& before, const IndexedSide& after)
      : before_(before),
        after_(after),
        partner_of_old_(before.environments.size()),
        partner_of_new_(after.environments.size()) {}

  std::vector<EnvironmentPair> run() {
    if (before_.environments.size() == 1 && after_.environments.size() == 1) {
      join(Index<Before>(0), Index<After>(0));
    } else {
      join_equal([](const EnvironmentState& state) { return state.place; });
      join_equal([](const EnvironmentState& state) { return state.name; });
      join_equal([](const EnvironmentState& state) { return state.id.hex(); });
      if (!all_named()) join_similar();
    }
    return pairs();
  }

 private:
  void join(Index<Before> old, Index<After> now) {
    partner_of_old_[old] = now;
    partner_of_new_[now] = old;
  }

  /// The positions of those without a partner, by what `property` gives for them; what is shared by two is left out.
  template <class Side, class Other, class Property>
  static std::map<std::string, Index<Side>> unique(const States& states, const Partners<Side, Other>& partners,
                                                   Property property) {
    std::map<std::string, Index<Side>> found;
    std::map<std::string, std::size_t> count;
    for (auto i : partners.indices()) {
      auto value = property(states[i.value()]);
      if (value.empty() || partners[i]) continue;
      ++count[value];
      found.insert_or_assign(value, i);
    }
    std::erase_if(found, [&](const auto& entry) { return count[entry.first] > 1; });
    return found;
  }

  template <class Property>
  void join_equal(Property property) {
    auto old = unique(before_.environments, partner_of_old_, property);
    auto now = unique(after_.environments, partner_of_new_, property);
    for (const auto& [value, index] : now) {
      if (auto found = old.find(value); found != old.end()) join(found->second, index);
    }
  }

  bool all_named() const {
    auto named = [](const EnvironmentState& state) { return !state.name.empty(); };
    return std::all_of(before_.environments.begin(), before_.environments.end(), named) &&
           std::all_of(after_.environments.begin(), after_.environments.end(), named);
  }

  template <class Side>
  using ByPackage = std::unordered_map<std::string_view, std::vector<Index<Side>>>;  // the environments with it

  template <class Side, class Other>
  static ByPackage<Side> by_package(const IndexedSide& side, const Partners<Side, Other>& partners) {
    ByPackage<Side> all;
    const auto& index = side.graph;
    for (auto i : partners.indices()) {
      if (partners[i]) continue;
      auto edges = index.environment(side.environments[i.value()].step);
      for (auto stage : {Stage::base, Stage::packages}) {
        const graph::Edge* install = edges.at(stage);
        if (install == nullptr) continue;
        for (const auto& input : install->step.inputs) {
          const graph::Edge* unpack = index.find(input);
          if (unpack == nullptr || unpack->step.kind != StepKind::unpack) continue;
          std::string_view subject = unpack->subject;
          all[subject.substr(0, subject.find(' '))].push_back(i);
        }
      }
    }
    return all;
  }

  void join_similar() {
    auto other = std::async(std::launch::async, [&] { return by_package(before_, partner_of_old_); });
    auto after = by_package(after_, partner_of_new_);
    auto old = other.get();
    std::map<std::pair<Index<Before>, Index<After>>, std::size_t> shared;
    for (const auto& [name, now] : after) {
      auto found = old.find(name);
      if (found == old.end() || found->second.size() > rare || now.size() > rare) continue;
      for (auto a : found->second) {
        for (auto b : now) ++shared[{a, b}];
      }
    }
    std::vector<std::tuple<std::size_t, Index<Before>, Index<After>>> order;
    for (const auto& [pair, count] : shared) order.emplace_back(~count, pair.first, pair.second);
    std::sort(order.begin(), order.end());
    for (const auto& [count, a, b] : order) {
      if (!partner_of_old_[a] && !partner_of_new_[b]) join(a, b);
    }
  }

  std::vector<EnvironmentPair> pairs() const {
    std::vector<EnvironmentPair> all;
    for (auto now : partner_of_new_.indices()) {
      auto old = partner_of_new_[now];
      all.push_back({old ? &before_.environments[old->value()] : nullptr, &after_.environments[now.value()]});
    }
    for (auto old : partner_of_old_.indices()) {
      if (!partner_of_old_[old]) all.push_back({&before_.environments[old.value()], nullptr});
    }
    return all;
  }

  const IndexedSide& before_;
  const IndexedSide& after_;
  Partners<Before, After> partner_of_old_;
  Partners<After, Before> partner_of_new_;
};

}  // namespace

std::vector<EnvironmentPair> pair_environments(const IndexedSide& before, const IndexedSide& after) {
  return Pairing(before, after).run();
}

}  // namespace karapace::diff
