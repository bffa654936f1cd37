// SPDX-License-Identifier: Apache-2.0
#include "exchange/pruning.hpp"

#include "tests/exchange/exchange_fixture.hpp"

namespace karapace::exchange {
namespace {

using store::error_of;

class PruningTest : public ExchangeTest {
 protected:
  PruneAnswer pruned(oci::ImageRepository& repository, const PruneRequest& request, std::int64_t now) {
    warnings_.clear();
    return prune(repository, request, now, [&](const std::string& warning) { warnings_ += warning + '\n'; });
  }
};

TEST_F(PruningTest, PruningByAgeAndLocksLeavesWhatIsNeeded) {
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

TEST_F(PruningTest, PruningBySizeTakesTheOldestAndFreesBlobsThatNobodyCountsOn) {
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

TEST_F(PruningTest, PruningADirectoryFreesWhatNothingListedLeadsToAndOnlyThat) {
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

TEST_F(PruningTest, PruningLeavesWhatItCanNotRead) {
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

TEST_F(PruningTest, PruningFollowsNoLinkToOtherPeoplesFiles) {
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

// Whatever somebody else calls it: what its text names stays.
TEST_F(PruningTest, WhatOtherToolsListKeepsItsBlobs) {
  const auto repository = open(oci::Access::write);
  const std::string config = "{}";
  const std::string layer = "a layer";
  const auto config_blob = oci::describe(oci::media_type::config, config);
  const auto layer_blob = oci::describe(oci::media_type::layer_tar, layer);
  repository->add_blob({config_blob, oci::BlobSource::of_bytes(config)});
  repository->add_blob({layer_blob, oci::BlobSource::of_bytes(layer)});
  const oci::ImageManifest image{.config = config_blob, .layers = {layer_blob}};
  repository->add_manifest(oci::write(image), *oci::Tag::parse("mine"));
  const auto index = temporary_.path() / "cache/index.json";
  const auto before = read_file(index);
  const std::string type(oci::media_type::manifest);
  for (const std::string other : {"application/octet-stream", "application/vnd.oci.artifact.manifest.v1+json",
                                  "application/vnd.docker.distribution.manifest.v1+prettyjws",
                                  "application/vnd.oci.image.manifest.v1+json; x=y"}) {
    auto text = before;
    text.replace(text.find(type), type.size(), other);
    write_file_atomically(index, text, Durable::no);
    age_all_blobs();
    open(oci::Access::write)->sweep(std::chrono::hours(1));
    EXPECT_TRUE(std::filesystem::exists(blob_of(layer_blob))) << other;
    EXPECT_TRUE(std::filesystem::exists(blob_of(config_blob))) << other;
  }
}

TEST_F(PruningTest, OtherTagsOfTheSameManifestStay) {
  const auto one = build(store_, "one", "hello");
  const auto tag = *oci::Tag::parse(offer(store_, one, "ann").tag);
  const auto kept = *oci::Tag::parse("release-1");
  open(oci::Access::write)->add_manifest(*open()->manifest(tag), kept);
  age_all_blobs();
  const PruneRequest all{.location = cache_, .keep = {}, .only_kept = true, .older_than = {}, .most_bytes = {}};
  EXPECT_EQ(pruned(*open(oci::Access::write), all, std::time(nullptr)).removed.size(), 1U);
  EXPECT_FALSE(open()->manifest(tag));
  const auto manifest = open()->manifest(kept);
  ASSERT_TRUE(manifest);
  for (const auto& blob : oci::parse_image(*manifest, "it").layers) EXPECT_TRUE(open()->has_blob(blob));
}

}  // namespace
}  // namespace karapace::exchange
