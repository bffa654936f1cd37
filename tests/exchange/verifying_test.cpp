// SPDX-License-Identifier: Apache-2.0
// What an image rests on: one that is well, and each of its parts damaged, missing or somebody else's.
#include "exchange/verifying.hpp"

#include "remote/oci/image_config.hpp"
#include "tests/exchange/exchange_fixture.hpp"

namespace karapace::exchange {
namespace {

using store::error_of;
using store::Store;

class VerifyTest : public ExchangeTest {
 protected:
  oci::FoundImage image(const std::string& tag = "dev") {
    const auto repository = open();
    auto manifest = oci::require_manifest(*repository, oci::Tag::parse(tag).value());
    auto parsed = oci::parse_image(manifest, "the image");
    return {std::move(manifest), std::move(parsed)};
  }

  VerifyAnswer verify(const std::vector<std::string>& names, unsigned agree = 0, const std::string& tag = "dev") {
    VerifyRequest request{.location = cache_, .keys = {}, .agree = agree};
    for (const auto& name : names) request.keys.push_back(signing::text(signing::find_public_key(keys_, name)));
    return verify_image(*open(), image(tag), request);
  }

  static const VerifiedLink& link(const VerifyAnswer& answer, std::string_view name) {
    for (const auto& one : answer.links)
      if (one.link == name) return one;
    throw std::out_of_range(std::string(name));
  }
  /// "verified", or the findings' states and reasons.
  static std::string told(const VerifyAnswer& answer, std::string_view name) {
    std::string text;
    for (const auto& finding : link(answer, name).findings)
      text += fmt::format("{} {}: {}\n", finding.state, finding.subject, finding.reason);
    return text.empty() ? "verified" : text;
  }
  static bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

  EnvironmentArtifact artifact() {
    const auto repository = open();
    const auto found = artifacts_beside(*repository, image().manifest.digest, environment_.id, nullptr, [](auto&) {});
    return found.found.at(0).artifact;
  }

  store::Environment environment_ = build(store_, "one", "hello");
};

TEST_F(VerifyTest, AnImageThatIsWellIsVerifiedToItsLock) {
  push(store_, environment_, "ann");
  const auto answer = verify({"ann"}, 1);
  EXPECT_EQ(answer.environment, environment_.id);
  EXPECT_EQ(answer.image, image().manifest.digest.text());
  EXPECT_EQ(EnvironmentId(blake3(answer.lock)), environment_.id);
  for (const char* name : {"lock", "layer", "signature", "image"}) EXPECT_EQ(told(answer, name), "verified") << name;
  EXPECT_EQ(link(answer, "record").verified, 4U);
  EXPECT_EQ(link(answer, "signature").verified, 1U);
  EXPECT_TRUE(has(told(answer, "package"), "absent 1 file: ")) << told(answer, "package");
}

TEST_F(VerifyTest, NothingOfItComesIntoAStore) {
  push(store_, environment_, "ann");
  const auto before = names_in(temporary_.path());
  verify({"ann"});
  EXPECT_EQ(names_in(temporary_.path()), before);
}

TEST_F(VerifyTest, KeysThatAreNotKnownAreNamed) {
  push(store_, environment_, "ann");
  const auto answer = verify({"bob"});
  const auto ann = signing::find_public_key(keys_, "ann").key.id().hex();
  EXPECT_TRUE(has(told(answer, "signature"), "absent key " + ann)) << told(answer, "signature");
  EXPECT_TRUE(has(told(verify({"bob"}, 1), "signature"), "broken environment"));
  EXPECT_EQ(told(verify({"ann", "bob"}, 1), "signature"), "verified");
  EXPECT_TRUE(has(told(verify({"ann", "bob"}, 2), "signature"), "2 have to agree"));
}

TEST_F(VerifyTest, SeveralSignersOfOneImageAgree) {
  push(store_, environment_, "ann");
  push(store_, environment_, "bob");
  const auto answer = verify({"ann", "bob"}, 2);
  EXPECT_EQ(told(answer, "signature"), "verified");
  EXPECT_EQ(link(answer, "signature").verified, 2U);
}

TEST_F(VerifyTest, ADamagedLayerIsNamed) {
  push(store_, environment_, "ann");
  const auto layer = image().image.layers.front();
  store::flip_byte(blob_of(layer));
  EXPECT_TRUE(has(told(verify({"ann"}), "layer"), "broken blob " + layer.digest.text())) << told(verify({}), "layer");
  std::filesystem::remove(blob_of(layer));
  EXPECT_TRUE(has(told(verify({"ann"}), "layer"), "broken blob " + layer.digest.text())) << told(verify({}), "layer");
}

TEST_F(VerifyTest, DamagedConfigurationLockAndRecordsAreNamed) {
  push(store_, environment_, "ann");
  store::flip_byte(blob_of(image().image.config));
  EXPECT_TRUE(has(told(verify({"ann"}), "image"), "broken configuration"));
  store::flip_byte(blob_of(artifact().lock));
  EXPECT_TRUE(has(told(verify({"ann"}), "lock"), "broken environment"));
  store::flip_byte(blob_of(artifact().records));
  const auto answer = verify({"ann"}, 1);
  EXPECT_TRUE(has(told(answer, "record"), "broken environment"));
  EXPECT_TRUE(has(told(answer, "signature"), "can not be read here"));
}

TEST_F(VerifyTest, AConfigurationWithOtherDiffIdsIsFound) {
  push(store_, environment_, "ann");
  auto [manifest, image] = this->image();
  const auto repository = open(oci::Access::write);
  auto config = oci::parse_config(oci::read_small_blob(*repository, image.config, oci::longest_config), "it");
  config.diff_ids.front() = oci::digest_of("something else");
  const auto text = oci::write(config);
  image.config = oci::describe(oci::media_type::config, text);
  repository->add_blob({image.config, oci::BlobSource::of_bytes(text)});
  repository->add_manifest(oci::write(image), oci::Tag::parse("evil").value());
  repository->finish();
  const auto answer = verify({"ann"}, 1, "evil");
  EXPECT_TRUE(has(told(answer, "layer"), "and the configuration says")) << told(answer, "layer");
  EXPECT_TRUE(has(told(answer, "signature"), "no trusted key has signed it"));
}

TEST_F(VerifyTest, ASignatureOfAnotherImageDoesNotCount) {
  push(store_, environment_, "ann");
  auto ours = artifact();
  auto [manifest, image] = this->image();
  const auto repository = open(oci::Access::write);
  image.annotations["org.opencontainers.image.created"] = "2026-01-01T00:00:00Z";
  const auto other = oci::write(image);
  repository->add_manifest(other, oci::Tag::parse("evil").value());
  ours.subject = other.descriptor();
  repository->add_manifest(oci::write(manifest_of(ours)));
  repository->finish();
  const auto told_of = told(verify({"ann"}, 0, "evil"), "signature");
  EXPECT_TRUE(has(told_of, "ann signed another image of this environment")) << told_of;
}

TEST_F(VerifyTest, WhoSaysThatSomethingElseWasMadeIsNamed) {
  push(store_, environment_, "ann");
  const auto poisoned = new_store("poisoned");
  push(poisoned, build(poisoned, "one", "evil"), "eve", "evil");
  const auto repository = open(oci::Access::write);
  // Eve's records beside ann's image.
  auto evil = artifacts_beside(*repository, image("evil").manifest.digest, environment_.id, nullptr, [](auto&) {})
                  .found.at(0)
                  .artifact;
  evil.subject = image().manifest.descriptor();
  repository->add_manifest(oci::write(manifest_of(evil)));
  repository->finish();
  const auto answer = verify({"ann", "eve"}, 1);
  EXPECT_EQ(link(answer, "signature").verified, 1U);
  EXPECT_TRUE(has(told(answer, "signature"), "eve signed another image")) << told(answer, "signature");
  EXPECT_EQ(told(answer, "layer"), "verified");
}

TEST_F(VerifyTest, AnImageWithoutRecordsOrOfSomebodyElseIsToldFrom) {
  push(store_, environment_, "");
  EXPECT_TRUE(has(told(verify({}), "signature"), "no signature lies beside it"));
  auto [manifest, image] = this->image();
  const auto repository = open(oci::Access::write);
  image.annotations["org.opencontainers.image.created"] = "2026-01-01T00:00:00Z";
  repository->add_manifest(oci::write(image), oci::Tag::parse("copied").value());
  image.annotations.clear();
  repository->add_manifest(oci::write(image), oci::Tag::parse("foreign").value());
  repository->finish();
  EXPECT_TRUE(has(told(verify({}, 0, "copied"), "record"), "are not beside it"));
  const auto foreign = verify({}, 0, "foreign");
  EXPECT_FALSE(foreign.environment);
  EXPECT_EQ(told(foreign, "layer"), "verified");
  EXPECT_TRUE(has(told(foreign, "image"), "absent image"));
}

TEST_F(VerifyTest, PackagesThatWereSentAreRead) {
  push(store_, environment_, "ann");
  const auto repository = open(oci::Access::write);
  const auto archive = oci::describe("application/octet-stream", "one");
  repository->add_blob({archive, oci::BlobSource::of_bytes("one")});
  repository->add_blob({oci::describe(oci::media_type::empty, "{}"), oci::BlobSource::of_bytes("{}")});
  repository->add_manifest(oci::write(manifest_of_sources(environment_.id, {archive})), sources_tag(environment_.id));
  repository->finish();
  const auto answer = verify({"ann"});
  EXPECT_EQ(told(answer, "package"), "verified");
  EXPECT_EQ(link(answer, "package").verified, 1U);
  store::flip_byte(blob_of(archive));
  EXPECT_TRUE(has(told(verify({"ann"}), "package"), "broken blob " + archive.digest.text()));
}

TEST_F(VerifyTest, WhatACacheHasIsVerifiedWithoutAnImage) {
  offer(store_, environment_, "ann");
  const auto ann = signing::find_public_key(keys_, "ann").key.id().hex();
  const auto answer = verify({"ann"}, 1, cache_tag(environment_.id, ann).text());
  EXPECT_EQ(answer.environment, environment_.id);
  for (const char* name : {"lock", "signature"}) EXPECT_EQ(told(answer, name), "verified") << name;
  EXPECT_TRUE(has(told(answer, "layer"), "absent environment")) << "which blob is which layer is not signed there";
}

TEST_F(VerifyTest, AnImageThatDoesNotSayWhichLayersItHasIsNotSaidToHaveThem) {
  push(store_, environment_, "ann");
  const auto repository = open(oci::Access::write);
  auto stripped = oci::parse_image(*repository->manifest(oci::Tag::parse("dev").value()), "it");
  for (auto& layer : stripped.layers) layer.annotations.clear();
  const auto manifest = oci::write(stripped);
  repository->add_manifest(manifest, oci::Tag::parse("stripped"));
  auto beside = artifact();
  beside.subject = manifest.descriptor();
  repository->add_manifest(oci::write(manifest_of(beside)));
  repository->finish();
  const auto answer = verify({}, 0, "stripped");
  EXPECT_TRUE(has(told(answer, "layer"), "does not say which of the records' layers")) << told(answer, "layer");
}

}  // namespace
}  // namespace karapace::exchange
