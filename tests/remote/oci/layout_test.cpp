// SPDX-License-Identifier: Apache-2.0
#include "remote/oci/layout.hpp"

#include <csignal>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "remote/oci/image_config.hpp"
#include "remote/oci/image_copy.hpp"
#include "remote/oci/image_location.hpp"
#include "remote/oci/tar_archive.hpp"
#include "tests/remote/oci/registry_fixture.hpp"
#include "tests/skipping.hpp"

namespace karapace::oci {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class LayoutTest : public RegistryTest {
 protected:
  std::unique_ptr<ImageRepository> open(const std::string& location, Access access = Access::read) const {
    return open_repository(ImageLocation::parse(location), access, options());
  }
  std::string at(const std::string& kind, const std::string& file) const {
    return kind + ':' + (directory_.path() / file).string();
  }
  void expect_image(ImageRepository& repository, const ManifestName& name, const SampleImage& sample) const {
    auto found = find_image(repository, name, {"linux", "amd64"});
    EXPECT_EQ(found.manifest.bytes, sample.manifest.bytes);
    expect_layers(repository, found.image, sample);
  }
  static void expect_layers(ImageRepository& repository, const ImageManifest& image, const SampleImage& sample) {
    ASSERT_EQ(image.layers.size(), sample.layers.size());
    for (std::size_t i = 0; i < sample.layers.size(); ++i)
      EXPECT_EQ(read(repository, image.layers[i]), sample.layers[i]);
    EXPECT_EQ(read_small_blob(repository, image.config, longest_config), sample.config);
  }
  CopyOptions copy_options() const { return {.temporary = directory_.path()}; }
  static bool has(const std::string& tool) { return capture_child({.argv = {tool, "--version"}}).status == 0; }
  static void run(std::vector<std::string> argv) {
    auto end = capture_child({.argv = std::move(argv)});
    EXPECT_EQ(end.status, 0) << end.errors;
  }
};

TEST_F(LayoutTest, IsWrittenAndReadLikeARegistry) {
  auto writer = open(at("oci-layout", "images"), Access::write);
  auto sample = sample_image();
  push(*writer, sample, tag("1"));
  push(*writer, sample_image("other"), tag("2"));
  auto reader = open(at("oci-layout", "images"));
  expect_image(*reader, tag("1"), sample);
  expect_image(*reader, sample.manifest.digest, sample);
  EXPECT_THAT(reader->tags(), ElementsAre(tag("1"), tag("2")));
  EXPECT_EQ(reader->manifest(tag("3")), std::nullopt);
  EXPECT_EQ(reader->manifest(digest_of("nothing")), std::nullopt);
  EXPECT_EQ(reader->find_manifest(tag("1"))->digest, sample.manifest.digest);
  EXPECT_THAT(refusal([&] { reader->usual_name(); }), HasSubstr("has several images; say which: 1, 2"));
  push(*writer, sample, tag("2"));
  EXPECT_EQ(reader->find_manifest(tag("2"))->digest, sample.manifest.digest) << "a tag moves";
  EXPECT_EQ(text(reader->usual_name()), sample.manifest.digest.text());
  EXPECT_TRUE(writer->remove_manifest(tag("2")));
  EXPECT_THAT(reader->tags(), ElementsAre(tag("1")));
  EXPECT_TRUE(writer->remove_manifest(sample.manifest.digest));
  EXPECT_FALSE(writer->remove_manifest(sample.manifest.digest));
  EXPECT_TRUE(reader->tags().empty());
}

TEST_F(LayoutTest, WrongBytesGetNoName) {
  auto writer = open(at("oci-layout", "images"), Access::write);
  auto blob = new_blob("abc");
  blob.descriptor.digest = digest_of("abd");
  EXPECT_THAT(refusal([&] { writer->add_blob(blob); }),
              HasSubstr("are others, with the digest " + digest_of("abc").text()));
  EXPECT_FALSE(writer->has_blob(blob.descriptor));
  writer->add_blob(new_blob("abc"));
  auto path = directory_.path() / "images" / blob_path(digest_of("abc"));
  write_file_atomically(path, "abd", Durable::no);
  EXPECT_THAT(refusal([&] { read(*writer, describe("x", "abc")); }), HasSubstr("are others, with the digest"));
  write_file_atomically(path, "abcd", Durable::no);
  EXPECT_THAT(refusal([&] { read(*writer, describe("x", "abc")); }), HasSubstr("has more than 3 bytes"));
  write_file_atomically(path, "ab", Durable::no);
  EXPECT_THAT(refusal([&] { read(*writer, describe("x", "abc")); }), HasSubstr("has 2 bytes of"));
}

TEST_F(LayoutTest, WhatIsNoLayoutIsRefused) {
  EXPECT_THAT(refusal([&] { open(at("oci-layout", "nothing")); }), HasSubstr("there is no such directory"));
  std::filesystem::create_directory(directory_.path() / "empty");
  EXPECT_THAT(refusal([&] { open(at("oci-layout", "empty")); }),
              HasSubstr("is no OCI image layout: it has no \"oci-layout\""));
  file("empty/oci-layout", R"({"imageLayoutVersion":"2.0.0"})");
  EXPECT_THAT(refusal([&] { open(at("oci-layout", "empty")); }),
              HasSubstr("of version 2.0.0, and 1.0.0 is understood"));
  EXPECT_THAT(refusal([&] { open(at("oci-archive", "empty/oci-layout")); }), HasSubstr("is no tar archive"));
  EXPECT_THAT(refusal([&] { open(at("docker-archive", "x"), Access::write); }), HasSubstr("can not be written"));
}

TEST_F(LayoutTest, LinksDoNotLeadOutOfIt) {
  auto writer = open(at("oci-layout", "images"), Access::write);
  auto secret = file("secret", "secret");
  auto path = directory_.path() / "images" / blob_path(digest_of("secret"));
  std::filesystem::create_symlink(secret, path);
  EXPECT_THAT(refusal([&] { read(*writer, describe("x", "secret")); }), HasSubstr("blobs/sha256"));
}

TEST_F(LayoutTest, SeveralWritersLoseNothing) {
  open(at("oci-layout", "images"), Access::write);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&, i] {
        auto writer = open(at("oci-layout", "images"), Access::write);
        push(*writer, sample_image(std::to_string(i)), tag(fmt::format("t{}", i)));
      });
    }
  }
  EXPECT_EQ(open(at("oci-layout", "images"))->tags().size(), 8U);
}

Manifest signature(const SampleImage& subject, const std::string& type) {
  return write(ImageManifest{
      .artifact_type = type, .config = describe(media_type::empty, "{}"), .subject = subject.manifest.descriptor()});
}

TEST_F(LayoutTest, ReferrersAreListed) {
  for (const auto* kind : {"oci-layout", "oci-archive"}) {
    auto writer = open(at(kind, kind), Access::write);
    auto sample = sample_image();
    push(*writer, sample, tag("1"));
    writer->add_blob(new_blob("{}", media_type::empty));
    writer->add_manifest(signature(sample, "a/a"));
    writer->add_manifest(signature(sample, "b/b"));
    writer->finish();
    auto reader = open(at(kind, kind));
    EXPECT_EQ(reader->referrers(sample.manifest.digest).size(), 2U);
    auto found = reader->referrers(sample.manifest.digest, "b/b");
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(require_manifest(*reader, found[0].digest).bytes, signature(sample, "b/b").bytes);
  }
}

TEST_F(LayoutTest, ArchivesAreTheSameBytesForTheSameImage) {
  auto sample = sample_image();
  for (const auto* name : {"one.tar", "two.tar"}) {
    auto writer = open(at("oci-archive", name), Access::write);
    push(*writer, sample, tag("1"));
    EXPECT_FALSE(std::filesystem::exists(directory_.path() / name));
    writer->finish();
    auto reader = open(at("oci-archive", name));
    expect_image(*reader, reader->usual_name(), sample);
  }
  EXPECT_EQ(read_file(directory_.path() / "one.tar"), read_file(directory_.path() / "two.tar"));
  {
    auto left = open(at("oci-archive", "three.tar"), Access::write);
  }
  for (const auto& each : std::filesystem::directory_iterator(directory_.path())) {
    EXPECT_EQ(each.path().filename().native().find("three"), std::string::npos)
        << "nothing is left of what is not finished";
  }
}

TEST_F(LayoutTest, NothingStaysOfAnArchiveThatWasInterrupted) {
  if (!Fd(::open(directory_.path().c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600)))
    KARAPACE_SKIP_TEST("the file system has no files without names");
  const auto child = ::fork();
  if (child == 0) {
    TarWriter tar(directory_.path() / "image.tar");
    tar.add("blob", BlobSource::of_bytes(std::string(1 << 20, 'x')), [](std::string_view) { ::raise(SIGINT); });
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));

  TarWriter tar(directory_.path() / "image.tar");
  tar.add("blob", BlobSource::of_bytes("x"), [](std::string_view) {});
  write_file_atomically(directory_.path() / "image.tar.000000", "somebody's", Durable::no);
  tar.finish();
  EXPECT_EQ(TarReader(directory_.path() / "image.tar").size("blob"), 1U);
  EXPECT_EQ(read_file(directory_.path() / "image.tar.000000"), "somebody's");
}

TEST_F(LayoutTest, AnArchiveReplacesNoDeviceAndFollowsLinks) {
  const auto sample = sample_image();
  const auto fifo = directory_.path() / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_THAT(refusal([&] { open(at("oci-archive", "fifo"), Access::write); }), testing::HasSubstr("no regular file"));
  EXPECT_TRUE(std::filesystem::is_fifo(fifo));

  for (const auto* link : {"to-old", "to-new"}) {
    const auto file = std::string(link) + ".tar";
    std::filesystem::create_symlink(file, directory_.path() / link);
    if (link == std::string("to-old")) this->file(file, "old");
    auto writer = open(at("oci-archive", link), Access::write);
    push(*writer, sample, tag("1"));
    writer->finish();
    EXPECT_TRUE(std::filesystem::is_symlink(directory_.path() / link));
    auto reader = open(at("oci-archive", file));
    expect_image(*reader, reader->usual_name(), sample);
  }
  std::filesystem::create_symlink("circle", directory_.path() / "circle");
  EXPECT_THAT(refusal([&] { open(at("oci-archive", "circle"), Access::write); }), testing::HasSubstr("in circles"));
}

TEST_F(LayoutTest, ImagesAreCopiedFromEverywhereToEverywhere) {
  FaultyRegistry server;
  auto sample = sample_image();
  auto arm = sample_image("arm");
  ImageIndex index{.manifests = {sample.manifest.descriptor(), arm.manifest.descriptor()}};
  index.manifests[0].platform = Platform{"linux", "amd64"};
  index.manifests[1].platform = Platform{"linux", "arm64"};
  auto first = open(at("oci-layout", "first"), Access::write);
  push(*first, sample, std::nullopt);
  push(*first, arm, std::nullopt);
  first->add_manifest(write(index), tag("both"));
  const std::vector<std::string> places{at("oci-archive", "copy.tar"), server.host() + "/team/dev",
                                        at("oci-layout", "second")};
  auto from = open(at("oci-layout", "first"));
  for (const auto& place : places) {
    auto to = open(place, Access::write);
    auto copied = copy_image(*from, tag("both"), *to, tag("both"), copy_options());
    EXPECT_EQ(copied.blobs, 6U) << place;
    to->finish();
    from = open(place);
    EXPECT_EQ(find_image(*from, tag("both"), {"linux", "arm64", "v8"}).manifest.bytes, arm.manifest.bytes);
    expect_image(*from, tag("both"), sample);
    EXPECT_THAT(refusal([&] { find_image(*from, tag("both"), {"linux", "riscv64"}); }),
                HasSubstr("has no image for linux/riscv64; it has linux/amd64, linux/arm64"));
  }
  auto again = open(places[2], Access::write);
  EXPECT_EQ(copy_image(*from, tag("both"), *again, tag("both"), copy_options()).blobs, 0U);
}

TEST_F(LayoutTest, AWebServerThatServesADirectoryIsRead) {
  auto writer = open(at("oci-layout", "images"), Access::write);
  auto sample = sample_image();
  push(*writer, sample, tag("1"));
  const Server server({"python3", "-uc",
                       "import http.server, os, sys; os.chdir(sys.argv[1]);"
                       "s = http.server.HTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler);"
                       "print(s.server_address[1], flush=True); s.serve_forever()",
                       directory_.path().string()});
  auto port = server.line();
  auto reader = open(fmt::format("http://127.0.0.1:{}/images", port));
  expect_image(*reader, reader->usual_name(), sample);
  EXPECT_FALSE(reader->has_blob(describe("x", "nothing")));
  EXPECT_THAT(refusal([&] { reader->add_manifest(sample.manifest); }), HasSubstr("is only read"));
  EXPECT_THAT(refusal([&] { open(fmt::format("http://127.0.0.1:{}/nothing", port)); }),
              HasSubstr("is no OCI image layout"));
}

TEST_F(LayoutTest, OthersReadWhatIsWritten) {
  if (!has("skopeo") || !has("umoci")) KARAPACE_SKIP_TEST("skopeo or umoci is not installed");
  auto sample = sample_image();
  for (const auto* kind : {"oci-layout", "oci-archive"}) {
    auto writer = open(at(kind, kind), Access::write);
    push(*writer, sample, tag("1"));
    writer->finish();
  }
  run({"skopeo", "copy", at("oci", "oci-layout") + ":1", at("dir", "from-layout")});
  run({"skopeo", "copy", at("oci-archive", "oci-archive") + ":1", at("dir", "from-archive")});
  for (const auto* copy : {"from-layout", "from-archive"}) {
    EXPECT_EQ(read_file(directory_.path() / copy / "manifest.json"), sample.manifest.bytes);
  }
  run({"umoci", "unpack", "--rootless", "--image", (directory_.path() / "oci-layout").string() + ":1",
       (directory_.path() / "bundle").string()});
  EXPECT_EQ(read_file(directory_.path() / "bundle/rootfs/a"), "sample");
}

TEST_F(LayoutTest, WhatOthersWriteIsRead) {
  if (!has("skopeo")) KARAPACE_SKIP_TEST("skopeo is not installed");
  auto sample = sample_image();
  auto writer = open(at("oci-layout", "images"), Access::write);
  push(*writer, sample, tag("1"));
  auto source = at("oci", "images") + ":1";
  run({"skopeo", "copy", source, at("oci-archive", "oci.tar") + ":x"});
  auto archive = open(at("oci-archive", "oci.tar") + ":x");
  EXPECT_EQ(find_image(*archive, tag("x"), {"linux", "amd64"}).image.layers.size(), 2U);
  run({"skopeo", "copy", source, at("docker-archive", "docker.tar") + ":registry.example/team/dev:x"});
  auto docker = open(at("docker-archive", "docker.tar"));
  EXPECT_THAT(docker->tags(), ElementsAre(tag("x")));
  expect_layers(*docker, find_image(*docker, tag("x"), {"linux", "amd64"}).image, sample);
  EXPECT_THAT(refusal([&] { open(at("oci-archive", "docker.tar")); }), HasSubstr("call it docker-archive:"));
  run({"gzip", "-k", (directory_.path() / "docker.tar").string()});
  auto compressed = open(at("docker-archive", "docker.tar.gz"));
  expect_layers(*compressed, find_image(*compressed, compressed->usual_name(), {"linux", "amd64"}).image, sample);
}

TEST(ImageLocation, IsReadAsPeopleWriteIt) {
  struct Location {
    std::string text;
    ImageLocation::Kind kind;
    std::string place;
    std::string name;
  };
  using Kind = ImageLocation::Kind;
  auto digest = digest_of("x").text();
  const Location locations[] = {
      {"oci:r.example/team/dev:1", Kind::registry, "r.example/team/dev", "1"},
      {"alpine", Kind::registry, "docker.io/library/alpine", ""},
      {"oci-layout:images", Kind::layout, "images", ""},
      {"oci-layout:/a/b:c/images:1", Kind::layout, "/a/b:c/images", "1"},
      {"oci-layout:/a:b/images", Kind::layout, "/a:b/images", ""},
      {"oci-layout:images@" + digest, Kind::layout, "images", digest},
      {"oci-archive:a@b.tar:1", Kind::archive, "a@b.tar", "1"},
      {"docker-archive:a.tar", Kind::docker_archive, "a.tar", ""},
      {"https://r.example/images", Kind::web, "https://r.example/images", ""},
  };
  for (const auto& [text, kind, place, name] : locations) {
    auto location = ImageLocation::parse(text);
    EXPECT_EQ(location.kind, kind) << text;
    EXPECT_EQ(location.place, place) << text;
    EXPECT_EQ(location.name ? oci::text(*location.name) : "", name) << text;
  }
  EXPECT_THROW(ImageLocation::parse("oci-layout:"), RemoteError);
  EXPECT_THROW(ImageLocation::parse("ftp://r.example/x"), RemoteError);
}

}  // namespace
}  // namespace karapace::oci
