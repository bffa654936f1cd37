// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>

#include <gtest/gtest.h>
#include <lzma.h>
#include <unistd.h>

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/remove_tree.hpp"
#include "runtime/steps/step_context.hpp"
#include "store/identifiers.hpp"
#include "store/staging.hpp"
#include "tests/steps/tar_builder.hpp"

namespace karapace::steps {
namespace {

/// A member of an ar(5) archive.
std::string member(const char* name, const std::string& bytes) {
  char header[61];
  std::snprintf(header, sizeof header, "%-16s%-12d%-6d%-6d%-8o%-10zu`\n", name, 0, 0, 0, 0644u, bytes.size());
  return header + bytes + (bytes.size() % 2 ? "\n" : "");
}

constexpr const char* control = "Package: x\nVersion: 1\nArchitecture: all\n";

/// As dpkg-deb compresses: in blocks that do not depend on each other.
std::string xz(const std::string& bytes) {
  lzma_stream stream = LZMA_STREAM_INIT;
  lzma_mt options{};
  options.threads = 2;
  options.block_size = 1 << 20;
  options.check = LZMA_CHECK_CRC64;
  EXPECT_EQ(lzma_stream_encoder_mt(&stream, &options), LZMA_OK);
  std::string packed(bytes.size() + (1 << 20), 0);
  stream.next_in = reinterpret_cast<const std::uint8_t*>(bytes.data());
  stream.avail_in = bytes.size();
  stream.next_out = reinterpret_cast<std::uint8_t*>(packed.data());
  stream.avail_out = packed.size();
  EXPECT_EQ(lzma_code(&stream, LZMA_FINISH), LZMA_STREAM_END);
  packed.resize(stream.total_out);
  lzma_end(&stream);
  return packed;
}

/// A tar archive of 8 MB that can not be compressed much.
std::string large_tar() {
  std::mt19937 dice(8);
  std::string noise(std::size_t{8} << 20, 0);
  for (char& byte : noise) byte = static_cast<char>(dice());
  return TarBuilder()
      .add({.name = "./", .type = '5', .mode = 0755})
      .add({.name = "./noise", .content = noise})
      .finish();
}

class Unpacking : public ::testing::Test {
 protected:
  void SetUp() override {
    ::alarm(30);  // who waits for a FIFO waits for ever
    std::string name = (std::filesystem::temp_directory_path() / "karapace-unpack-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    path_ = name;
    store_.emplace(store::Store::open(path_ / "store", store::Store::Access::create));
  }
  void TearDown() override {
    ::alarm(0);
    store_.reset();
    remove_tree(path_);
  }

  /// What unpacking a package with these control files says.
  std::string refusal(const TarBuilder& members) {
    auto deb = "!<arch>\n" + member("debian-binary", "2.0\n") + member("control.tar", members.finish()) +
               member("data.tar", TarBuilder().add({.name = "./", .type = '5', .mode = 0755}).finish());
    return unpacking("deb", deb);
  }
  /// The same of a root file system.
  std::string refusal_of_root(const TarBuilder& root) { return unpacking("tar", root.finish()); }
  /// The same of a package with this data member.
  std::string refusal_of_data(const char* name, const std::string& bytes) {
    return unpacking("deb", package(name, bytes));
  }
  /// A package with this data member.
  static std::string package(const char* name, const std::string& bytes) {
    return "!<arch>\n" + member("debian-binary", "2.0\n") +
           member("control.tar", TarBuilder().add({.name = "./control", .content = control}).finish()) +
           member(name, bytes);
  }
  /// The digest of the layer that is made.
  std::string layer_of(const std::string& format, const std::string& bytes) {
    EXPECT_EQ(unpacking(format, bytes), "accepted");
    return std::get<LayerOutput>(made_).layer.hex();
  }

 private:
  std::string unpacking(const std::string& format, const std::string& bytes) {
    BlobId blob(blake3(bytes));
    store_->add_blob(blob, staging_file(bytes));
    auto fetch =
        Step::normalised(StepKind::fetch, {{"blake3", blob.hex()}, {"size", std::to_string(bytes.size())}}, {});
    store_->add_record({fetch, BlobOutput{blob, Sha256(blake3("")), bytes.size()}});
    auto step = Step::normalised(StepKind::unpack, {{"format", format}}, {fetch.key()});
    auto staging = store_->stage(step);
    try {
      made_ =
          unpack({.store = *store_, .staging = staging, .step = step, .key = step.key(), .hints = {{"title", "x"}}});
    } catch (const StepError& error) {
      return error.what();
    }
    return "accepted";
  }

  std::filesystem::path staging_file(const std::string& bytes) {
    kept_.push_back(store_->stage());
    write_file_atomically(kept_.back().path() / "blob", bytes, Durable::no);
    return kept_.back().path() / "blob";
  }

  std::filesystem::path path_;
  std::optional<store::Store> store_;
  std::vector<store::Staging> kept_;
  StepOutput made_;
};

TEST_F(Unpacking, LargePackagesGiveTheSameLayerHoweverTheyAreCompressed) {
  auto data = large_tar();
  auto packed = xz(data);
  ASSERT_GT(packed.size(), std::size_t{4} << 20);
  EXPECT_EQ(layer_of("deb", package("data.tar.xz", packed)), layer_of("deb", package("data.tar", data)));
}

TEST_F(Unpacking, TellsADamagedOrTruncatedLargePackage) {
  auto packed = xz(large_tar());
  EXPECT_EQ(refusal_of_data("data.tar.xz", packed.substr(0, packed.size() - 2'000'000)),
            "unpack x: data.tar: the archive is damaged: truncated input");
  auto damaged = packed;
  damaged[packed.size() / 2] ^= 1;
  EXPECT_EQ(refusal_of_data("data.tar.xz", damaged),
            "unpack x: data.tar: the archive is damaged: corrupted input data");
  EXPECT_EQ(refusal_of_data("data.tar.xz", "this is none" + packed),
            "unpack x: data.tar: the archive is damaged: it is not an xz file");
}

/// A change of what is made of the same bytes is a change of rules: raise rules(StepKind::unpack) (store/step.cpp), say
/// it in docs/hash-contract.md, and put number and digest here.
TEST_F(Unpacking, MakesWhatTheNumberOfItsRulesStandsFor) {
  EXPECT_EQ(rules(StepKind::unpack), "1");
  EXPECT_EQ(layer_of("tar", TarBuilder()
                                .add({.name = "./", .type = '5', .mode = 0755})
                                .add({.name = "./usr/", .type = '5', .mode = 02755, .uid = 5, .gid = 6})
                                .add({.name = "./usr/tool", .mode = 04755, .content = "hello"})
                                .add({.name = "./usr/name", .type = '1', .link = "./usr/tool"})
                                .add({.name = "./link", .type = '2', .link = "usr"})
                                .add({.name = "./pipe", .type = '6', .mode = 0600, .mtime = 5})
                                .finish()),
            "0b82b8ccf3fb809842e62bb214fa960afceae9c485b0d680cae0fbb69f4d9eff");
}

TEST_F(Unpacking, TakesAPackage) {
  EXPECT_EQ(refusal(TarBuilder().add({.name = "./control", .content = control})), "accepted");
}

TEST_F(Unpacking, RefusesControlFilesThatAreNoFilesAndNeverWaits) {
  EXPECT_EQ(refusal(TarBuilder().add({.name = "./control", .type = '6'})),
            "unpack x: refused: \"control/control\" is not a regular file");
  EXPECT_EQ(refusal(TarBuilder().add({.name = "./control", .type = '2', .link = "/etc/passwd"})),
            "unpack x: refused: \"control/control\" is not a regular file");
  EXPECT_EQ(
      refusal(TarBuilder().add({.name = "./control", .content = control}).add({.name = "./conffiles", .type = '6'})),
      "unpack x: refused: \"control/conffiles\" is not a regular file");
}

TEST_F(Unpacking, RefusesARootOnWhichNoSandboxCouldMount) {
  auto with = [](const TarEntry& entry) {
    return TarBuilder()
        .add({.name = "./", .type = '5', .mode = 0755})
        .add({.name = "./etc/", .type = '5', .mode = 0755})
        .add(entry);
  };
  for (const std::string name : {"proc", "sys", "dev", "run", "tmp"}) {
    const std::string end = ", and sandboxes mount on it: make it a directory in the archive, or leave it out";
    EXPECT_EQ(refusal_of_root(with({.name = "./" + name, .type = '2', .link = "etc"})),
              "unpack x: refused: \"/" + name + "\" is a link" + end);
    EXPECT_EQ(refusal_of_root(with({.name = "./" + name, .content = "x"})),
              "unpack x: refused: \"/" + name + "\" is no directory" + end);
    EXPECT_EQ(refusal_of_root(with({.name = "./" + name, .type = '5', .mode = 0755})), "accepted");
  }
  for (const std::string name : {"hosts", "resolv.conf", "machine-id"}) {
    EXPECT_EQ(refusal_of_root(with({.name = "./etc/" + name, .type = '5', .mode = 0755})),
              "unpack x: refused: \"/etc/" + name +
                  "\" is a directory, and sandboxes put a file there: make it a file in the "
                  "archive, or leave it out");
    EXPECT_EQ(refusal_of_root(with({.name = "./etc/" + name, .type = '2', .link = "../run/x"})), "accepted");
  }
}

}  // namespace
}  // namespace karapace::steps
