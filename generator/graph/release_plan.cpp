// SPDX-License-Identifier: Apache-2.0
// What of a release is planned: each source's blob, tree and package, then the tree of links into them.
#include <algorithm>
#include <unordered_set>

#include <fmt/format.h>

#include "base/escape.hpp"
#include "base/json/text.hpp"
#include "base/words.hpp"
#include "generator/graph/graph.hpp"
#include "generator/manifest/base_image.hpp"
#include "remote/sha256.hpp"

namespace karapace::graph {

namespace {

std::string list_json(const std::vector<std::string>& words) {
  std::string json;
  append_json(json, words, ",");
  return json;
}

/// On one line, whatever is in it.
std::string word_json(const std::string& word) {
  std::string json;
  append_json(json, word);
  return json;
}

/// By its name; of a URL without what is asked of the server.
bool is_zip(std::string_view location) {
  constexpr std::string_view ending = ".zip";
  if (manifest::is_url(location)) location = location.substr(0, location.find_first_of("?#"));
  if (location.size() < ending.size()) return false;
  return std::ranges::equal(location.substr(location.size() - ending.size()), ending, {},
                            [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
}

/// Our own archives of trees are taken as they are; of others' a single directory at the top is not meant.
std::string format_of(const lock::LockedSource& source) {
  if (source.kind != manifest::SourceKind::archive) return "tree";
  return is_zip(source.location) ? "zip" : "tar";
}

std::string subject_of(const lock::LockedSource& source) { return printable(source.name + " " + source.version); }

}  // namespace

class Planner::ReleaseAddition {
 public:
  ReleaseAddition(Planner& planner, const lock::Lock& lock, const StepKey& environment)
      : planner_(planner), lock_(lock), release_(*lock.release) {
    const auto& step = planner.edges_[planner.by_key_.at(environment)].step;
    layers_.assign(step.inputs.begin(), step.inputs.end() - 1);  // the last one is the lock
    environment_ = std::string(step.required("lock"));
  }

  PlannedRelease run() {
    const auto packages = with_dependencies(release_, release_.source(release_.main));
    for (const auto* package : packages) compile(*package);
    assemble(packages);
    return std::move(planned_);
  }

 private:
  StepKey edge(Step step, std::string subject, std::uint64_t weight) {
    const auto key = step.key();
    const auto [found, fresh] = planner_.by_key_.emplace(key, planner_.edges_.size());
    if (fresh) {
      planner_.edges_.push_back({std::move(step), key, std::move(subject), {}, weight});
    } else if (auto& known = planner_.edges_[found->second]; subject < known.subject) {
      known.subject = std::move(subject);
    }
    if (seen_.insert(key).second) planned_.steps.push_back(key);
    return key;
  }

  StepKey fetch(const Sha256& sha256, std::uint64_t size, std::string subject) {
    return edge(Step::normalised(StepKind::fetch, {{"sha256", sha256.hex()}, {"size", fmt::to_string(size)}}, {}),
                std::move(subject), size);
  }

  StepKey source(const lock::LockedSource& source) {
    const auto subject = subject_of(source);
    return edge(Step::normalised(StepKind::source, {{"format", format_of(source)}, rules_of(StepKind::source)},
                                 {fetch(source.sha256, source.size, "source " + subject)}),
                subject, source.size);
  }

  /// All that it needs, directly or not, what is needed first.
  void collect(const lock::LockedSource& source, std::vector<StepKey>& inputs) {
    for (const auto& name : source.depends) {
      const auto& needed = release_.source(name);
      const auto key = compile(needed);
      if (std::ranges::find(inputs, key) != inputs.end()) continue;
      collect(needed, inputs);
      inputs.push_back(key);
    }
  }

  StepKey compile(const lock::LockedSource& source) {
    if (const auto known = planned_.compiles.find(source.name); known != planned_.compiles.end()) return known->second;
    std::vector<StepKey> dependencies;
    collect(source, dependencies);
    auto inputs = layers_;
    inputs.push_back(this->source(source));
    for (const auto& patch : source.patches)
      inputs.push_back(fetch(patch.sha256, patch.size, "patch " + printable(patch.file)));
    inputs.insert(inputs.end(), dependencies.begin(), dependencies.end());
    std::vector<Parameter> parameters{{"base-layers", fmt::to_string(layers_.size())},
                                      {"destination", release_.destination},
                                      {"name", source.name},
                                      rules_of(StepKind::compile),
                                      {"script", word_json(source.build)},
                                      {"version", source.version}};
    if (!source.patches.empty()) parameters.push_back({"patches", fmt::to_string(source.patches.size())});
    if (!source.check.empty()) parameters.push_back({"check", list_json(source.check)});
    auto step = Step::normalised(StepKind::compile, std::move(parameters), std::move(inputs));
    return planned_.compiles.emplace(source.name, edge(std::move(step), subject_of(source), 1)).first->second;
  }

  void assemble(const std::vector<const lock::LockedSource*>& packages) {
    std::vector<StepKey> inputs;
    for (const auto* package : packages) inputs.push_back(planned_.compiles.at(package->name));
    const auto& main = *packages.front();
    std::vector<Parameter> parameters{{"destination", release_.destination},
                                      {"entrypoints", list_json(release_.entrypoints)},
                                      {"environment", environment_},
                                      {"lock", remote::Sha256Hasher().update(file_text(lock_)).finish().hex()},
                                      {"name", release_.name},
                                      rules_of(StepKind::assemble)};
    if (release_.run == manifest::ProgramsRun::inside) parameters.push_back({"run", "inside"});
    edge(Step::normalised(StepKind::assemble, std::move(parameters), std::move(inputs)),
         printable(release_.name + " " + main.version + ", " + counted(packages.size(), "package")), packages.size());
  }

  Planner& planner_;
  const lock::Lock& lock_;
  const lock::LockedRelease& release_;
  std::vector<StepKey> layers_;
  std::string environment_;
  PlannedRelease planned_;
  std::unordered_set<StepKey> seen_;
};

std::optional<PlannedRelease> Planner::add_release(const lock::Lock& lock, const StepKey& environment) {
  if (!lock.release) return std::nullopt;
  return ReleaseAddition(*this, lock, environment).run();
}

}  // namespace karapace::graph
