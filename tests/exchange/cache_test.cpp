// SPDX-License-Identifier: Apache-2.0
// Environments given to a cache and taken from it: real stores, keys and layouts.
#include "exchange/challenge.hpp"
#include "store/absent.hpp"
#include "store/repair.hpp"
#include "store/verify.hpp"
#include "tests/exchange/exchange_fixture.hpp"

namespace karapace::exchange {
namespace {

using store::error_of;
using store::Store;
using CacheTest = ExchangeTest;

TEST_F(CacheTest, AnotherStoreHasTheSameEnvironmentAfterwards) {
  const auto environment = build(store_, "one", "hello");
  const auto offered = offer(store_, environment, "ann");
  EXPECT_EQ(offered.blobs, 5U);
  EXPECT_FALSE(offered.unchanged);
  const auto other = new_store("other");
  const auto believed = find(environment, trust({"ann"}));
  ASSERT_TRUE(believed);
  EXPECT_EQ(warnings_, "");
  const auto taken = take(other, *believed);
  EXPECT_EQ(taken.layers, 1U);
  EXPECT_EQ(taken.steps, 4U);
  const auto there = store::find_environment(other, environment.id);
  ASSERT_TRUE(there);
  EXPECT_EQ(there->text(), environment.text());
  for (const auto& record : believed->bundle.records) {
    const auto key = record.step.key();
    EXPECT_EQ(read_file(other.step_path(key)), read_file(store_.step_path(key)));
  }
  EXPECT_TRUE(store::verify_store(other, {}).problems.empty());
  EXPECT_TRUE(store::has_absent_outputs(other)) << "the archive was not fetched";
}

TEST_F(CacheTest, WhatIsThereIsNotSentAgain) {
  const auto environment = build(store_, "one", "hello");
  offer(store_, environment, "ann");
  const auto again = offer(store_, environment, "ann");
  EXPECT_TRUE(again.unchanged);
  EXPECT_EQ(again.blobs, 0U);
  const auto of_another = offer(store_, environment, "bob");
  EXPECT_FALSE(of_another.unchanged);
  EXPECT_EQ(of_another.blobs, 1U) << "the signature";
}

TEST_F(CacheTest, TakingTwiceFetchesNothing) {
  const auto environment = build(store_, "one", "hello");
  offer(store_, environment, "ann");
  const auto other = new_store("other");
  const auto believed = find(environment, trust({"ann"}));
  take(other, *believed);
  EXPECT_EQ(take(other, *believed).layers, 0U);
}

TEST_F(CacheTest, WhatNoTrustedKeySignedIsNotBelieved) {
  const auto environment = build(store_, "one", "hello");
  offer(store_, environment, "eve");
  EXPECT_FALSE(find(environment, trust({"ann"}))) << "eve's word is not even asked for";
  // The same under ann's tag: whoever may write to the cache can do that.
  const auto repository = open(oci::Access::write);
  const auto eve = signing::find_public_key(keys_, "eve").key.id().hex();
  const auto ann = signing::find_public_key(keys_, "ann").key.id().hex();
  const auto manifest = repository->manifest(cache_tag(environment.id, eve));
  repository->add_manifest(*manifest, cache_tag(environment.id, ann));
  EXPECT_NE(error_of([&] { find(environment, trust({"ann"})); }).find("is not believed"), std::string::npos);
}

TEST_F(CacheTest, OneOfThreeWhoSaysSomethingElseIsFoundNamedAndNotUsed) {
  const auto environment = build(store_, "one", "hello");
  offer(store_, environment, "ann");
  const auto second = new_store("second");
  offer(second, build(second, "one", "hello"), "bob");
  const auto poisoned = new_store("poisoned");
  ASSERT_EQ(build(poisoned, "one", "evil").id, environment.id);
  offer(poisoned, *store::find_environment(poisoned, environment.id), "eve");

  for (const auto& order : {std::vector<std::string>{"eve", "ann", "bob"}, {"ann", "bob", "eve"}}) {
    const auto believed = find(environment, trust(order, 2));
    ASSERT_TRUE(believed);
    EXPECT_NE(warnings_.find("eve"), std::string::npos) << warnings_;
    const auto other = new_store("other-" + order.front());
    take(other, *believed);
    EXPECT_EQ(store::find_environment(other, environment.id)->layers, environment.layers);
  }
  EXPECT_NE(error_of([&] { find(environment, trust({"ann", "eve"}, 2)); }), "");
  EXPECT_NE(error_of([&] { find(environment, trust({"ann", "bob", "eve"}, 3)); }), "");
}

TEST_F(CacheTest, AChallengeNamesWhoDisagreesWithStepAndFile) {
  const auto environment = build(store_, "one", "hello");
  offer(store_, environment, "ann");
  const auto poisoned = new_store("poisoned");
  offer(poisoned, build(poisoned, "one", "evil"), "eve");
  std::vector<std::string> lines;
  for (const char* name : {"ann", "bob", "eve"}) lines.push_back(signing::text(signing::find_public_key(keys_, name)));
  const auto answer = challenge_environment(
      Places({}), store_, {store_.root(), environment.id, {{.name = "all", .location = cache_, .keys = lines}}});
  ASSERT_EQ(answer.witnesses.size(), 3U);
  EXPECT_EQ(answer.witnesses[0].state, "agrees");
  EXPECT_EQ(answer.witnesses[1].state, "silent");
  const auto& eve = answer.witnesses[2];
  EXPECT_EQ(eve.state, "disagrees");
  ASSERT_EQ(eve.steps.size(), 1U) << "what follows from it is not told";
  EXPECT_EQ(eve.steps.front().step, store::unpack_step_of("one").key());
  EXPECT_EQ(eve.steps.front().paths, std::vector<std::string>{"/bin/program"});
}

TEST_F(CacheTest, AHostileArtifactOfOneSignerKeepsNobodyFromTheOthers) {
  const auto environment = build(store_, "one", "hello");
  offer(store_, environment, "ann");
  const auto eve = signing::find_public_key(keys_, "eve").key.id().hex();
  const auto repository = open(oci::Access::write);
  const auto config = oci::describe(oci::media_type::empty, "{}");
  repository->add_manifest(oci::write(oci::ImageManifest{.artifact_type = "application/vnd.invalid", .config = config}),
                           cache_tag(environment.id, eve));
  EXPECT_TRUE(find(environment, trust({"eve", "ann"})));
  EXPECT_NE(warnings_.find("eve"), std::string::npos) << warnings_;
}

TEST_F(CacheTest, BlobsThatAreDamagedAreNotUsed) {
  const auto environment = build(store_, "one", "hello");
  offer(store_, environment, "ann");
  const auto believed = find(environment, trust({"ann"}));
  store::flip_byte(blob_of(believed->artifact.layers.front().blob));
  const auto other = new_store("other");
  EXPECT_NE(error_of([&] { take(other, *believed); }), "");
  EXPECT_FALSE(store::find_environment(other, environment.id));
  EXPECT_FALSE(other.record(environment.step));
  store::flip_byte(blob_of(believed->artifact.records));
  EXPECT_NE(error_of([&] { find(environment, trust({"ann"})); }), "");
}

TEST_F(CacheTest, ALayerThatIsAnotherOneIsNotUsed) {
  const auto environment = build(store_, "one", "hello");
  offer(store_, environment, "ann");
  const auto poisoned = new_store("poisoned");
  const auto evil = build(poisoned, "one", "evil");
  offer(poisoned, evil, "eve");
  auto believed = find(environment, trust({"ann"}));
  const auto of_eve = find(environment, trust({"eve"}));
  believed->artifact.layers.front().blob = of_eve->artifact.layers.front().blob;
  const auto other = new_store("other");
  EXPECT_NE(error_of([&] { take(other, *believed); }).find("is another one"), std::string::npos);
  EXPECT_FALSE(other.has_layer(evil.layers.front()));
}

TEST_F(CacheTest, WhatWasMadeHereIsNotExchangedForWhatOthersMade) {
  const auto environment = build(store_, "one", "hello");
  offer(store_, environment, "ann");
  const auto other = new_store("other");
  store::fetch(other, "one");
  const auto step = store::unpack_step_of("one");
  other.add_record({step, LayerOutput{add_layer(other, step, "made here")}});
  const auto believed = find(environment, trust({"ann"}));
  EXPECT_NE(error_of([&] { take(other, *believed); }).find("made something else there than here"), std::string::npos);
}

TEST_F(CacheTest, AnEnvironmentThatWasBuiltHereByOtherStepsStaysAsItIs) {
  const auto environment = build(store_, "one", "hello");
  offer(store_, environment, "ann");
  auto believed = find(environment, trust({"ann"}));
  auto other = new_store("other");
  const auto genuine = build(other, "one", "genuine");
  // The same lock, made by a step of another key: what a hostile signer would bring along.
  auto forged = believed->bundle;
  auto& last = forged.records.back();
  last.step.parameters.push_back({"zzz", "another"});
  EXPECT_NE(error_of([&] { take_environment(other, *open(), believed->artifact, forged, {}); }).find("stays as it is"),
            std::string::npos);
  EXPECT_EQ(store::find_environment(other, environment.id)->layers, genuine.layers);
}

TEST_F(CacheTest, WritersOfOneEnvironmentLoseNothing) {
  const auto environment = build(store_, "one", "hello");
  pack(store_, environment);
  std::vector<pid_t> writers;
  for (const char* key : {"ann", "bob", "eve"})
    for (int again = 0; again < 3; ++again)
      writers.push_back(store::fork_child([&] {
        offer(store_, environment, key);
        return 0;
      }));
  for (const auto writer : writers) EXPECT_EQ(store::wait_for(writer), 0);
  EXPECT_EQ(open()->tags().size(), 3U);
  EXPECT_TRUE(find(environment, trust({"ann", "bob", "eve"}, 3)));
}

}  // namespace
}  // namespace karapace::exchange
