// SPDX-License-Identifier: Apache-2.0
#include "remote/oci/registry.hpp"

#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "remote/oci/fallback_tag.hpp"
#include "tests/remote/oci/registry_fixture.hpp"

namespace karapace::oci {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// Bytes.

TEST_F(FaultyRegistryTest, ImagesAreReadAsTheyWerePushed) {
  auto repository = open();
  auto sample = sample_image();
  push(repository, sample, tag("1"));
  auto other = open();
  auto manifest = require_manifest(other, tag("1"));
  EXPECT_EQ(manifest.bytes, sample.manifest.bytes);
  EXPECT_EQ(manifest.digest, sample.manifest.digest);
  EXPECT_EQ(require_manifest(other, manifest.digest).bytes, sample.manifest.bytes);
  auto image = find_image(other, tag("1"), {"linux", "amd64"}).image;
  EXPECT_EQ(read(other, image.layers[1]), sample.layers[1]);
  EXPECT_EQ(read_small_blob(other, image.config, 10'000), sample.config);
  EXPECT_EQ(other.find_manifest(tag("1"))->size, sample.manifest.bytes.size());
  EXPECT_EQ(other.manifest(tag("2")), std::nullopt);
  EXPECT_THAT(refusal([&] { require_manifest(other, tag("2")); }), HasSubstr("team/dev has no manifest \"2\""));
}

TEST_F(FaultyRegistryTest, WhatIsThereIsNotSentAgain) {
  auto first = open();
  EXPECT_EQ(first.add_blob(new_blob(bytes_)), Added::stored);
  EXPECT_EQ(first.add_blob(new_blob(bytes_)), Added::was_there);
  auto second = open();
  EXPECT_EQ(second.add_blob(new_blob(bytes_)), Added::was_there);
  EXPECT_EQ(server_.count({"PUT"}), 1U);
  EXPECT_EQ(server_.count({"HEAD"}), 2U);
}

TEST_F(FaultyRegistryTest, BlobsAreMountedFromOtherRepositories) {
  auto source = open("base");
  source.add_blob(new_blob(bytes_));
  auto target = open();
  auto blob = new_blob(bytes_);
  blob.mount_from = {"base"};
  EXPECT_EQ(target.add_blob(blob), Added::mounted);
  server_.set(R"({"mount":false})");
  auto other = open("third");
  EXPECT_EQ(other.add_blob(blob), Added::stored);
  EXPECT_EQ(server_.count({"PUT"}), 2U);
  EXPECT_EQ(server_.count({"POST /v2/third"}), 1U)
      << "the session that the refused mount opened is the one that is used";
}

TEST_F(FaultyRegistryTest, ADownloadThatBreaksGoesOnWhereItWas) {
  auto repository = open();
  repository.add_blob(new_blob(bytes_));
  server_.fault(R"({"method":"GET","path":"/blobs/","times":2,"action":"cut"})");
  EXPECT_EQ(read(repository, blob_), bytes_);
  EXPECT_EQ(server_.count({"GET", "bytes=1500000-"}), 1U);
  EXPECT_EQ(server_.count({"GET", "bytes=2250000-"}), 1U);
}

TEST_F(FaultyRegistryTest, ARegistryThatIgnoresRangesIsReadFromItsBeginning) {
  auto repository = open();
  repository.add_blob(new_blob(bytes_));
  server_.fault(R"({"method":"GET","path":"/blobs/","times":1,"action":"cut"})");
  server_.fault(R"({"method":"GET","path":"/blobs/","times":1,"action":"whole"})");
  EXPECT_EQ(read(repository, blob_), bytes_);
}

TEST_F(FaultyRegistryTest, AFileGoesOnWithWhatAnEarlierTryLeft) {
  auto repository = open();
  repository.add_blob(new_blob(bytes_));
  auto path = file("blob.part", bytes_.substr(0, 1'000'000)).replace_extension();
  download_blob(repository, blob_, path);
  EXPECT_EQ(read_file(path), bytes_);
  EXPECT_EQ(server_.count({"GET", "bytes=1000000-"}), 1U);
  file("blob.part", std::string(1'000'000, 'x'));
  download_blob(repository, blob_, path);
  EXPECT_EQ(read_file(path), bytes_);
}

TEST_F(FaultyRegistryTest, BytesWithAnotherDigestAreRefused) {
  auto repository = open();
  repository.add_blob(new_blob(bytes_));
  auto path = directory_.path() / "blob";
  server_.fault(R"({"method":"GET","path":"/blobs/","times":1,"action":"other"})");
  EXPECT_THAT(refusal([&] { download_blob(repository, blob_, path); }),
              HasSubstr("sent other bytes, whose digest is sha256:"));
  EXPECT_FALSE(std::filesystem::exists(path));
  server_.fault(R"({"method":"GET","path":"/blobs/","times":1,"action":"shorter"})");
  EXPECT_THAT(refusal([&] { read(repository, blob_); }), HasSubstr("sends 1500000 bytes or more of it, not 3000000"));
}

TEST_F(FaultyRegistryTest, AnUploadThatBreaksGoesOnWhereTheRegistryIs) {
  auto repository = open();
  server_.fault(R"({"method":"PUT","path":"/uploads/","times":1,"action":"cut"})");
  server_.fault(R"({"method":"PATCH","path":"/uploads/","times":1,"action":"cut"})");
  EXPECT_EQ(repository.add_blob(new_blob(bytes_)), Added::stored);
  EXPECT_EQ(read(repository, blob_), bytes_);
  EXPECT_EQ(server_.count({"POST"}), 1U);
  EXPECT_EQ(server_.count({"PATCH"}), 2U);
}

TEST_F(FaultyRegistryTest, AnUploadWhoseSessionIsForgottenBeginsAgain) {
  auto repository = open();
  server_.fault(R"({"method":"PUT","path":"/uploads/","times":1,"action":"cut"})");
  server_.fault(R"({"method":"GET","path":"/uploads/","times":1,"action":"answer","status":404})");
  EXPECT_EQ(repository.add_blob(new_blob(bytes_)), Added::stored);
  EXPECT_EQ(server_.count({"POST"}), 2U);
}

TEST_F(FaultyRegistryTest, APieceAtAnotherPlaceThanTheRegistryExpectsBeginsAgain) {
  auto repository = open();
  server_.fault(R"({"method":"PUT","path":"/uploads/","times":1,"action":"cut"})");
  server_.fault(R"({"method":"PATCH","path":"/uploads/","times":1,"action":"answer","status":416})");
  EXPECT_EQ(repository.add_blob(new_blob(bytes_)), Added::stored);
  EXPECT_EQ(read(repository, blob_), bytes_);
}

TEST_F(FaultyRegistryTest, AnUploadOfWhichOnlyTheAnswerWasLostIsNotSentAgain) {
  auto repository = open();
  server_.fault(R"({"method":"PUT","path":"/uploads/","times":1,"action":"late"})");
  EXPECT_EQ(repository.add_blob(new_blob(bytes_)), Added::stored);
  EXPECT_EQ(server_.count({"PUT"}), 1U);
}

TEST_F(FaultyRegistryTest, AnUploadThatIsGivenUpIsTakenBack) {
  auto repository = open();
  server_.fault(R"({"method":"PUT","path":"/uploads/","times":9,"action":"answer","status":403})");
  EXPECT_THAT(refusal([&] { repository.add_blob(new_blob(bytes_)); }),
              AllOf(HasSubstr("push blob " + blob_.digest.text()), HasSubstr("answers HTTP 403"),
                    HasSubstr("without credentials")));
  EXPECT_EQ(server_.count({"DELETE", "/uploads/"}), 1U);
  EXPECT_EQ(server_.count({"PUT", "/uploads/"}), 1U);
}

TEST_F(FaultyRegistryTest, ASourceOfAnotherSizeIsNotSent) {
  auto repository = open();
  auto blob = new_blob(bytes_);
  blob.descriptor.size = 5;
  EXPECT_THAT(refusal([&] { repository.add_blob(blob); }), HasSubstr("3000000 bytes to be sent, not 5"));
}

TEST_F(FaultyRegistryTest, AFileIsSentAsItLies) {
  auto repository = open();
  EXPECT_EQ(repository.add_blob({.descriptor = blob_, .source = BlobSource::of_file(file("blob", bytes_))}),
            Added::stored);
  EXPECT_EQ(read(repository, blob_), bytes_);
}

// Answers.

TEST_F(FaultyRegistryTest, EachRefusalSaysWhatWhereAndWhatToDo) {
  struct Refused {
    int status;
    std::string remedy;
  };
  const Refused refused[] = {{400, "this is not what registries answer here"},
                             {403, "without credentials, who may not do this"},
                             {404, "look whether the name is right"},
                             {409, "try again, or take another tag"},
                             {413, "longer than the registry, or a proxy before it, takes"}};
  auto repository = open();
  for (const auto& [status, remedy] : refused) {
    server_.fault(fmt::format(R"({{"method":"PUT","path":"/manifests/","times":1,"action":"answer","status":{},)"
                              R"("body":"{{\"errors\":[{{\"code\":\"DENIED\",\"message\":\"no \\u001b way\"}}]}}"}})",
                              status));
    EXPECT_THAT(refusal([&] { repository.add_manifest(sample_image().manifest, tag("1")); }),
                AllOf(HasSubstr(fmt::format("push manifest 1: {}/team/dev answers HTTP {} (DENIED: no \\x1b way); ",
                                            server_.host(), status)),
                      HasSubstr(remedy)));
  }
}

TEST_F(FaultyRegistryTest, WhatMayPassIsTriedAgain) {
  auto repository = open();
  push(repository, sample_image(), tag("1"));
  for (int status : {408, 429, 500, 502, 503, 504}) {
    server_.fault(
        fmt::format(R"({{"method":"GET","path":"/manifests/","times":3,"action":"answer","status":{}}})", status));
    EXPECT_TRUE(repository.manifest(tag("1"))) << status;
  }
  server_.fault(R"({"method":"GET","path":"/manifests/","times":4,"action":"answer","status":503,"body":"<html>"})");
  EXPECT_THAT(refusal([&] { repository.manifest(tag("1")); }), HasSubstr("answers HTTP 503; that is its own fault"));
}

TEST_F(FaultyRegistryTest, RetryAfterIsWhatIsWaited) {
  auto repository = open();
  push(repository, sample_image(), tag("1"));
  server_.fault(
      R"({"method":"GET","path":"/manifests/","times":1,"action":"answer","status":429,"headers":{"Retry-After":"1"}})");
  auto before = std::chrono::steady_clock::now();
  EXPECT_TRUE(repository.manifest(tag("1")));
  EXPECT_GE(std::chrono::steady_clock::now() - before, std::chrono::seconds(1));
  server_.fault(
      R"({"method":"GET","path":"/manifests/","times":1,"action":"answer","status":429,"headers":{"Retry-After":"3600"}})");
  EXPECT_THAT(refusal([&] { repository.manifest(tag("1")); }), HasSubstr("asked less often: try again in 1 h 0 min"));
}

TEST_F(FaultyRegistryTest, ManifestsOfAnotherTypeDigestOrSizeAreRefused) {
  auto repository = open();
  auto sample = sample_image();
  push(repository, sample, tag("1"));
  server_.fault(
      R"({"method":"GET","path":"/manifests/","times":1,"action":"type","value":"application/vnd.oci.image.index.v1+json"})");
  EXPECT_THAT(refusal([&] { repository.manifest(tag("1")); }), HasSubstr("it is not trusted"));
  server_.fault(R"({"method":"GET","path":"/manifests/","times":1,"action":"huge"})");
  EXPECT_THAT(refusal([&] { repository.manifest(tag("1")); }), HasSubstr("sends more than 8.0 MiB"));
  server_.fault(
      R"({"method":"GET","path":"/manifests/","times":1,"action":"redirect","value":"/v2/team/dev/manifests/2"})");
  push(repository, sample_image("other"), tag("2"));
  EXPECT_THAT(refusal([&] { repository.manifest(sample.manifest.digest); }), HasSubstr("sent other bytes"));
  server_.set(fmt::format(R"({{"digest_header":"{}"}})", digest_of("x").text()));
  EXPECT_THAT(refusal([&] { repository.manifest(tag("1")); }), HasSubstr("says that it has the digest"));
}

TEST_F(FaultyRegistryTest, ATagThatMovesChangesNothingOnceItWasRead) {
  auto repository = open();
  auto first = sample_image("first");
  push(repository, first, tag("1"));
  auto before = require_manifest(repository, tag("1"));
  push(repository, sample_image("second"), tag("1"));
  EXPECT_EQ(require_manifest(repository, before.digest).bytes, first.manifest.bytes);
  EXPECT_NE(require_manifest(repository, tag("1")).digest, before.digest);
}

TEST_F(FaultyRegistryTest, ARegistryThatIsNotThereIsSaidSo) {
  auto repository = registry("127.0.0.1:1");
  EXPECT_THAT(refusal([&] { repository.manifest(tag("1")); }),
              AllOf(HasSubstr("read the manifest \"1\": 127.0.0.1:1/team/dev: "),
                    HasSubstr("check the network and the address")));
}

TEST_F(FaultyRegistryTest, OneThatSpeaksNoTlsIsNotSpokenToInTheClearWhereItIsNotMeantToBe) {
  auto strict = options();
  strict.scheme = Scheme::https;
  strict.pauses.retries = 0;
  Registry repository(server_.host(), "team/dev", strict);
  EXPECT_THAT(refusal([&] { repository.manifest(tag("1")); }), AllOf(HasSubstr("SSL"), Not(HasSubstr("HTTP 404"))));
  EXPECT_EQ(server_.count({"/v2/"}), 0U);
}

TEST_F(FaultyRegistryTest, WarningsAreToldOnce) {
  std::vector<std::string> told;
  auto heard = options();
  heard.warn = [&](std::string_view text) { told.emplace_back(text); };
  server_.set(R"({"warning":"299 - \"this \\\"tag\\\" goes away\""})");
  Registry repository(server_.host(), "team/dev", heard);
  repository.tags();
  repository.tags();
  EXPECT_THAT(told, ElementsAre(server_.host() + " warns: this \"tag\" goes away"));
}

// Lists.

TEST_F(FaultyRegistryTest, TagsAreFollowedOverAllPages) {
  auto repository = open();
  EXPECT_TRUE(repository.tags().empty());
  for (const auto* name : {"a", "b", "c", "d", "e"}) repository.add_manifest(sample_image().manifest, tag(name));
  server_.set(R"({"page":2})");
  EXPECT_THAT(repository.tags(), ElementsAre(tag("a"), tag("b"), tag("c"), tag("d"), tag("e")));
}

Manifest signature(const SampleImage& subject, const std::string& type, const std::string& seed = "s") {
  return write(ImageManifest{.artifact_type = type,
                             .config = describe(media_type::empty, "{}"),
                             .layers = {describe("text/plain", seed)},
                             .subject = subject.manifest.descriptor()});
}

TEST_F(FaultyRegistryTest, ReferrersAreListedByRegistriesOldAndNew) {
  for (const auto* settings :
       {R"({"referrers":true})", R"({"referrers":true,"filters":false})", R"({"referrers":false})"}) {
    server_.set(settings);
    auto repository = open(fmt::format("r{}", server_.requests().size()));
    auto sample = sample_image();
    push(repository, sample, tag("1"));
    EXPECT_TRUE(repository.referrers(sample.manifest.digest).empty());
    auto first = signature(sample, "application/vnd.one");
    auto second = signature(sample, "application/vnd.two");
    repository.add_manifest(first);
    repository.add_manifest(second);
    repository.add_manifest(second);
    EXPECT_EQ(repository.referrers(sample.manifest.digest).size(), 2U) << settings;
    auto found = repository.referrers(sample.manifest.digest, "application/vnd.two");
    ASSERT_EQ(found.size(), 1U) << settings;
    EXPECT_EQ(found[0].digest, second.digest);
    EXPECT_TRUE(repository.remove_manifest(first.digest));
    EXPECT_EQ(repository.referrers(sample.manifest.digest).size(), 1U) << settings;
  }
}

TEST_F(FaultyRegistryTest, ReferrersOfSeveralThreadsAreAllThere) {
  server_.set(R"({"referrers":false})");
  auto repository = open();
  auto sample = sample_image();
  push(repository, sample, tag("1"));
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back(
          [&, i] { repository.add_manifest(signature(sample, "application/vnd.x", std::to_string(i))); });
    }
  }
  EXPECT_EQ(repository.referrers(sample.manifest.digest).size(), 4U);
}

TEST_F(FaultyRegistryTest, ATagThatOnlyLooksLikeAListOfReferrersIsLeftAlone) {
  server_.set(R"({"referrers":false})");
  auto repository = open();
  auto sample = sample_image();
  push(repository, sample, fallback_tag(sample.manifest.digest));
  EXPECT_TRUE(repository.referrers(sample.manifest.digest).empty());
  EXPECT_THAT(refusal([&] { repository.add_manifest(signature(sample, "x/y")); }),
              HasSubstr("is an image, not an index"));
}

TEST_F(FaultyRegistryTest, BlobsAreDeleted) {
  auto repository = open();
  repository.add_blob(new_blob(bytes_));
  EXPECT_TRUE(repository.remove_blob(blob_.digest));
  EXPECT_FALSE(repository.remove_blob(blob_.digest));
  EXPECT_FALSE(repository.has_blob(blob_));
  server_.fault(R"({"method":"DELETE","path":"/blobs/","times":1,"action":"answer","status":405})");
  EXPECT_THAT(refusal([&] { repository.remove_blob(blob_.digest); }), HasSubstr("switched off"));
}

}  // namespace
}  // namespace karapace::oci
