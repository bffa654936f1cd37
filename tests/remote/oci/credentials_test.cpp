// SPDX-License-Identifier: Apache-2.0
#include "remote/oci/credentials.hpp"

#include <cstdlib>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/base64.hpp"
#include "base/error.hpp"
#include "remote/oci/authentication.hpp"
#include "tests/remote/oci/registry_fixture.hpp"

namespace karapace::oci {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

/// Of one environment variable, put back afterwards.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() { old_ ? ::setenv(name_, old_->c_str(), 1) : ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
};

class CredentialsTest : public RegistryTest {
 protected:
  std::string found(const std::string& json, std::string_view registry, std::string_view repository = "team/dev") {
    auto credentials = find_credentials({file("auth.json", json)}, registry, repository);
    if (!credentials) return "none";
    if (!credentials->identity_token.empty()) return "token " + credentials->identity_token;
    return credentials->user + ':' + credentials->password;
  }

  /// docker-credential-NAME in PATH.
  void helper(const std::string& name, const std::string& script) {
    auto path = file("docker-credential-" + name, "#!/bin/sh\n" + script);
    ::chmod(path.c_str(), 0755);
  }

  Variable path_{"PATH", directory_.path().native() + ':' + std::getenv("PATH")};
};

std::string entry(const std::string& user) { return fmt::format(R"({{"auth":"{}"}})", base64(user + ":pass:word")); }

TEST_F(CredentialsTest, TheLongestKeyThatFitsCounts) {
  auto json = fmt::format(
      R"({{"auths":{{"r.example":{},"r.example/team":{},"r.example/team/dev":{},"other.example:5000":{}}}}})",
      entry("host"), entry("team"), entry("dev"), entry("port"));
  EXPECT_EQ(found(json, "r.example"), "dev:pass:word");
  EXPECT_EQ(found(json, "r.example", "team/devel"), "team:pass:word");
  EXPECT_EQ(found(json, "r.example", "teams/dev"), "host:pass:word");
  EXPECT_EQ(found(json, "other.example:5000"), "port:pass:word");
  EXPECT_EQ(found(json, "other.example"), "none");
}

TEST_F(CredentialsTest, KeysAreWhatDockerWritesToo) {
  auto json = fmt::format(R"({{"auths":{{"https://index.docker.io/v1/":{},"https://r.example/v2/":{}}}}})",
                          entry("hub"), entry("url"));
  EXPECT_EQ(found(json, "docker.io", "library/debian"), "hub:pass:word");
  EXPECT_EQ(found(json, "r.example"), "url:pass:word");
  EXPECT_EQ(found(R"({"auths":{"r.example":{"username":"u","password":"p"}}})", "r.example"), "u:p");
  EXPECT_EQ(found(R"({"auths":{"r.example":{"auth":"dTo=","identitytoken":"t"}}})", "r.example"), "token t");
  EXPECT_EQ(found(R"({"auths":{"r.example":{}}})", "r.example"), "none");
  EXPECT_EQ(found("", "r.example"), "none");
}

TEST_F(CredentialsTest, HelpersAreAskedWithoutAShell) {
  helper("good", "read server; echo '{\"ServerURL\":\"x\",\"Username\":\"'$1-$server'\",\"Secret\":\"s\"}'");
  helper("token", "echo '{\"Username\":\"<token>\",\"Secret\":\"t\"}'");
  helper("empty", "echo 'credentials not found in native keychain'; exit 1");
  helper("broken", "echo 'the keychain is locked'; exit 1");
  EXPECT_EQ(found(R"({"credHelpers":{"r.example":"good"}})", "r.example"), "get-r.example:s");
  EXPECT_EQ(found(R"({"credsStore":"good"})", "docker.io"), "get-https://index.docker.io/v1/:s");
  EXPECT_EQ(found(R"({"auths":{"r.example":{}},"credsStore":"token"})", "r.example"), "token t");
  EXPECT_EQ(found(R"({"credsStore":"empty"})", "r.example"), "none");
  EXPECT_THAT(
      refusal([&] { found(R"({"credsStore":"broken"})", "r.example"); }),
      AllOf(HasSubstr("docker-credential-broken"), HasSubstr("the keychain is locked"), HasSubstr("auth.json")));
  EXPECT_THAT(refusal([&] { found(R"({"credsStore":"missing"})", "r.example"); }), HasSubstr("is not installed"));
  EXPECT_THAT(refusal([&] { found(R"({"credsStore":"../good"})", "r.example"); }),
              HasSubstr("is no name of a program"));
}

TEST_F(CredentialsTest, FilesThatAreDamagedAreNamed) {
  EXPECT_THAT(refusal([&] { found("{", "r.example"); }),
              AllOf(HasSubstr("auth.json\" is no JSON"), HasSubstr("byte 2")));
  EXPECT_THAT(refusal([&] { found(R"({"auths":{"r.example":{"auth":"eA=="}}})", "r.example"); }),
              HasSubstr("user:password in Base64"));
}

TEST_F(CredentialsTest, FilesAreThoseOfPodmanAndDocker) {
  const Variable home("HOME", "/h"), runtime("XDG_RUNTIME_DIR", "/run/u"), config("XDG_CONFIG_HOME", ""),
      docker("DOCKER_CONFIG", "");
  {
    const Variable chosen("REGISTRY_AUTH_FILE", "");
    EXPECT_THAT(credential_files(), ElementsAre("/run/u/containers/auth.json", "/h/.config/containers/auth.json",
                                                "/h/.docker/config.json"));
    const Variable elsewhere("DOCKER_CONFIG", "/d");
    EXPECT_EQ(credential_files().back(), "/d/config.json");
  }
  const Variable chosen("REGISTRY_AUTH_FILE", "/a/b.json");
  EXPECT_THAT(credential_files(), ElementsAre("/a/b.json"));
  {
    const Variable none("REGISTRY_AUTH_FILE", ""), no_runtime("XDG_RUNTIME_DIR", "");
    for (const auto& file : credential_files())
      EXPECT_TRUE(!file.native().starts_with("/run/") || ::access(file.parent_path().c_str(), X_OK) == 0) << file;
  }
}

TEST(Challenges, AreReadAsRfc9110HasThem) {
  auto read =
      parse_challenges(R"(Bearer realm="https://a.example/token",service="a \"b\", c",scope=x:y ,error=, Negotiate)");
  EXPECT_FALSE(read);
  read = parse_challenges(
      R"(Bearer realm="https://a.example/token",service="a \"b\", c" , scope=xy, Negotiate, NTLM abc==,, basic Realm = "z")");
  ASSERT_TRUE(read);
  ASSERT_EQ(read->size(), 4U);
  EXPECT_EQ((*read)[0].scheme, "bearer");
  EXPECT_THAT((*read)[0].parameters, ElementsAre(Pair("realm", "https://a.example/token"), Pair("scope", "xy"),
                                                 Pair("service", "a \"b\", c")));
  EXPECT_EQ((*read)[2].scheme, "ntlm");
  EXPECT_THAT((*read)[3].parameters, ElementsAre(Pair("realm", "z")));
  for (const auto* bad : {"=x", "realm=x", "Bearer realm=\"x", "Bearer realm=\"x\\", "\"x\"", "Bearer realm=\"x\" ;"}) {
    EXPECT_FALSE(parse_challenges(bad)) << bad;
  }
}

}  // namespace
}  // namespace karapace::oci
