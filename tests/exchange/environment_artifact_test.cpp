// SPDX-License-Identifier: Apache-2.0
#include "exchange/environment_artifact.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace karapace::exchange {
namespace {

EnvironmentArtifact some_artifact() {
  return {.environment = EnvironmentId(blake3("environment")),
          .records = oci::describe(records_media_type, "records"),
          .lock = oci::describe(lock_media_type, "lock"),
          .envelopes = {oci::describe(envelope_media_type, "signature")},
          .layers = {{LayerId(blake3("base")), oci::describe(oci::media_type::layer_zstd, "packed base")},
                     {LayerId(blake3("more")), oci::describe(oci::media_type::layer_gzip, "packed more")}}};
}

std::string refusal(const oci::ImageManifest& manifest) {
  try {
    artifact_of(manifest, "cache.invalid");
    return "";
  } catch (const RemoteError& error) {
    return error.what();
  }
}

TEST(EnvironmentArtifact, ComesBackFromItsManifest) {
  const auto artifact = some_artifact();
  const auto bytes = oci::write(manifest_of(artifact));
  EXPECT_EQ(artifact_of(oci::parse_image(bytes, "it"), "it"), artifact);
}

TEST(EnvironmentArtifact, KeepsItsSubjectAndWhatElseIsSaidOfIt) {
  auto artifact = some_artifact();
  artifact.subject = oci::describe(oci::media_type::manifest, "image");
  artifact.annotations["org.karapace.pushed"] = "2026-01-02T03:04:05Z";
  EXPECT_EQ(artifact_of(oci::parse_image(oci::write(manifest_of(artifact)), "it"), "it"), artifact);
}

TEST(EnvironmentArtifact, WhatIsNoneIsRefused) {
  const auto good = manifest_of(some_artifact());
  auto other = good;
  other.artifact_type = "application/vnd.invalid";
  EXPECT_NE(refusal(other), "");
  other = good;
  other.annotations.clear();
  EXPECT_NE(refusal(other), "");
  other = good;
  std::swap(other.layers[0], other.layers[1]);
  EXPECT_NE(refusal(other), "");
  other = good;
  other.layers[3].annotations.clear();
  EXPECT_NE(refusal(other), "");
  other = good;
  other.layers.push_back(other.layers.back());
  EXPECT_NE(refusal(other).find("twice"), std::string::npos);
  other = good;
  other.layers[1].size = std::uint64_t{1} << 40;
  EXPECT_NE(refusal(other), "");
  other = good;
  other.layers.push_back(oci::describe("application/vnd.invalid", "x"));
  EXPECT_NE(refusal(other), "");
}

TEST(CacheTag, SaysEnvironmentAndSigner) {
  const EnvironmentId id(blake3("environment"));
  const auto tag = cache_tag(id, "0123456789abcdef");
  ASSERT_TRUE(parse_cache_tag(tag));
  EXPECT_EQ(parse_cache_tag(tag)->environment, id);
  EXPECT_EQ(parse_cache_tag(tag)->key_id, "0123456789abcdef");
  for (const char* word : {"latest", "1", "sha256-00"}) EXPECT_FALSE(parse_cache_tag(*oci::Tag::parse(word))) << word;
  EXPECT_FALSE(parse_cache_tag(*oci::Tag::parse(tag.text() + "0")));
}

}  // namespace
}  // namespace karapace::exchange
