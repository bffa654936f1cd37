// SPDX-License-Identifier: Apache-2.0
#include "remote/oci/registry.hpp"

#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/base64.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "remote/oci/fallback_tag.hpp"
#include "tests/remote/oci/registry_fixture.hpp"
#include "tests/skipping.hpp"

namespace karapace::oci {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class FaultyRegistryTest : public RegistryTest {
 protected:
  Registry open(const std::string& repository = "team/dev") const { return registry(server_.host(), repository); }
  void log_in(const std::string& user = "ann", const std::string& password = "secret") const {
    file("auth.json",
         fmt::format(R"({{"auths":{{"{}":{{"auth":"{}"}}}}}})", server_.host(), base64(user + ':' + password)));
  }

  FaultyRegistry server_;
  std::string bytes_ = random_like(3'000'000);
  Descriptor blob_ = describe(media_type::layer_tar, bytes_);
};

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
  EXPECT_THAT(
      refusal([&] { repository.manifest(tag("1")); }),
      AllOf(HasSubstr("read manifest 1: 127.0.0.1:1/team/dev: "), HasSubstr("check the network and the address")));
}

TEST_F(FaultyRegistryTest, OneThatSpeaksNoTlsIsNotSpokenToInTheClearWhereItIsNotMeantToBe) {
  auto strict = options();
  strict.scheme = Scheme::https;
  strict.pauses.retries = 0;
  Registry repository(server_.host(), "team/dev", strict);
  EXPECT_THAT(refusal([&] { repository.manifest(tag("1")); }), AllOf(HasSubstr("SSL"), Not(HasSubstr("HTTP 404"))));
  EXPECT_EQ(server_.count({"/v2/"}), 0U);
}

class TlsRegistryTest : public RegistryTest {
 protected:
  void SetUp() override {
    auto key = directory_.path() / "key";
    if (!make_certificate(certificate_, key)) KARAPACE_SKIP_TEST("openssl is not installed");
    server_.emplace(certificate_, key);
  }
  Registry open(bool is_trusted) const {
    auto made = options();
    made.pauses.retries = 0;
    if (is_trusted) made.transfer.ca_info = certificate_.string();
    return {server_->host(), "team/dev", made};
  }

  std::filesystem::path certificate_ = directory_.path() / "certificate";
  std::optional<FaultyRegistry> server_;
};

TEST_F(TlsRegistryTest, IsSpokenToWithTlsWhenItsCertificateIsTrusted) {
  auto repository = open(true);
  push(repository, sample_image(), tag("1"));
  EXPECT_TRUE(repository.manifest(tag("1")));
  auto strange = open(false);
  EXPECT_THAT(refusal([&] { strange.manifest(tag("1")); }),
              AllOf(HasSubstr("read manifest 1: " + server_->host() + "/team/dev: "), HasSubstr("self"),
                    HasSubstr("the certificate is not trusted: name the authority that signed it in ca_info")));
}

TEST_F(TlsRegistryTest, IsNotLeftForAServerInTheClear) {
  auto repository = open(true);
  push(repository, sample_image(), tag("1"));
  server_->fault(
      R"({"method":"GET","path":"/manifests/","times":1,"action":"redirect","value":"http://127.0.0.1:1/"})");
  EXPECT_THAT(refusal([&] { repository.manifest(tag("1")); }),
              HasSubstr("is redirected from https to http://127.0.0.1:1, in the clear"));
  server_->set(R"({"auth":"bearer","realm":"http://tokens.example/token"})");
  EXPECT_THAT(refusal([&] { repository.manifest(tag("1")); }), HasSubstr("would have the credentials in the clear"));
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

// Redirects.

TEST_F(FaultyRegistryTest, CredentialsStayWithTheRegistryThatRedirects) {
  log_in();
  for (const auto* auth : {"basic", "bearer"}) {
    server_.set(fmt::format(R"({{"auth":"{}"}})", auth));
    auto repository = open();
    repository.add_blob(new_blob(bytes_));
    for (const auto* method : {"GET", "HEAD"}) {
      server_.fault(fmt::format(R"({{"method":"{}","path":"/blobs/sha","times":1,"action":"redirect"}})", method));
    }
    auto other = open();
    EXPECT_EQ(read(other, blob_), bytes_);
    EXPECT_TRUE(other.has_blob(blob_));
  }
  EXPECT_EQ(server_.count({server_.storage() + " GET", " - "}), 2U);
  EXPECT_GE(server_.count({server_.storage() + " HEAD", " - "}), 2U) << "a HEAD stays one";
  EXPECT_EQ(server_.count({server_.storage() + " ", "Basic"}), 0U);
  EXPECT_EQ(server_.count({server_.storage() + " ", "Bearer"}), 0U);
}

TEST_F(FaultyRegistryTest, UploadsAreRedirectedWithTheirBytes) {
  auto repository = open();
  server_.fault(R"({"method":"PUT","path":"/uploads/","times":1,"action":"redirect"})");
  EXPECT_EQ(repository.add_blob(new_blob(bytes_)), Added::stored);
  EXPECT_EQ(server_.count({server_.storage() + " PUT"}), 1U);
}

TEST_F(FaultyRegistryTest, RedirectsThatLeadNowhereGoodAreRefused) {
  auto repository = open();
  for (const auto* target : {"file:///etc/passwd", "http://user:pass@127.0.0.1/", "gopher://x/"}) {
    server_.fault(
        fmt::format(R"({{"method":"GET","path":"/manifests/","times":1,"action":"redirect","value":"{}"}})", target));
    EXPECT_THAT(refusal([&] { repository.manifest(tag("1")); }), HasSubstr("which is no http address")) << target;
  }
  server_.fault(
      R"({"method":"GET","path":"/manifests/loop","times":99,"action":"redirect","value":"/v2/team/dev/manifests/loop"})");
  EXPECT_THAT(refusal([&] { repository.manifest(tag("loop")); }), HasSubstr("more than 10 times"));
}

// Logins.

TEST_F(FaultyRegistryTest, ATokenIsGotOncePerScope) {
  server_.set(R"({"auth":"bearer"})");
  log_in();
  auto repository = open();
  push(repository, sample_image(), tag("1"));
  EXPECT_TRUE(repository.manifest(tag("1")));
  EXPECT_EQ(server_.count({"GET /token", "push"}), 1U);
  EXPECT_EQ(server_.count({"GET /token"}), 2U);
  EXPECT_EQ(server_.count({" 401"}), 1U) << "only the first request goes without";
}

TEST_F(FaultyRegistryTest, ATokenServiceIsTriedAgainToo) {
  server_.set(R"({"auth":"bearer"})");
  log_in();
  auto repository = open();
  server_.fault(R"({"method":"GET","path":"^/token","times":2,"action":"answer","status":503})");
  push(repository, sample_image(), tag("1"));
  EXPECT_TRUE(repository.manifest(tag("1")));
}

TEST_F(FaultyRegistryTest, WhatEverybodyMayReadNeedsNoCredentials) {
  log_in();
  server_.set(R"({"auth":"bearer","token_field":"access_token"})");
  auto writer = open();
  push(writer, sample_image(), tag("1"));
  std::filesystem::remove(directory_.path() / "auth.json");
  auto reader = open();
  EXPECT_TRUE(reader.manifest(tag("1")));
  EXPECT_THAT(
      refusal([&] { push(reader, sample_image("new"), tag("2")); }),
      AllOf(HasSubstr("HTTP 401"), HasSubstr("without credentials"), HasSubstr("podman login " + server_.host())));
}

TEST_F(FaultyRegistryTest, AnExpiredTokenIsReplaced) {
  server_.set(R"({"auth":"bearer"})");
  log_in();
  auto repository = open();
  push(repository, sample_image(), tag("1"));
  server_.forget_tokens();
  EXPECT_TRUE(repository.manifest(tag("1")));
  server_.forget_tokens();
  EXPECT_EQ(repository.add_blob(new_blob(bytes_)), Added::stored);
  server_.set(R"({"lifetime":0})");
  server_.forget_tokens();
  EXPECT_TRUE(repository.manifest(tag("1")));
  EXPECT_TRUE(repository.manifest(tag("1")));
}

TEST_F(FaultyRegistryTest, AnIdentityTokenIsExchanged) {
  server_.set(R"({"auth":"bearer"})");
  file("auth.json", fmt::format(R"({{"auths":{{"{}":{{"identitytoken":"refresh-me"}}}}}})", server_.host()));
  auto repository = open();
  push(repository, sample_image(), tag("1"));
  EXPECT_GE(server_.count({"POST /token"}), 1U);
  EXPECT_EQ(server_.count({"refresh-me"}), 0U) << "it is in no address";
}

TEST_F(FaultyRegistryTest, BasicIsUnderstood) {
  server_.set(R"({"auth":"basic"})");
  auto stranger = open();
  EXPECT_THAT(refusal([&] { stranger.tags(); }),
              HasSubstr("wants a user and a password; podman login " + server_.host()));
  log_in("ann", "wrong");
  auto wrong = open();
  EXPECT_THAT(refusal([&] { wrong.manifest(tag("1")); }), AllOf(HasSubstr("HTTP 401"), HasSubstr("as ann of \"")));
  log_in();
  auto repository = open();
  push(repository, sample_image(), tag("1"));
  EXPECT_TRUE(repository.manifest(tag("1")));
}

TEST_F(FaultyRegistryTest, WrongCredentialsAreNamedWithTheirFile) {
  server_.set(R"({"auth":"bearer"})");
  log_in("ann", "wrong");
  auto repository = open();
  EXPECT_THAT(refusal([&] { repository.manifest(tag("1")); }),
              AllOf(HasSubstr("log in to " + server_.host()), HasSubstr("gives no token for repository:team/dev:pull"),
                    HasSubstr("as ann of \"" + (directory_.path() / "auth.json").string()), HasSubstr("podman login")));
}

TEST_F(FaultyRegistryTest, CredentialsAreNotSentInTheClear) {
  log_in();
  server_.set(R"({"auth":"bearer","realm":"http://tokens.example/token"})");
  auto repository = open();
  EXPECT_THAT(refusal([&] { repository.manifest(tag("1")); }), HasSubstr("would have the credentials in the clear"));
  server_.set(fmt::format(R"({{"realm":"http://127.0.0.1:{}/token"}})", server_.port()));
  server_.fault(R"({"method":"GET","path":"^/token","times":1,"action":"redirect"})");
  EXPECT_THAT(refusal([&] { repository.manifest(tag("1")); }), HasSubstr("which must not have the secret"));
}

TEST_F(FaultyRegistryTest, AChallengeThatIsNoneIsSaidSo) {
  server_.set(R"({"auth":"bearer","challenge":"Negotiate"})");
  auto repository = open();
  EXPECT_THAT(refusal([&] { repository.manifest(tag("1")); }),
              HasSubstr("it wants \"negotiate\", and only Bearer and Basic"));
  server_.set(R"({"challenge":"Bearer realm=\"nonsense"})");
  EXPECT_THAT(refusal([&] { repository.manifest(tag("1")); }), HasSubstr("401 without a challenge that can be read"));
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
