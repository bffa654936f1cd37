// SPDX-License-Identifier: Apache-2.0
// Caches that are damaged, or want something: what they may cost, and what never.
#include <fcntl.h>
#include <gmock/gmock.h>

#include "exchange/challenge.hpp"
#include "image/environment_image.hpp"
#include "proof/kept_signatures.hpp"
#include "store/absent.hpp"
#include "store/repair.hpp"
#include "store/verify.hpp"
#include "tests/exchange/exchange_fixture.hpp"

namespace karapace::exchange {
namespace {

using store::error_of;

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class HostileCacheTest : public ExchangeTest {
 protected:
  signing::PublicKey key(const std::string& name) const { return signing::find_public_key(keys_, name).key; }

  Cache cache(const std::vector<std::string>& names) const {
    Cache cache{.name = "all", .location = cache_, .keys = {}};
    for (const auto& name : names) cache.keys.push_back(signing::text(signing::find_public_key(keys_, name)));
    return cache;
  }

  OfferAnswer offered(const OfferRequest& request) {
    SentBlobs known;
    return offer_environment(store_, *open(oci::Access::write), request, known);
  }

  std::filesystem::path manifest_file(const oci::Tag& tag) {
    return temporary_.path() / "cache/blobs/sha256" / open()->find_manifest(tag)->digest.hex();
  }
  std::filesystem::path manifest_file(const store::Environment& environment, const std::string& name) {
    return manifest_file(cache_tag(environment.id, key(name).id().hex()));
  }
};

// An image of docker's has its empty layer several times; an environment has each layer once.
TEST_F(HostileCacheTest, ALayerThatAppearsTwiceMovesNoOther) {
  const auto environment = build_stack(store_, "one", {"a", "empty", "b", "empty", "c"});
  ASSERT_EQ(environment.layers.size(), 4U);
  pack(store_, environment);
  const auto image = image::image_of(store_, environment, {});
  ASSERT_EQ(image.layers.size(), 5U);
  EXPECT_EQ(image.layers[1].layers, image.layers[3].layers);
  EXPECT_EQ(image.layers[1].blob, image.layers[3].blob);
  EXPECT_EQ(image.layers[0].layers.front(), environment.layers[0]);
  EXPECT_EQ(image.layers[4].layers.front(), environment.layers[3]);

  const graph::PackOptions squashed{.most_layers = 2};
  pack(store_, environment, squashed);
  EXPECT_EQ(image::image_of(store_, environment, squashed).layers[1].layers.size(), 4U);

  offer(store_, environment, "ann");
  const auto other = new_store("other");
  take(other, *find(environment, trust({"ann"})));
  EXPECT_EQ(store::find_environment(other, environment.id)->text(), environment.text());
}

TEST_F(HostileCacheTest, WhatAKeySignedIsKeptUnderThatKeyWhateverTheEnvelopeSays) {
  const auto bob = signing::read_secret_key({}, (keys_ / "bob.key").native());
  auto envelope = signing::signed_envelope("{}", signing::read_secret_key({}, (keys_ / "ann.key").native()));
  const auto environment = build(store_, "one", "hello");
  proof::keep_signature(store_, environment.id, signing::signed_envelope("of bob", bob), key("bob"));
  // Somebody adds what nobody signed, and calls it bob's and others'.
  for (const auto& id : {key("bob").id().hex(), std::string(16, 'a')})
    envelope.signatures.insert(envelope.signatures.begin(), {id, std::string(64, 'x')});
  proof::keep_signature(store_, environment.id, envelope, key("ann"));
  const auto kept = proof::kept_signatures(store_, environment.id);
  ASSERT_EQ(kept.size(), 2U);
  for (const auto* name : {"ann", "bob"}) {
    const auto is_its = [&](const auto& one) { return one.name == key(name).id().hex(); };
    const auto found = std::find_if(kept.begin(), kept.end(), is_its);
    ASSERT_NE(found, kept.end());
    EXPECT_TRUE(signing::is_signed_by(*found->envelope, key(name)));
  }
  EXPECT_NE(error_of([&] { proof::keep_signature(store_, environment.id, envelope, key("eve")); }), "");
}

TEST_F(HostileCacheTest, ADamagedManifestOfOneSignerHidesNoOtherAndIsMendedByAPush) {
  const auto environment = build(store_, "one", "hello");
  offer(store_, environment, "ann");
  offer(store_, environment, "bob");
  const auto file = manifest_file(environment, "ann");
  std::filesystem::remove(file);
  EXPECT_TRUE(find(environment, trust({"ann", "bob"})));
  EXPECT_THAT(warnings_, HasSubstr("ann"));
  EXPECT_FALSE(offer(store_, environment, "ann").unchanged);
  EXPECT_TRUE(find(environment, trust({"ann", "bob"}, 2)));
  EXPECT_EQ(warnings_, "");
}

TEST_F(HostileCacheTest, PackagesThatAreDamagedInADirectoryAreSentAgain) {
  const auto environment = build_stack(store_, "one", {"hello"}, Source::download);
  pack(store_, environment);
  const OfferRequest request{store_.root(), environment.id, cache_, keys_ / "ann.key", "zstd", /*sources=*/true};
  offered(request);
  const auto sources = open()->manifest(sources_tag(environment.id));
  const auto blob = blob_of(oci::parse_image(*sources, "sources").layers.front());
  EXPECT_TRUE(oci::parse_image(*sources, "sources").annotations.contains("org.karapace.pushed"))
      << "what has no date is the oldest of all for a prune";
  EXPECT_TRUE(offered(request).unchanged);
  store::flip_byte(blob);
  EXPECT_EQ(offered(request).blobs, 1U);
  std::filesystem::remove(blob);
  EXPECT_EQ(offered(request).blobs, 1U);
  std::filesystem::remove(manifest_file(sources_tag(environment.id)));
  offered(request);
  EXPECT_TRUE(open()->manifest(sources_tag(environment.id)));
}

TEST_F(HostileCacheTest, WhoDisagreesIsNamedAlsoWhenTheLayerIsKeptBack) {
  const auto environment = build(store_, "one", "hello");
  const auto poisoned = new_store("poisoned");
  const auto evil = build(poisoned, "one", "evil");
  offer(poisoned, evil, "eve");
  std::filesystem::remove(blob_of(find(evil, trust({"eve"}))->artifact.layers.front().blob));
  const auto answer =
      challenge_environment(Places({}), store_, {store_.root(), environment.id, {cache({}), cache({"eve"})}});
  ASSERT_EQ(answer.witnesses.size(), 1U) << "where nobody's word counts nobody is asked";
  EXPECT_EQ(answer.witnesses[0].state, "disagrees");
  ASSERT_EQ(answer.witnesses[0].steps.size(), 1U);
  EXPECT_THAT(answer.witnesses[0].steps[0].paths, IsEmpty());
}

TEST_F(HostileCacheTest, OneSignersNonsenseHidesNoOther) {
  const auto environment = build(store_, "one", "hello");
  offer(store_, environment, "ann");
  offer(store_, environment, "bob");
  auto artifact = find(environment, trust({"bob"}))->artifact;
  for (const std::string nonsense : {"nonsense", R"({"payload":"","payloadType":"x","signatures":[]})"}) {
    artifact.envelopes = {oci::describe(envelope_media_type, nonsense)};
    artifact.envelopes.front().data = nonsense;
    open(oci::Access::write)
        ->add_manifest(oci::write(manifest_of(artifact)), cache_tag(environment.id, key("eve").id().hex()));
    EXPECT_TRUE(find(environment, trust({"eve", "ann", "bob"}, 2)));
    EXPECT_THAT(warnings_, HasSubstr("eve"));
  }
  artifact.envelopes.resize(most_envelopes + 1, artifact.envelopes.front());
  EXPECT_THAT(error_of([&] { artifact_of(manifest_of(artifact), "it"); }), HasSubstr("signatures"));
}

TEST_F(HostileCacheTest, SignaturesWithoutEndAreNotRead) {
  auto envelope = signing::signed_envelope("{}", signing::read_secret_key({}, (keys_ / "ann.key").native()));
  envelope.signatures.resize(signing::most_signatures + 1, envelope.signatures.front());
  EXPECT_THAT(error_of([&] { signing::parse_envelope(text(envelope), "it"); }), HasSubstr("more than 64 signatures"));
}

TEST_F(HostileCacheTest, WhatKeepsLayersBackKeepsNobodyFromAnotherWithThem) {
  const auto environment = build(store_, "one", "hello");
  offer(store_, environment, "ann");
  offer(store_, environment, "bob");
  auto artifact = find(environment, trust({"ann"}))->artifact;
  artifact.layers.clear();
  open(oci::Access::write)
      ->add_manifest(oci::write(manifest_of(artifact)), cache_tag(environment.id, key("ann").id().hex()));
  const auto believed = find(environment, trust({"ann", "bob"}));
  ASSERT_TRUE(believed);
  take(new_store("other"), *believed);
}

TEST_F(HostileCacheTest, WhatWasTakenOverIsMadeHereWhenEverythingIsWanted) {
  const auto evil_store = new_store("evil");
  const auto evil = build(evil_store, "one", "evil");
  offer(evil_store, evil, "eve");
  const auto other = new_store("other");
  const auto believed = find(evil, trust({"eve"}));
  take(other, *believed);
  const auto step = store::unpack_step_of("one");
  EXPECT_TRUE(store::is_taken(other, step.key())) << "though its layer is here";
  std::vector<StepKey> steps;
  for (const auto& record : believed->bundle.records) steps.push_back(record.step.key());
  store::forget_taken(other, steps);
  for (const auto& key : steps) EXPECT_FALSE(other.record(key)) << "what was made of it, too: ninja runs them all";
  const auto genuine = build(other, "one", "genuine");
  EXPECT_EQ(genuine.id, evil.id);
  EXPECT_NE(genuine.layers, evil.layers);
  EXPECT_FALSE(store::was_taken_over(other, genuine.step));
}

// A pull ends while a build makes the same step: what the build makes counts, and nothing is left of the other.
TEST_F(HostileCacheTest, WhatIsMadeHereAfterItWasTakenOverTakesTheEnvironmentWithIt) {
  const auto evil_store = new_store("evil");
  const auto evil = build(evil_store, "one", "evil");
  offer(evil_store, evil, "eve");
  const auto other = new_store("other");
  take(other, *find(evil, trust({"eve"})));
  EXPECT_TRUE(store::is_taken(other, evil.step)) << "it was made here of what was taken over";
  const auto step = Step::normalised(StepKind::unpack, {{"format", "tar"}}, {store::fetch_step_of("one").key()});
  fetch(other, "one");
  other.add_record({step, LayerOutput{add_layer(other, step, "genuine")}});
  EXPECT_TRUE(store::was_taken_over(other, evil.step)) << "as long as it is the evil one nobody here signs it";
  EXPECT_FALSE(store::has_usable_record(other, evil.step));
  EXPECT_EQ(store::forget_lost_outputs(other, {evil.step}), std::vector{evil.step}) << "ninja makes it anew";
  EXPECT_FALSE(store::verify_store(other, {}).problems.empty() && other.record(evil.step));
}

TEST_F(HostileCacheTest, AForgottenRecordDoesNotComeBackOnTopOfWhatWasMadeHere) {
  const auto evil_store = new_store("evil");
  const auto evil = build(evil_store, "one", "evil");
  offer(evil_store, evil, "eve");
  const auto other = new_store("other");
  const auto believed = find(evil, trust({"eve"}));
  take(other, *believed);
  std::vector<StepKey> keys;
  std::vector<const Step*> steps;
  for (const auto& record : believed->bundle.records) {
    keys.push_back(record.step.key());
    steps.push_back(&record.step);
  }
  store::forget_taken(other, keys);
  // One step is run here, then somebody interrupts; the next gen remembers what it can.
  const auto step = store::unpack_step_of("one");
  fetch(other, "one");
  other.add_record({step, LayerOutput{add_layer(other, step, "genuine")}});
  store::remember_absent(other, steps);
  EXPECT_TRUE(other.record(step.key()));
  EXPECT_FALSE(other.record(evil.step)) << "it was made of something else";
}

}  // namespace
}  // namespace karapace::exchange
