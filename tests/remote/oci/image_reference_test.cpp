// SPDX-License-Identifier: Apache-2.0
#include "remote/oci/image_reference.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/base64.hpp"
#include "base/error.hpp"

namespace karapace::oci {
namespace {

using testing::HasSubstr;

const std::string digits = std::string(64, 'a');

struct Valid {
  std::string text;
  std::string full;
};

TEST(ImageReference, IsReadAsDockerReadsIt) {
  const Valid valid[] = {
      {"debian", "docker.io/library/debian"},
      {"debian:12", "docker.io/library/debian:12"},
      {"oci:debian:12", "docker.io/library/debian:12"},
      {"library/debian", "docker.io/library/debian"},
      {"team/dev", "docker.io/team/dev"},
      {"index.docker.io/debian", "docker.io/library/debian"},
      {"docker.io/team/dev", "docker.io/team/dev"},
      {"registry.example/dev", "registry.example/dev"},
      {"oci:registry.example/team/dev:1", "registry.example/team/dev:1"},
      {"registry.example:5000/team/dev:1", "registry.example:5000/team/dev:1"},
      {"Registry.Example/dev:V1", "registry.example/dev:V1"},
      {"localhost/dev", "localhost/dev"},
      {"localhost:5000/dev", "localhost:5000/dev"},
      {"127.0.0.1:5000/a/b/c", "127.0.0.1:5000/a/b/c"},
      {"[::1]/dev", "[::1]/dev"},
      {"[fe80::1]:65535/dev:x", "[fe80::1]:65535/dev:x"},
      {"dev@sha256:" + digits, "docker.io/library/dev@sha256:" + digits},
      {"r.example/dev:1@sha256:" + digits, "r.example/dev:1@sha256:" + digits},
      {"r.example/dev@sha512:" + digits + digits, "r.example/dev@sha512:" + digits + digits},
      {"r.example/a.b_c__d---e/f0", "r.example/a.b_c__d---e/f0"},
      {"r.example/blobs/uploads", "r.example/blobs/uploads"},
      {"r.example/dev:_" + std::string(127, '.'), "r.example/dev:_" + std::string(127, '.')},
      {"r.example/" + std::string(245, 'x'), "r.example/" + std::string(245, 'x')},
      {"r.example/" + digits, "r.example/" + digits},
  };
  for (const auto& [text, full] : valid) {
    auto reference = ImageReference::parse(text);
    EXPECT_EQ(reference.text(), full);
    EXPECT_EQ(ImageReference::parse(full), reference) << full;
  }
}

struct Invalid {
  std::string text;
  std::string reason;
};

TEST(ImageReference, WhatIsNotWellFormedIsRefusedWithItsReason) {
  const Invalid invalid[] = {
      {"", "the name \"\" must be words"},
      {"oci:", "the name \"\" must be words"},
      {"r.example/", "the name \"\" must be words"},
      {"/dev", "the name \"/dev\" must be words"},
      {"r.example//dev", "the name \"/dev\" must be words"},
      {"r.example/dev/", "must be words"},
      {"r.example/Dev", "must be words of lower-case letters"},
      {"r.example/d..v", "must be words"},
      {"r.example/d___v", "must be words"},
      {"r.example/d._v", "must be words"},
      {"r.example/-dev", "must be words"},
      {"r.example/dev-", "must be words"},
      {"r.example/../dev", "must be words"},
      {"r.example/d\xc3\xa9v", "must be words"},
      {"r.example/dev:", "a tag has at most 128"},
      {"r.example/dev:-1", "a tag has at most 128"},
      {"r.example/dev:a b", "a tag has at most 128"},
      {"r.example/dev:" + std::string(129, 'x'), "a tag has at most 128"},
      {"r.example/dev@sha256:" + digits.substr(1), "after \"@\" comes"},
      {"r.example/dev@sha256:" + std::string(64, 'A'), "after \"@\" comes"},
      {"r.example/dev@sha512:" + digits, "after \"@\" comes"},
      {"r.example/dev@md5:" + digits, "after \"@\" comes"},
      {"r.example/dev@sha256:" + digits + ":1", "after \"@\" comes"},
      {"https://r.example/dev", "a reference has no scheme"},
      {"docker://debian", "a reference has no scheme"},
      {"r.example:0/dev", "\"r.example:0\" is no host"},
      {"r.example:65536/dev", "\"r.example:65536\" is no host"},
      {"r.example:x/dev", "is no host"},
      {"r.example:/dev", "is no host"},
      {"-r.example/dev", "is no host"},
      {"r..example/dev", "is no host"},
      {"[::1/dev", "is no host"},
      {"[]:5000/dev", "is no host"},
      {"user:password@r.example/dev", "after \"@\" comes"},
      {digits, "is an image's id"},
      {"r.example/" + std::string(246, 'x'), "more than 255 characters"},
  };
  for (const auto& [text, reason] : invalid) {
    try {
      ADD_FAILURE() << text << " is read as " << ImageReference::parse(text).text();
    } catch (const RemoteError& error) {
      EXPECT_THAT(error.what(), HasSubstr(reason)) << text;
      EXPECT_THAT(error.what(), HasSubstr("is no image reference"));
    }
  }
}

TEST(ImageReference, IsNamedByItsDigestThenItsTagThenLatest) {
  EXPECT_EQ(text(ImageReference::parse("dev:1@sha256:" + digits).name()), "sha256:" + digits);
  EXPECT_EQ(text(ImageReference::parse("dev:1").name()), "1");
  EXPECT_EQ(text(ImageReference::parse("dev").name()), "latest");
}

TEST(ContentDigest, IsOfEitherRegisteredAlgorithm) {
  EXPECT_EQ(digest_of("abc").text(), "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digest_of("abc", Algorithm::sha512).text(),
            "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd4"
            "54d4423643ce80e2a9ac94fa54ca49f");
  EXPECT_EQ(ContentDigest::parse(digest_of("abc", Algorithm::sha512).text()), digest_of("abc", Algorithm::sha512));
}

TEST(Base64, IsThatOfTheStandardAndNothingElse) {
  for (std::string bytes : {"", "f", "fo", "foo", "foob", "fooba", "foobar"}) {
    EXPECT_EQ(from_base64(base64(bytes)), bytes);
  }
  EXPECT_EQ(base64("fooba"), "Zm9vYmE=");
  for (const auto* text : {"Zm9", "Zm9=v", "Z===", "Zm9v\n", " Zm9v", "Zm-_", "====", "Zm9vYm=E"}) {
    EXPECT_EQ(from_base64(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace karapace::oci
