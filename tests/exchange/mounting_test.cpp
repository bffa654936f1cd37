// SPDX-License-Identifier: Apache-2.0
// Layers that another repository of a registry has are not sent again: with docker-registry and with one that refuses.
#include "tests/exchange/exchange_fixture.hpp"
#include "tests/remote/oci/registry_fixture.hpp"
#include "tests/skipping.hpp"

namespace karapace::exchange {
namespace {

class MountingTest : public ExchangeTest {
 protected:
  MountingTest() { pack(store_, environment_); }

  OfferAnswer offer_to(const std::string& place, const std::vector<std::string>& near = {}) {
    const OfferRequest request{store_.root(), environment_.id, place, keys_ / "ann.key", "zstd"};
    SentBlobs known(file_, oci::ImageLocation::parse(place), near);
    return offer_environment(store_, *open_place(place), request, known);
  }
  PushAnswer push_to(const std::string& place, const std::vector<std::string>& near = {}) {
    const PushRequest request{.store = store_.root(),
                              .environment = environment_.id,
                              .location = place,
                              .key = keys_ / "ann.key",
                              .compression = "zstd"};
    SentBlobs known(file_, oci::ImageLocation::parse(place), near);
    return push_environment(store_, *open_place(place), oci::Tag::parse("1").value(), request, known);
  }
  static std::unique_ptr<oci::ImageRepository> open_place(const std::string& place) {
    return oci::open_repository(oci::ImageLocation::parse(place), oci::Access::write, {});
  }

  std::filesystem::path file_ = temporary_.path() / "cache-home/sent-blobs";
  store::Environment environment_ = build(store_, "one", "hello");
};

TEST_F(MountingTest, AnImageTakesTheLayersOfACacheThatWasPushedBefore) {
  if (!oci::DockerRegistry::is_installed()) KARAPACE_SKIP_TEST("docker-registry is not installed");
  const oci::DockerRegistry server(temporary_.path());
  const auto offered = offer_to(server.host() + "/team/cache");
  EXPECT_EQ(offered.mounted, 0U);
  const auto pushed = push_to(server.host() + "/team/dev");
  EXPECT_EQ(pushed.mounted, 4U) << "layer, records, lock and the empty configuration";
  EXPECT_EQ(pushed.blobs, 2U) << "the image's configuration, and the signature, which is about the image";
  const auto image = open_place(server.host() + "/team/dev");
  const auto manifest = oci::require_manifest(*image, oci::Tag::parse("1").value());
  for (const auto& layer : oci::parse_image(manifest, "it").layers)
    EXPECT_NO_THROW(image->read_blob(layer, [](std::string_view) {}));
}

TEST_F(MountingTest, NoLayerGoesUpTwice) {
  oci::FaultyRegistry server;
  const auto layer = [&] {
    offer_to(server.host() + "/team/cache");
    const auto cache = open_place(server.host() + "/team/cache");
    const auto tag = cache->tags().at(0);
    return oci::parse_image(oci::require_manifest(*cache, tag), "it").layers.back();
  }();
  const auto uploads = server.count({"PUT", "/team/dev/blobs/"});
  EXPECT_EQ(push_to(server.host() + "/team/dev").mounted, 4U);
  EXPECT_EQ(server.count({"PUT", "/team/dev/blobs/"}) - uploads, 2U);
  EXPECT_EQ(server.count({"POST", "/team/dev/", "mount=", layer.digest.hex(), "from="}), 1U);
}

TEST_F(MountingTest, WithoutAMemoryTheConfiguredCachesAreTried) {
  oci::FaultyRegistry server;
  offer_to(server.host() + "/team/cache");
  std::filesystem::remove(file_);
  const auto pushed =
      push_to(server.host() + "/team/dev", {"oci:" + server.host() + "/team/cache", "oci:registry.invalid/team/cache",
                                            "oci-layout:/cache", "oci:NO//place"});
  EXPECT_EQ(pushed.mounted, 4U);
}

TEST_F(MountingTest, WhatIsRefusedOrGoneIsSent) {
  oci::FaultyRegistry server;
  offer_to(server.host() + "/team/cache");
  server.set(R"({"mount": false})");
  const auto pushed = push_to(server.host() + "/team/dev");
  EXPECT_EQ(pushed.mounted, 0U);
  EXPECT_EQ(pushed.blobs, 6U);
  server.set(R"({"mount": true})");
  server.fault(R"({"method": "POST", "path": "mount=", "times": 99, "action": "answer", "status": 403})");
  EXPECT_EQ(push_to(server.host() + "/team/other").blobs, 6U);
}

TEST_F(MountingTest, AMemoryOfNonsenseIsNone) {
  oci::FaultyRegistry server;
  std::filesystem::create_directories(file_.parent_path());
  write_file_atomically(file_,
                        "nonsense\nsha256:12 " + server.host() + "/team/cache\n" + oci::digest_of("x").text() + " " +
                            server.host() + "/../../v2\n\n",
                        Durable::no);
  EXPECT_EQ(offer_to(server.host() + "/team/cache").mounted, 0U);
  EXPECT_EQ(push_to(server.host() + "/team/dev").mounted, 4U);
  EXPECT_EQ(read_file(file_).find("nonsense"), std::string::npos);
}

TEST_F(MountingTest, OtherRegistriesAndLayoutsHaveNothingToMount) {
  oci::FaultyRegistry one;
  oci::FaultyRegistry other;
  offer_to(one.host() + "/team/cache");
  EXPECT_EQ(push_to(other.host() + "/team/dev").mounted, 0U);
  EXPECT_EQ(other.count({"POST", "mount="}), 0U);
}

}  // namespace
}  // namespace karapace::exchange
