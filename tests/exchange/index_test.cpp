// SPDX-License-Identifier: Apache-2.0
// Environments of several architectures under one tag.
#include <thread>

#include "base/child.hpp"
#include "tests/exchange/exchange_fixture.hpp"
#include "tests/remote/oci/registry_fixture.hpp"
#include "tests/skipping.hpp"

namespace karapace::exchange {
namespace {

using store::error_of;

class IndexTest : public ExchangeTest {
 protected:
  PushAnswer push_listed(const store::Environment& environment, const std::string& place, bool index = true) {
    const PushRequest request{.store = store_.root(),
                              .environment = environment.id,
                              .location = place,
                              .key = keys_ / "ann.key",
                              .compression = "zstd",
                              .index = index};
    SentBlobs known;
    return push_environment(store_, *open_place(place), oci::Tag::parse("1").value(), request, known);
  }
  static std::unique_ptr<oci::ImageRepository> open_place(const std::string& place) {
    return oci::open_repository(oci::ImageLocation::parse(place), oci::Access::write, {});
  }
  static std::string image_for(const std::string& place, const std::string& architecture) {
    return oci::find_image(*open_place(place), oci::Tag::parse("1").value(),
                           {.os = "linux", .architecture = architecture})
        .manifest.digest.text();
  }
  static std::string skopeo(std::vector<std::string> words) {
    words.insert(words.begin(), "skopeo");
    const auto end = capture_child({.argv = std::move(words)});
    EXPECT_EQ(end.status, 0) << end.errors;
    return end.output;
  }
  store::Environment packed(const std::string& name, const std::string& architecture) {
    auto environment = build(store_, name, "hello of " + name, architecture);
    pack(store_, environment);
    return environment;
  }

  store::Environment amd64_ = packed("one", "amd64");
  store::Environment arm64_ = packed("two", "arm64");
};

TEST_F(IndexTest, MachinesOfTwoArchitecturesPushToOneTag) {
  const auto first = push_listed(amd64_, cache_);
  EXPECT_EQ(first.platforms, std::vector<std::string>{"linux/amd64"});
  const auto second = push_listed(arm64_, cache_);
  EXPECT_EQ(second.platforms, (std::vector<std::string>{"linux/amd64", "linux/arm64"}));
  EXPECT_EQ(image_for(cache_, "amd64"), first.image);
  EXPECT_EQ(image_for(cache_, "arm64"), second.image);
  EXPECT_NE(error_of([&] { image_for(cache_, "s390x"); }).find("it has linux/amd64, linux/arm64"), std::string::npos);
}

TEST_F(IndexTest, ThatOfItsOwnArchitectureIsReplacedAndNoOther) {
  push_listed(amd64_, cache_);
  const auto other = push_listed(arm64_, cache_);
  const auto newer = packed("three", "amd64");
  const auto replaced = push_listed(newer, cache_);
  EXPECT_EQ(replaced.platforms.size(), 2U);
  EXPECT_EQ(image_for(cache_, "amd64"), replaced.image);
  EXPECT_EQ(image_for(cache_, "arm64"), other.image);
}

TEST_F(IndexTest, AnImageThatHadTheTagBecomesOneOfThem) {
  const auto alone = push_listed(amd64_, cache_, false);
  EXPECT_EQ(alone.index, "");
  EXPECT_EQ(push_listed(arm64_, cache_).platforms, (std::vector<std::string>{"linux/amd64", "linux/arm64"}));
  EXPECT_EQ(image_for(cache_, "amd64"), alone.image);
  EXPECT_EQ(push_listed(amd64_, cache_, false).platforms.size(), 2U) << "what was there is told";
}

TEST_F(IndexTest, SomethingElseUnderTheTagIsLeftAlone) {
  offer(store_, amd64_, "ann");
  const auto ann = signing::find_public_key(keys_, "ann").key.id().hex();
  const auto repository = open(oci::Access::write);
  const auto artifact = repository->manifest(cache_tag(amd64_.id, ann));
  repository->add_manifest(*artifact, oci::Tag::parse("1").value());
  repository->finish();
  EXPECT_NE(error_of([&] { push_listed(amd64_, cache_); }).find("is no image"), std::string::npos);
}

TEST_F(IndexTest, InARegistryToolsOfOthersReadIt) {
  if (!oci::DockerRegistry::is_installed()) KARAPACE_SKIP_TEST("docker-registry is not installed");
  if (capture_child({.argv = {"skopeo", "--version"}}).status != 0) KARAPACE_SKIP_TEST("skopeo is not installed");
  const oci::DockerRegistry server(temporary_.path());
  const auto place = server.host() + "/team/dev";
  const auto first = push_listed(amd64_, place);
  const auto second = push_listed(arm64_, place);
  const auto name = "docker://" + place + ":1";
  const auto raw = skopeo({"inspect", "--tls-verify=false", "--raw", name});
  EXPECT_NE(raw.find("application/vnd.oci.image.index.v1+json"), std::string::npos) << raw;
  EXPECT_EQ(oci::digest_of(raw).text(), second.index);
  for (const auto& [architecture, answer] : {std::pair{"amd64", first}, {"arm64", second}}) {
    const auto one = skopeo({"--override-arch", architecture, "inspect", "--tls-verify=false", "--format",
                             "{{.Digest}} {{.Architecture}}", name});
    EXPECT_EQ(one, fmt::format("{} {}\n", second.index, architecture)) << "the digest is the tag's";
    const auto config = skopeo({"--override-arch", architecture, "inspect", "--tls-verify=false", "--config", name});
    EXPECT_NE(config.find(fmt::format("\"architecture\": \"{}\"", architecture)), std::string::npos) << config;
    EXPECT_EQ(image_for(place, architecture), answer.image);
  }
  skopeo({"copy", "--all", "--src-tls-verify=false", name, "oci:" + (temporary_.path() / "copy").native() + ":1"});
  EXPECT_EQ(image_for("oci-layout:" + (temporary_.path() / "copy").native(), "arm64"), second.image);
  // Unchanged, nothing is sent.
  EXPECT_TRUE(push_listed(arm64_, place).unchanged);
  EXPECT_TRUE(push_listed(amd64_, place).unchanged);
}

TEST_F(IndexTest, AnImageOfAnotherToolStaysBesideOurs) {
  if (!oci::DockerRegistry::is_installed()) KARAPACE_SKIP_TEST("docker-registry is not installed");
  if (capture_child({.argv = {"skopeo", "--version"}}).status != 0) KARAPACE_SKIP_TEST("skopeo is not installed");
  const oci::DockerRegistry server(temporary_.path());
  const auto place = server.host() + "/team/dev";
  auto repository = open_place(place);
  const std::string config =
      R"({"architecture":"arm64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}})";
  oci::ImageManifest docker{.media_type = std::string(oci::media_type::docker_manifest),
                            .config = oci::describe(oci::media_type::docker_config, config)};
  repository->add_blob({docker.config, oci::BlobSource::of_bytes(config)});
  repository->add_manifest(oci::write(docker), oci::Tag::parse("1").value());
  EXPECT_EQ(push_listed(amd64_, place).platforms, (std::vector<std::string>{"linux/arm64", "linux/amd64"}));
  const auto shown = skopeo({"--override-arch", "arm64", "inspect", "--tls-verify=false", "--raw",
                             "docker://" + place + "@" + oci::write(docker).digest.text()});
  EXPECT_EQ(shown, oci::write(docker).bytes);
  EXPECT_EQ(image_for(place, "arm64"), oci::write(docker).digest.text());
}

TEST_F(IndexTest, WhoPushesAtOnceLosesNothing) {
  if (!oci::DockerRegistry::is_installed()) KARAPACE_SKIP_TEST("docker-registry is not installed");
  const oci::DockerRegistry server(temporary_.path());
  const auto place = server.host() + "/team/dev";
  std::vector<store::Environment> environments{amd64_, arm64_, packed("three", "riscv64"), packed("four", "s390x")};
  std::vector<std::jthread> machines;
  for (const auto& environment : environments)
    machines.emplace_back([&, environment] { EXPECT_NO_THROW(push_listed(environment, place)); });
  machines.clear();
  for (const char* architecture : {"amd64", "arm64", "riscv64", "s390x"})
    EXPECT_NE(image_for(place, architecture), "") << architecture;
}

}  // namespace
}  // namespace karapace::exchange
