// SPDX-License-Identifier: Apache-2.0
// Whom a registry is spoken to as, and where that may lead: TLS, redirects, logins.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/base64.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "remote/oci/registry.hpp"
#include "tests/remote/oci/registry_fixture.hpp"
#include "tests/skipping.hpp"

namespace karapace::oci {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

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
              AllOf(HasSubstr("read the manifest \"1\": " + server_->host() + "/team/dev: "), HasSubstr("self"),
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

}  // namespace
}  // namespace karapace::oci
