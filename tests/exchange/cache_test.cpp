// SPDX-License-Identifier: Apache-2.0
// Environments given to a cache and taken from it: real stores, keys and layouts; caches that are hostile or damaged.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "exchange/asking.hpp"
#include "exchange/challenge.hpp"
#include "exchange/offering.hpp"
#include "exchange/pruning.hpp"
#include "exchange/taking.hpp"
#include "generator/lock/lock.hpp"
#include "proof/signing/key_files.hpp"
#include "remote/oci/image_location.hpp"
#include "runtime/steps/step_context.hpp"
#include "store/absent.hpp"
#include "store/repair.hpp"
#include "store/verify.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace::exchange {
namespace {

using store::error_of;
using store::Store;

lock::Lock archive_lock(const std::string& name) {
  lock::Lock lock;
  lock.request.base_image = "sha256:" + blake3(name).hex();
  lock.architecture = "amd64";
  lock.archive = lock::LockedArchive{Sha256(blake3(name)), name.size()};
  return lock;
}

class CacheTest : public store::StoreTest {
 protected:
  CacheTest() {
    for (const char* name : {"ann", "bob", "eve"}) signing::make_key(keys_, name);
  }

  Store new_store(const std::string& name) { return Store::open(temporary_.path() / name, Store::Access::create); }

  /// What a machine that is well, or one that puts something else in, makes of one lock.
  store::Environment build(const Store& store, const std::string& name, const std::string& content) {
    const auto lock = lock::serialise(archive_lock(name));
    const auto lock_record = store::fetch(store, lock);
    store::fetch(store, name);
    const auto layer_step = store::unpack_step_of(name);
    store.add_record({layer_step, LayerOutput{add_layer(store, layer_step, content)}});
    store::Environment environment{EnvironmentId(blake3(lock)), {}, {}, lock_record.blob().blob, {}};
    const auto step = Step::normalised(StepKind::environment,
                                       {{"lock", environment.id.hex()}, {"runtime", environment.runtime.text()}},
                                       {layer_step.key(), lock_record.step.key()});
    const auto staging = store.stage(step);
    const auto made =
        steps::environment({.store = store, .staging = staging, .step = step, .key = step.key(), .hints = {}});
    store.add_record({step, made});
    return *store::find_environment(store, environment.id);
  }

  static LayerId add_layer(const Store& store, const Step& step, const std::string& content) {
    const auto staging = store.stage(step);
    const auto tree = staging.path() / "tree";
    make_directory(tree);
    make_directory(tree / "bin");
    write_file_atomically(tree / "bin/program", content, Durable::no);
    for (const auto& path : {tree / "bin/program", tree / "bin", tree}) {
      const timespec times[2] = {{1000, 0}, {1000, 0}};
      ::utimensat(AT_FDCWD, path.c_str(), times, 0);
    }
    return store.add_layer(tree, store::scan_path(tree), staging);
  }

  void pack(const Store& store, const store::Environment& environment) {
    const auto inputs = store.input_record(environment.step).step.inputs;
    const auto step =
        Step::normalised(StepKind::pack, {{"compression", "zstd"}, rules_of(StepKind::pack)}, {inputs.front()});
    if (!store.record(step.key())) {
      const auto staging = store.stage(step);
      const auto made = steps::pack({.store = store, .staging = staging, .step = step, .key = step.key(), .hints = {}});
      store.add_record({step, made});
    }
  }

  OfferAnswer offer(const Store& store, const store::Environment& environment, const std::string& key) {
    pack(store, environment);
    const OfferRequest request{store.root(), environment.id, cache_, keys_ / (key + ".key"), "zstd"};
    return offer_environment(store, *open(oci::Access::write), request);
  }

  std::unique_ptr<oci::ImageRepository> open(oci::Access access = oci::Access::read) {
    return oci::open_repository(oci::ImageLocation::parse(cache_), access, {});
  }

  signing::Trust trust(const std::vector<std::string>& names, unsigned agree = 1) {
    signing::Trust trust{{}, agree};
    for (const auto& name : names) trust.keys.push_back(signing::find_public_key(keys_, name));
    return trust;
  }

  std::optional<Believed> find(const store::Environment& environment, const signing::Trust& trust) {
    warnings_.clear();
    return find_believed(*open(), {environment.id, environment.step, {}}, trust,
                         [&](const std::string& warning) { warnings_ += warning + '\n'; });
  }

  Taken take(const Store& store, const Believed& believed) {
    return take_environment(store, *open(), believed.artifact, believed.bundle, {});
  }

  PruneAnswer pruned(oci::ImageRepository& repository, const PruneRequest& request, std::int64_t now) {
    warnings_.clear();
    return prune(repository, request, now, [&](const std::string& warning) { warnings_ += warning + '\n'; });
  }

  /// As if nobody had touched it since.
  static void age(const std::filesystem::path& path) {
    const timespec long_ago[2] = {{1000, 0}, {1000, 0}};
    ::utimensat(AT_FDCWD, path.c_str(), long_ago, 0);
  }
  void age_all_blobs() {
    for (const auto& file : std::filesystem::directory_iterator(temporary_.path() / "cache/blobs/sha256")) age(file);
  }

  std::filesystem::path blob_of(const oci::Descriptor& blob) {
    return temporary_.path() / "cache/blobs/sha256" / blob.digest.hex();
  }

  std::filesystem::path keys_ = temporary_.path() / "keys";
  std::string cache_ = "oci-layout:" + (temporary_.path() / "cache").native();
  std::string warnings_;
};

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

TEST_F(CacheTest, PruningByAgeAndLocksLeavesWhatIsNeeded) {
  const auto one = build(store_, "one", "hello");
  const auto two = build(store_, "two", "hello");
  const auto three = build(store_, "three", "third");
  for (const auto& environment : {one, two, three}) offer(store_, environment, "ann");
  const auto now = std::time(nullptr);
  PruneRequest request{.location = cache_, .keep = {two.id}, .only_kept = true, .older_than = {}, .most_bytes = {}};
  request.dry_run = true;
  EXPECT_EQ(pruned(*open(), request, now).removed.size(), 2U);
  EXPECT_EQ(open()->tags().size(), 3U);

  request.dry_run = false;
  const auto answer = pruned(*open(oci::Access::write), request, now);
  EXPECT_EQ(answer.kept, 1U);
  EXPECT_EQ(open()->tags().size(), 1U);
  EXPECT_FALSE(find(one, trust({"ann"})));
  const auto believed = find(two, trust({"ann"}));
  ASSERT_TRUE(believed);
  take(new_store("other"), *believed);

  request = {
      .location = cache_, .keep = {}, .only_kept = false, .older_than = 86400, .most_bytes = {}, .dry_run = false};
  EXPECT_EQ(pruned(*open(oci::Access::write), request, now + 86000).removed.size(), 0U);
  EXPECT_EQ(pruned(*open(oci::Access::write), request, now + 87000).removed.size(), 1U);
  EXPECT_TRUE(open()->tags().empty());
}

TEST_F(CacheTest, PruningBySizeTakesTheOldestAndFreesBlobsThatNobodyCountsOn) {
  const auto one = build(store_, "one", std::string(100'000, 'x'));
  const auto two = build(store_, "two", "small");
  offer(store_, one, "ann");
  offer(store_, two, "ann");
  const auto believed = find(one, trust({"ann"}));
  const auto blob = blob_of(believed->artifact.lock);
  PruneRequest request{.location = cache_, .keep = {}, .only_kept = false, .older_than = {}, .most_bytes = 1};
  request.keep = {two.id};
  auto answer = pruned(*open(oci::Access::write), request, std::time(nullptr));
  ASSERT_EQ(answer.removed.size(), 1U);
  EXPECT_EQ(answer.removed.front().environment, one.id);
  EXPECT_TRUE(std::filesystem::exists(blob)) << "somebody may be pushing what names it";

  offer(store_, one, "ann");
  age(blob);
  answer = pruned(*open(oci::Access::write), request, std::time(nullptr));
  EXPECT_FALSE(std::filesystem::exists(blob));
  EXPECT_TRUE(find(two, trust({"ann"})));
}

TEST_F(CacheTest, PruningADirectoryFreesWhatNothingListedLeadsToAndOnlyThat) {
  const auto one = build(store_, "one", "hello");
  offer(store_, one, "ann");
  const auto believed = find(one, trust({"ann"}));
  // Another tool's image without a tag that has a layer of the environment's.
  const auto& layer = believed->artifact.layers.front().blob;
  const std::string config = "{}";
  const oci::ImageManifest image{.config = oci::describe(oci::media_type::config, config), .layers = {layer}};
  {
    const auto repository = open(oci::Access::write);
    repository->add_blob({image.config, oci::BlobSource::of_bytes(config)});
    repository->add_manifest(oci::write(image), *oci::Tag::parse("mine"));
  }
  const auto index = temporary_.path() / "cache/index.json";
  auto text = read_file(index);
  const std::string name = R"("org.opencontainers.image.ref.name")";
  const auto mine = text.find("mine");
  text.replace(text.rfind(name, mine), name.size(), R"("example.other")");
  write_file_atomically(index, text, Durable::no);
  const auto leftover = temporary_.path() / "cache/.unfinished-killed";
  const auto fresh = temporary_.path() / "cache/.unfinished-at-work";
  for (const auto& file : {leftover, fresh}) write_file_atomically(file, "half", Durable::no);
  age_all_blobs();
  age(leftover);

  const PruneRequest all{.location = cache_, .keep = {}, .only_kept = true, .older_than = {}, .most_bytes = {}};
  const auto answer = pruned(*open(oci::Access::write), all, std::time(nullptr));
  EXPECT_EQ(answer.removed.size(), 1U);
  EXPECT_EQ(warnings_, "");
  EXPECT_TRUE(std::filesystem::exists(blob_of(layer)));
  EXPECT_TRUE(std::filesystem::exists(blob_of(image.config)));
  EXPECT_FALSE(std::filesystem::exists(blob_of(believed->artifact.records)));
  EXPECT_FALSE(std::filesystem::exists(leftover));
  EXPECT_TRUE(std::filesystem::exists(fresh));
  EXPECT_GT(answer.freed_bytes, 0U);
  EXPECT_EQ(pruned(*open(oci::Access::write), all, std::time(nullptr)).freed_bytes, 0U);
}

TEST_F(CacheTest, PruningLeavesWhatItCanNotRead) {
  const auto one = build(store_, "one", "hello");
  const auto two = build(store_, "two", "other");
  offer(store_, one, "ann");
  const auto tag = offer(store_, two, "ann").tag;
  const auto manifest = open()->find_manifest(*oci::Tag::parse(tag));
  const auto blob = blob_of(find(two, trust({"ann"}))->artifact.lock);
  write_file_atomically(temporary_.path() / "cache/blobs/sha256" / manifest->digest.hex(), "nonsense", Durable::no);
  age_all_blobs();
  const PruneRequest all{.location = cache_, .keep = {}, .only_kept = true, .older_than = {}, .most_bytes = {}};
  const auto answer = pruned(*open(oci::Access::write), all, std::time(nullptr));
  EXPECT_EQ(answer.removed.size(), 1U);
  EXPECT_NE(warnings_.find(tag + " stays, as it can not be read"), std::string::npos) << warnings_;
  EXPECT_NE(warnings_.find("no blob was removed"), std::string::npos) << warnings_;
  EXPECT_TRUE(std::filesystem::exists(blob)) << "it is not known who needs it";
}

TEST_F(CacheTest, PruningFollowsNoLinkToOtherPeoplesFiles) {
  offer(store_, build(store_, "one", "hello"), "ann");
  const auto blobs = temporary_.path() / "cache/blobs";
  const auto elsewhere = temporary_.path() / "cache/elsewhere";
  std::filesystem::rename(blobs, elsewhere);
  std::filesystem::create_directory_symlink("elsewhere", blobs);
  const auto precious = elsewhere / "sha256" / blake3("precious").hex();
  write_file_atomically(precious, "precious", Durable::no);
  age(precious);
  EXPECT_NE(error_of([&] { open(oci::Access::write)->sweep(std::chrono::seconds(0)); }).find("blobs"),
            std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(precious));
}

}  // namespace
}  // namespace karapace::exchange
