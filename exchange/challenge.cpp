// SPDX-License-Identifier: Apache-2.0
#include "exchange/challenge.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "exchange/asking.hpp"
#include "exchange/taking.hpp"
#include "store/listing_comparison.hpp"

namespace karapace::exchange {

namespace {

constexpr std::size_t most_paths = 20;

std::string text_of(const StepOutput& output) {
  if (const auto* blob = std::get_if<BlobOutput>(&output)) return "blob " + blob->blob.hex();
  if (const auto* layer = std::get_if<LayerOutput>(&output)) return "layer " + layer->layer.hex();
  return "environment " + std::get<EnvironmentOutput>(output).environment.hex();
}

// One signer's word against ours.
class Comparison {
 public:
  Comparison(const store::Store& store, oci::ImageRepository& repository, const EnvironmentArtifact& artifact,
             const RecordBundle& ours, const RecordBundle& theirs)
      : store_(store), repository_(repository), artifact_(artifact), ours_(records_of(ours)), theirs_(theirs) {}

  /// Those of which no input differs already.
  std::vector<DifferingStep> run() {
    std::set<StepKey> differing;
    std::vector<DifferingStep> first;
    for (const auto& record : theirs_.records) {
      const auto key = record.step.key();
      const auto here = ours_.find(key);
      const auto& inputs = record.step.inputs;
      const bool follows =
          std::any_of(inputs.begin(), inputs.end(), [&](auto& input) { return differing.contains(input); });
      const bool differs = here == ours_.end() || here->second.output != record.output;
      if (differs || follows) differing.insert(key);
      if (differs && !follows && here != ours_.end()) first.push_back(differing_step(here->second, record));
    }
    return first;
  }

 private:
  DifferingStep differing_step(const StepRecord& ours, const StepRecord& theirs) const {
    DifferingStep step{.step = ours.step.key(),
                       .kind = std::string(text(ours.step.kind)),
                       .here = text_of(ours.output),
                       .there = text_of(theirs.output)};
    const auto* here = std::get_if<LayerOutput>(&ours.output);
    const auto* there = std::get_if<LayerOutput>(&theirs.output);
    if (here == nullptr || there == nullptr) return step;
    try {
      add_paths(step, here->layer, there->layer);
    } catch (const Error&) {
      step.paths.clear();  // who disagrees and keeps the layer back disagrees all the same
    }
    return step;
  }

  /// As far as both layers are at hand.
  void add_paths(DifferingStep& step, const LayerId& here, const LayerId& there) const {
    const auto packed = std::find_if(artifact_.layers.begin(), artifact_.layers.end(),
                                     [&](const PackedLayer& layer) { return layer.layer == there; });
    if (packed == artifact_.layers.end() || !store_.has_layer(here)) return;
    const auto ours = store_.listing(here);
    const auto theirs = listing_of(store_, repository_, *packed);
    for (const auto& difference : store::compare(ours, theirs)) {
      if (step.paths.size() == most_paths) {
        step.has_more_paths = true;
        return;
      }
      step.paths.push_back("/" + escaped_utf8(difference.path()));
    }
  }

  const store::Store& store_;
  oci::ImageRepository& repository_;
  const EnvironmentArtifact& artifact_;
  std::map<StepKey, StepRecord> ours_;
  const RecordBundle& theirs_;
};

Witness witness_of(const store::Store& store, oci::ImageRepository& repository, const SignedArtifact& found,
                   const signing::NamedKey& key, const Wanted& wanted, const RecordBundle& ours) {
  Witness witness{.cache = {}, .key = key.key.id().hex(), .name = key.name};
  const auto judgement = judge_alone(found, key, wanted);
  if (!judgement) {
    witness.state = "unsigned";
    return witness;
  }
  const auto theirs = read_bundle(repository, found.artifact, *judgement);
  // Another release has other rules, and may make the same environment by other steps: no disagreement.
  const bool has_other_steps = theirs.records.back().step.key() != ours.records.back().step.key();
  witness.state = digest_of(theirs) == digest_of(ours) ? "agrees" : has_other_steps ? "other-steps" : "disagrees";
  if (witness.state == "disagrees") witness.steps = Comparison(store, repository, found.artifact, ours, theirs).run();
  return witness;
}

/// What a cache has of each of its keys.
std::vector<Witness> ask_all(const Places& places, const store::Store& store, const Cache& cache, const Wanted& wanted,
                             const RecordBundle& ours) {
  std::vector<Witness> witnesses;
  const auto repository = places.open_cache(cache.location, oci::Access::read);
  for (const auto& key : trust_of(cache).keys) {
    Witness witness{.cache = {}, .key = key.key.id().hex(), .name = key.name, .state = "silent"};
    try {
      const auto found = ask(*repository, wanted.environment, {key}, [&](const std::string& reason) {
        witness.state = "unusable";
        witness.reason = reason;
      });
      if (!found.empty()) witness = witness_of(store, *repository, found.front(), key, wanted, ours);
    } catch (const RemoteError& error) {
      witness.state = "unusable";
      witness.reason = error.what();
    }
    witness.cache = cache.name;
    witnesses.push_back(std::move(witness));
  }
  return witnesses;
}

}  // namespace

ChallengeAnswer challenge_environment(const Places& places, const store::Store& store,
                                      const ChallengeRequest& request) {
  const auto ours = bundle_of(store, request.environment);
  ChallengeAnswer answer;
  for (const auto& cache : request.caches) {
    if (cache.keys.empty()) continue;  // nobody's word counts there
    try {
      auto witnesses = ask_all(places, store, cache, {request.environment, {}, {}}, ours);
      answer.witnesses.insert(answer.witnesses.end(), witnesses.begin(), witnesses.end());
    } catch (const Error& error) {
      answer.witnesses.push_back(
          {.cache = cache.name, .key = {}, .name = {}, .state = "unusable", .reason = error.what()});
    }
  }
  return answer;
}

}  // namespace karapace::exchange
