// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/protocol.hpp"

#include <gtest/gtest.h>

#include "base/json/error_answer.hpp"

namespace karapace::testing {
namespace {

using namespace lock;
using namespace resolve;

Sha256 some_sha256() { return *Sha256::from_hex(std::string(64, 'a')); }

TEST(Protocol, CarriesARequestWhole) {
  ResolveRequest request{
      .distribution = "debian",
      .suite = "bookworm",
      .architecture = "arm64",
      .foreign_architectures = {"armhf"},
      .base_status = "Package: x\n",
      .packages = {"git", "curl"},
      .recommends = Recommends::yes,
      .repositories =
          {{.name = "extra", .key = "/k", .key_content = blake3("key"), .suite = "stable", .components = {"a", "b"}}},
      .keep = {{.name = "libc6",
                .version = "2.36-9",
                .architecture = "arm64",
                .size = 12345678901,
                .sha256 = some_sha256(),
                .repository = "debian/bookworm",
                .path = "pool/x.deb"}},
      .hold = {{"libc6", {"karapace.toml:7:9"}}},
      .prefer = {{"bookworm-backports", {"karapace.toml:8:11"}}},
      .known = {lock::DebRepository{.archive = "debian",
                                    .suite = "bookworm",
                                    .components = {"main"},
                                    .date = "2026-07-11T10:16:37Z",
                                    .signers = {"AB"},
                                    .indexes = {{.path = "main/Packages", .sha256 = some_sha256()}}}},
      .rollback = Rollback::allow,
      .upgrade = {.scope = Upgrade::Scope::named, .names = {"git"}},
      .mirrors = {.archives = {{"debian", {"http://mirror.invalid/debian"}}},
                  .acquisition = {.http_proxy = "http://proxy.invalid:1", .retries = 7},
                  .keyrings = {{"debian", "/k.gpg"}}},
      .cache = "/cache",
      .valid_until = ValidUntil::ignore};
  EXPECT_EQ(request_text(parse_request(request_text(request))), request_text(request));
  EXPECT_EQ(parse_request(request_text(request)).keep, request.keep);
  EXPECT_EQ(parse_request(request_text(request)).hold, request.hold);
  EXPECT_EQ(parse_request(request_text(request)).hold.front().place.text, "karapace.toml:7:9");
  EXPECT_EQ(parse_request(request_text(request)).prefer, request.prefer);
  EXPECT_EQ(parse_request(request_text(request)).known, request.known);
  EXPECT_EQ(parse_request(request_text(request)).foreign_architectures, request.foreign_architectures);
  EXPECT_EQ(parse_request(request_text(request)).rollback, request.rollback);
  EXPECT_EQ(parse_request(request_text(request)).mirrors, request.mirrors);
}

TEST(Protocol, CarriesAStatusThatIsNoUtf8) {
  ResolveRequest request;
  request.base_status = "Maintainer: J\xfcrgen\n";
  EXPECT_EQ(parse_request(request_text(request)).base_status, request.base_status);
}

TEST(Protocol, CarriesAResolutionWhole) {
  LockedPackage libc;
  libc.name = "libc6";
  Resolution resolution{
      .repositories = {lock::DebRepository{.archive = "debian",
                                           .suite = "sid",
                                           .components = {"main"},
                                           .date = "2026-07-11T10:16:37Z",
                                           .signers = {"AB"},
                                           .indexes = {{.path = "main/Packages", .sha256 = some_sha256()}}}},
      .base = {libc},
      .packages = {libc, libc},
      .notes = {"a note"}};
  const auto back = parse_resolution(resolution_text(resolution));
  EXPECT_EQ(back.repositories, resolution.repositories);
  EXPECT_EQ(back.base, resolution.base);
  EXPECT_EQ(back.packages, resolution.packages);
  EXPECT_EQ(back.notes, resolution.notes);
}

TEST(Protocol, GivesErrorsBackAsTheirKind) {
  EXPECT_THROW(throw_if_error_answer(error_answer(LockError("x"))), LockError);
  EXPECT_THROW(throw_if_error_answer(error_answer(RemoteError("x"))), RemoteError);
  EXPECT_THROW(throw_if_error_answer(error_answer(StoreError("x"))), StoreError);
  EXPECT_NO_THROW(throw_if_error_answer("{}"));
  EXPECT_NO_THROW(throw_if_error_answer("not JSON"));
}

TEST(Protocol, RefusesAnAnswerOfAnotherShape) {
  EXPECT_THROW(parse_resolution("not JSON"), Error);
  EXPECT_THROW(parse_resolution("{}"), Error);
  EXPECT_THROW(parse_resolution("[]"), Error);
  EXPECT_THROW(parse_resolution(R"({"base": [{"name": 1}]})"), Error);
}

}  // namespace
}  // namespace karapace::testing
