// SPDX-License-Identifier: Apache-2.0
#include "remote/oci/image_manifest.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "remote/oci/image_config.hpp"

namespace karapace::oci {
namespace {

using testing::HasSubstr;

template <class Action>
std::string refusal(Action action) {
  try {
    action();
  } catch (const RemoteError& error) {
    return error.what();
  }
  return "nothing was refused";
}

Descriptor descriptor(std::string_view bytes, std::string_view type = media_type::layer_gzip) {
  return describe(type, bytes);
}

TEST(ImageManifest, IsReadAsItWasWritten) {
  ImageManifest image{.artifact_type = "application/vnd.example",
                      .config = descriptor("{}", media_type::empty),
                      .layers = {descriptor("a"), descriptor("b", media_type::layer_zstd)},
                      .subject = descriptor("c", media_type::manifest),
                      .annotations = {{"org.example", "\"ä\""}}};
  image.config.data = "{}";
  image.layers[0].annotations = {{"x", "y"}};
  auto manifest = write(image);
  EXPECT_EQ(parse_image(manifest, "it"), image);
  EXPECT_EQ(manifest.descriptor().digest, digest_of(manifest.bytes));
  EXPECT_THAT(manifest.bytes,
              HasSubstr(R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json")"));
}

TEST(ImageIndex, IsReadAsItWasWritten) {
  ImageIndex index{.manifests = {descriptor("a", media_type::manifest)}, .annotations = {{"a", "b"}}};
  index.manifests[0].platform = Platform{"linux", "arm", "v7", "", {"sse"}};
  EXPECT_EQ(parse_index(write(index), "it"), index);
}

TEST(ImageConfig, IsReadAsItWasWritten) {
  ImageConfig config{.platform = {"linux", "amd64"},
                     .created = "2024-01-02T03:04:05Z",
                     .user = "1000:1000",
                     .variables = {"PATH=/bin"},
                     .entry_point = {"/bin/sh", "-c"},
                     .command = {"true"},
                     .working_directory = "/src",
                     .labels = {{"a", "b"}},
                     .exposed_ports = {"80/tcp"},
                     .volumes = {"/data"},
                     .stop_signal = "SIGINT",
                     .diff_ids = {digest_of("x")},
                     .history = {{.created_by = "we"}, {.empty_layer = true}}};
  EXPECT_EQ(parse_config(write(config), "it"), config);
  EXPECT_EQ(
      parse_config(R"({"os":"linux","architecture":"amd64","config":null,"rootfs":{"type":"layers"},"spec":1})", "it"),
      (ImageConfig{.platform = {"linux", "amd64"}}));
}

std::string image_json(std::string_view extra, std::string_view layers = "[]") {
  return fmt::format(
      R"({{"schemaVersion":2,"config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{}","size":2}},)"
      R"("layers":{}{}}})",
      digest_of("{}").text(), layers, extra);
}

TEST(Manifest, TypeIsWhatBothTheSenderAndTheDocumentSay) {
  const std::string oci(media_type::manifest);
  auto typed = image_json(R"(,"mediaType":")" + oci + "\"");
  EXPECT_EQ(manifest_of(typed, oci, "it").media_type, oci);
  EXPECT_EQ(manifest_of(typed, oci + "; charset=utf-8", "it").media_type, oci);
  EXPECT_EQ(manifest_of(typed, "", "it").media_type, oci);
  EXPECT_EQ(manifest_of(typed, "application/octet-stream", "it").media_type, oci);
  EXPECT_EQ(manifest_of(image_json(""), oci, "it").media_type, oci);
  EXPECT_THAT(refusal([&] { manifest_of(typed, media_type::index, "it"); }), HasSubstr("it is not trusted"));
  EXPECT_THAT(refusal([&] { manifest_of(typed, "text/html", "it"); }), HasSubstr("it is not trusted"));
  EXPECT_THAT(refusal([&] { manifest_of(image_json(""), "", "it"); }), HasSubstr("does not say of which type"));
  EXPECT_THAT(
      refusal([&] { manifest_of(image_json(""), "application/vnd.docker.distribution.manifest.v1+prettyjws", "it"); }),
      HasSubstr("is not understood; push it again"));
}

TEST(Manifest, WhatBreaksTheSpecIsRefused) {
  struct Refused {
    std::string json;
    std::string reason;
  };
  const auto layer = [](std::string_view fields) { return image_json("", fmt::format("[{{{}}}]", fields)); };
  const auto digest = digest_of("x").text();
  const Refused refused[] = {
      {"", "it is no JSON (at byte 1)"},
      {"[]", "it is no JSON object"},
      {R"({"schemaVersion": 2, "size": 1e999})", "it has a number that is too large"},
      {image_json("") + "x", "it is no JSON"},
      {image_json(R"(,"manifests":[])"), "it has both \"layers\" and \"manifests\""},
      {image_json(R"(,"layers":[])"), "it has the field \"layers\" twice"},
      {R"({"schemaVersion":1,"layers":[]})", "it is not of schema version 2"},
      {R"({"schemaVersion":2})", "it has no \"layers\""},
      {R"({"schemaVersion":2,"layers":[]})", "it has no \"config\""},
      {image_json("", "{}"), "it has a \"layers\" that is no array"},
      {image_json("", "[1]"), "it: layers[0] is no JSON object"},
      {layer(fmt::format(R"("digest":"{}","size":1)", digest)), "it: layers[0] has no \"mediaType\""},
      {layer(fmt::format(R"("mediaType":"x","digest":"{}")", digest)), "it: layers[0] has no \"size\""},
      {layer(fmt::format(R"("mediaType":"x","digest":"{}","size":-1)", digest)), "no whole number of at least 0"},
      {layer(fmt::format(R"("mediaType":"x","digest":"{}","size":1.5)", digest)), "no whole number of at least 0"},
      {layer(fmt::format(R"("mediaType":"x","digest":"{}","size":18446744073709551615)", digest)), "no file can have"},
      {layer(R"("mediaType":"x","digest":"sha256:../../etc","size":1)"), "neither a sha256 nor a sha512 digest"},
      {layer(fmt::format(R"("mediaType":"x","digest":"{}","size":1,"data":"eQ==")", digest)), "is not the bytes of"},
      {layer(fmt::format(R"("mediaType":"x","digest":"{}","size":1,"data":"e")", digest)), "is no Base64"},
      {image_json(R"(,"x":)" + std::string(100, '[') + std::string(100, ']')), "nested deeper than 64"},
  };
  for (const auto& [json, reason] : refused) {
    EXPECT_THAT(refusal([&] { parse(manifest_of(json, media_type::manifest, "it"), "it"); }), HasSubstr(reason))
        << json;
  }
  EXPECT_THAT(refusal([] { manifest_of(std::string(longest_manifest + 1, ' '), "", "it"); }),
              HasSubstr("no manifest more than 8.0 MiB"));
}

TEST(ImageIndex, IsAskedForAPlatform) {
  auto entry = [](std::string_view bytes, std::optional<Platform> platform) {
    auto made = descriptor(bytes, media_type::manifest);
    made.platform = std::move(platform);
    return made;
  };
  ImageIndex index{
      .manifests = {entry("attestation", Platform{"unknown", "unknown"}), entry("none", std::nullopt),
                    entry("windows", Platform{"windows", "amd64"}), entry("amd64", Platform{"linux", "amd64"}),
                    entry("v6", Platform{"linux", "arm", "v6"}), entry("v5", Platform{"linux", "arm", "v5"}),
                    entry("arm64", Platform{"linux", "arm64", "v8"})}};
  auto chosen = [&](const Platform& wanted) -> std::string {
    auto found = choose(index, wanted);
    for (const auto* bytes : {"amd64", "v6", "v5", "arm64"})
      if (found && found->digest == digest_of(bytes)) return bytes;
    return found ? "another" : "none";
  };
  EXPECT_EQ(chosen({"linux", "amd64"}), "amd64");
  EXPECT_EQ(chosen({"linux", "arm64"}), "arm64");
  EXPECT_EQ(chosen({"linux", "arm"}), "v6");
  EXPECT_EQ(chosen({"linux", "arm", "v5"}), "v5");
  EXPECT_EQ(chosen({"linux", "riscv64"}), "none");
}

TEST(Referral, NamesTheTypeOfTheArtifactOrOfItsConfig) {
  ImageManifest image{.config = descriptor("{}", "application/vnd.example.config"),
                      .subject = descriptor("s", media_type::manifest),
                      .annotations = {{"a", "b"}}};
  auto found = referral(write(image), "it");
  EXPECT_EQ(found.referrer.artifact_type, "application/vnd.example.config");
  EXPECT_EQ(found.referrer.annotations, image.annotations);
  EXPECT_EQ(found.subject, image.subject);
  image.artifact_type = "application/vnd.example";
  EXPECT_EQ(referral(write(image), "it").referrer.artifact_type, "application/vnd.example");
}

}  // namespace
}  // namespace karapace::oci
