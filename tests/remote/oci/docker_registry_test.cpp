// SPDX-License-Identifier: Apache-2.0
// With docker-registry 2.8, which is older than the spec's version 1.1, and skopeo: tools of others, on loopback.
#include <atomic>
#include <fstream>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/child.hpp"
#include "base/file.hpp"
#include "base/words.hpp"
#include "remote/oci/image_config.hpp"
#include "remote/oci/registry.hpp"
#include "tests/remote/oci/registry_fixture.hpp"
#include "tests/skipping.hpp"

namespace karapace::oci {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Captured run(std::vector<std::string> argv) {
  auto end = capture_child({.argv = std::move(argv)});
  EXPECT_EQ(end.status, 0) << end.errors;
  return end;
}

class DockerRegistryTest : public RegistryTest {
 protected:
  void SetUp() override {
    if (!DockerRegistry::is_installed()) KARAPACE_SKIP_TEST("docker-registry is not installed");
    server_.emplace(directory_.path());
  }
  Registry open(const std::string& repository = "team/dev") const { return registry(server_->host(), repository); }
  std::string docker(const std::string& name) const { return fmt::format("docker://{}/{}", server_->host(), name); }
  static bool has_skopeo() { return capture_child({.argv = {"skopeo", "--version"}}).status == 0; }

  std::optional<DockerRegistry> server_;
};

TEST_F(DockerRegistryTest, ImagesGoUpAndDown) {
  auto repository = open();
  EXPECT_TRUE(repository.tags().empty());
  auto sample = sample_image();
  push(repository, sample, tag("1"));
  EXPECT_EQ(require_manifest(repository, tag("1")).bytes, sample.manifest.bytes);
  EXPECT_EQ(repository.find_manifest(tag("1")), sample.manifest.descriptor());
  auto reader = open();
  EXPECT_EQ(read(reader, sample.image.layers[1]), sample.layers[1]);
  EXPECT_FALSE(reader.has_blob(describe(media_type::layer_tar, "nothing")));
  EXPECT_THAT(reader.tags(), ElementsAre(tag("1")));
  EXPECT_EQ(reader.manifest(tag("2")), std::nullopt);
}

TEST_F(DockerRegistryTest, BlobsOfAllSizesGoUp) {
  auto repository = open();
  for (std::size_t size : {0U, 1U, 2U, 100'000U, 5'000'000U}) {
    auto bytes = random_like(size);
    auto blob = new_blob(bytes);
    EXPECT_EQ(repository.add_blob(blob), Added::stored);
    auto reader = open();
    EXPECT_EQ(read(reader, blob.descriptor), bytes);
  }
}

TEST_F(DockerRegistryTest, BlobsAreMounted) {
  auto source = open("base");
  auto bytes = random_like(1000);
  source.add_blob(new_blob(bytes));
  auto blob = new_blob(bytes);
  blob.mount_from = {"base"};
  auto target = open();
  EXPECT_EQ(target.add_blob(blob), Added::mounted);
  EXPECT_EQ(read(target, blob.descriptor), bytes);
}

TEST_F(DockerRegistryTest, WrongBytesAndMissingBlobsAreRefusedByIt) {
  auto repository = open();
  auto blob = new_blob("abc");
  blob.descriptor.digest = digest_of("abd");
  EXPECT_THAT(refusal([&] { repository.add_blob(blob); }), HasSubstr("HTTP 400 (DIGEST_INVALID"));
  EXPECT_THAT(refusal([&] { repository.add_manifest(sample_image().manifest); }), HasSubstr("(MANIFEST_BLOB_UNKNOWN"));
}

TEST_F(DockerRegistryTest, ReferrersAreInTheFallbackTag) {
  auto repository = open();
  auto sample = sample_image();
  push(repository, sample, tag("1"));
  repository.add_blob(new_blob("{}", media_type::empty));
  auto manifest = write(ImageManifest{.artifact_type = "application/vnd.example",
                                      .config = describe(media_type::empty, "{}"),
                                      .subject = sample.manifest.descriptor(),
                                      .annotations = {{"a", "b"}}});
  EXPECT_TRUE(repository.referrers(sample.manifest.digest).empty());
  repository.add_manifest(manifest);
  auto found = repository.referrers(sample.manifest.digest, "application/vnd.example");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].digest, manifest.digest);
  EXPECT_EQ(found[0].annotations, (Annotations{{"a", "b"}}));
  EXPECT_TRUE(repository.remove_manifest(manifest.digest));
  EXPECT_TRUE(repository.referrers(sample.manifest.digest).empty());
  EXPECT_THAT(refusal([&] { repository.remove_manifest(tag("1")); }), HasSubstr("by digest"));
}

/// Whether docker-registry has more than a beginning of some upload.
bool has_upload(const std::filesystem::path& directory) {
  std::error_code ignored;  // files come and go meanwhile
  for (std::filesystem::recursive_directory_iterator each(directory, ignored), end; each != end;
       each.increment(ignored)) {
    if (each->path().native().find("/_uploads/") != std::string::npos && each->path().filename() == "data" &&
        each->file_size(ignored) > 1'000'000) {
      return true;
    }
  }
  return false;
}

TEST_F(DockerRegistryTest, KilledHalfWayItIsGoneOnWith) {
  auto repository = open();
  auto path = file("blob", random_like(60'000'000));
  auto bytes = read_file(path);
  auto blob = NewBlob{.descriptor = describe(media_type::layer_tar, bytes), .source = BlobSource::of_file(path)};
  auto patient = options();
  patient.pauses = {.retries = 8, .first = std::chrono::milliseconds(50)};
  auto restart = [&] {
    server_->kill();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    server_->start();
  };
  {
    Registry writer(server_->host(), "team/dev", patient);
    std::atomic<bool> is_done = false;
    std::atomic<bool> was_half_way = false;
    std::jthread killer([&] {
      while (!is_done && !has_upload(directory_.path() / "registry")) std::this_thread::yield();
      was_half_way = !is_done;
      restart();
    });
    EXPECT_EQ(writer.add_blob(blob), Added::stored);
    is_done = true;
    EXPECT_TRUE(was_half_way);
  }
  Registry reader(server_->host(), "team/dev", patient);
  std::size_t received = 0;
  bool is_killed = false;
  ContentHasher hasher;
  reader.read_blob(blob.descriptor, [&](std::string_view more) {
    hasher.update(more);
    received += more.size();
    if (received > bytes.size() / 2 && !std::exchange(is_killed, true)) restart();
  });
  EXPECT_TRUE(is_killed);
  EXPECT_EQ(received, bytes.size());
  EXPECT_EQ(hasher.finish(), blob.descriptor.digest);
}

TEST_F(DockerRegistryTest, WhatWePushOthersRead) {
  if (!has_skopeo()) KARAPACE_SKIP_TEST("skopeo is not installed");
  auto repository = open();
  auto sample = sample_image();
  push(repository, sample, tag("1"));
  EXPECT_EQ(run({"skopeo", "inspect", "--raw", "--tls-verify=false", docker("team/dev:1")}).output,
            sample.manifest.bytes);
  auto layout = (directory_.path() / "layout").string();
  run({"skopeo", "copy", "--src-tls-verify=false", docker("team/dev:1"), "oci:" + layout + ":1"});
  run({"skopeo", "copy", "--src-tls-verify=false", docker("team/dev:1"), "dir:" + layout + "2"});
  EXPECT_EQ(read_file(layout + "2/" + sample.image.layers[0].digest.hex()), sample.layers[0]);
}

TEST_F(DockerRegistryTest, WhatOthersPushWeRead) {
  if (!has_skopeo()) KARAPACE_SKIP_TEST("skopeo is not installed");
  auto source = open("source");
  auto sample = sample_image();
  push(source, sample, tag("1"));
  for (const auto* format : {"oci", "v2s2"}) {
    run({"skopeo", "copy", "--src-tls-verify=false", "--dest-tls-verify=false", "--format", format,
         "--dest-compress-format=gzip", "--dest-compress-level=1", docker("source:1"),
         docker(fmt::format("copy:{}", format))});
    auto copy = open("copy");
    auto image = find_image(copy, tag(format), {"linux", "amd64"}).image;
    EXPECT_EQ(image.layers.size(), 2U);
    auto config = parse_config(read_small_blob(copy, image.config, longest_config), "it");
    EXPECT_EQ(config.diff_ids[0], digest_of(sample.layers[0]));
    for (const auto& layer : image.layers) EXPECT_EQ(read(copy, layer).size(), layer.size);
  }
}

/// Most memory that this process ever had, in KiB.
std::size_t peak_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stoul(line.substr(6));
  return 0;
}

TEST_F(DockerRegistryTest, BlobsAreNeverHeldInMemory) {
  auto path = directory_.path() / "large";
  std::ofstream(path).put('x');
  std::filesystem::resize_file(path, 200'000'000);
  auto source = BlobSource::of_file(path);
  ContentHasher hasher;
  std::vector<char> buffer(1 << 20);
  for (std::uint64_t at = 0; at < source.size();) {
    auto got = source.read(at, buffer);
    hasher.update({buffer.data(), got});
    at += got;
  }
  Descriptor blob{.media_type = std::string(media_type::layer_tar), .digest = hasher.finish(), .size = source.size()};
  auto repository = open();
  // So that what earlier tests needed does not count.
  std::ofstream("/proc/self/clear_refs") << "5";
  auto before = peak_memory();
  EXPECT_EQ(repository.add_blob({.descriptor = blob, .source = source}), Added::stored);
  download_blob(repository, blob, directory_.path() / "copy");
  EXPECT_LT(peak_memory() - before, 16'000U);
}

}  // namespace
}  // namespace karapace::oci
