// SPDX-License-Identifier: Apache-2.0
#include <random>

#include <bzlib.h>
#include <gtest/gtest.h>
#include <lzma.h>

#include "tests/steps/tar_builder.hpp"
#include "tests/steps/unpack_fixture.hpp"

namespace karapace::steps {
namespace {

/// What the encoder makes of the bytes; it is gone afterwards.
std::string encoded(lzma_stream& stream, const std::string& bytes) {
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

/// As dpkg-deb compresses: in blocks that do not depend on each other.
std::string xz(const std::string& bytes) {
  lzma_stream stream = LZMA_STREAM_INIT;
  lzma_mt options{};
  options.threads = 2;
  options.block_size = 1 << 20;
  options.check = LZMA_CHECK_CRC64;
  EXPECT_EQ(lzma_stream_encoder_mt(&stream, &options), LZMA_OK);
  return encoded(stream, bytes);
}

std::string bzip2(std::string bytes) {
  std::string packed(bytes.size() + 1000, 0);
  auto size = static_cast<unsigned>(packed.size());
  EXPECT_EQ(BZ2_bzBuffToBuffCompress(packed.data(), &size, bytes.data(), static_cast<unsigned>(bytes.size()), 9, 0, 0),
            BZ_OK);
  packed.resize(size);
  return packed;
}

/// As lzma(1) compressed before xz(1).
std::string old_lzma(const std::string& bytes) {
  lzma_options_lzma options{};
  lzma_lzma_preset(&options, 1);
  lzma_stream stream = LZMA_STREAM_INIT;
  EXPECT_EQ(lzma_alone_encoder(&stream, &options), LZMA_OK);
  return encoded(stream, bytes);
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

TEST_F(Unpacking, LargePackagesGiveTheSameLayerHoweverTheyAreCompressed) {
  auto data = large_tar();
  auto packed = xz(data);
  ASSERT_GT(packed.size(), std::size_t{4} << 20);
  EXPECT_EQ(layer_of("deb", package("data.tar.xz", packed)), layer_of("deb", package("data.tar", data)));
}

TEST_F(Unpacking, TakesTheCompressionsOfOldPackages) {
  const auto data = TarBuilder().add({.name = "./", .type = '5', .mode = 0755}).add({.name = "./a"}).finish();
  const auto layer = layer_of("deb", package("data.tar", data));
  EXPECT_EQ(layer_of("deb", package("data.tar.bz2", bzip2(data))), layer);
  EXPECT_EQ(layer_of("deb", package("data.tar.lzma", old_lzma(data))), layer);
  EXPECT_EQ(layer_of("deb", package("data.tar.xz", xz(data))), layer);
  EXPECT_EQ(layer_of("tar", bzip2(data)), layer_of("tar", data));
  EXPECT_EQ(layer_of("tar", old_lzma(data)), layer_of("tar", data));
}

/// As dpkg writes it when it unpacks such a package.
TEST_F(Unpacking, WritesTheDigestsOfAPackageThatHasNone) {
  const TarBuilder data = TarBuilder()
                              .add({.name = "./", .type = '5', .mode = 0755})
                              .add({.name = "./etc/", .type = '5', .mode = 0755})
                              .add({.name = "./etc/b", .content = "1"})
                              .add({.name = "./etc/a", .type = '1', .link = "./etc/b"})
                              .add({.name = "./etc/link", .type = '2', .link = "a"})
                              .add({.name = "./etc/empty"});
  layer_of("deb", package("data.tar", data.finish()));
  EXPECT_EQ(file("meta/deb/md5sums"),
            "c4ca4238a0b923820dcc509a6f75849b  etc/b\n"
            "c4ca4238a0b923820dcc509a6f75849b  etc/a\n"
            "d41d8cd98f00b204e9800998ecf8427e  etc/empty\n");
  EXPECT_EQ(refusal(TarBuilder().add({.name = "./control", .content = control}).add({.name = "./md5sums"})),
            "accepted");
  EXPECT_EQ(listing().find("meta/deb/md5sums"), nullptr);
}

TEST_F(Unpacking, KeepsTheNamesOfOwnersThatAreNotRoot) {
  const auto with = [&](const std::vector<TarEntry>& entries) {
    TarBuilder data;
    for (const auto& entry : entries) data.add(entry);
    layer_of("deb", package("data.tar", data.finish()));
    std::string text;
    for (const auto& [kind, owners] : {std::pair{"user", loaded().users}, std::pair{"group", loaded().groups}})
      for (const auto& owner : owners) text += fmt::format("{} {} {}\n", kind, owner.name, owner.id);
    return text;
  };
  EXPECT_EQ(with({{.name = "a", .user = "root", .group = "root"}, {.name = "b"}}), "");
  EXPECT_EQ(with({{.name = "a", .uid = 5, .gid = 50, .user = "games", .group = "staff"},
                  {.name = "b", .gid = 50, .user = "root", .group = "staff"},
                  {.name = "c", .uid = 1000, .user = "root"},
                  {.name = "d", .uid = 1001, .user = "no name"},
                  {.name = "e", .uid = 1001, .user = "x\ny:z"}}),
            "user games 5\nuser root 1000\ngroup staff 50\n");
}

TEST_F(Unpacking, ReadsConffilesAsDpkgDoes) {
  const auto etc = TarBuilder()
                       .add({.name = "./etc/a", .content = "1"})
                       .add({.name = "./etc/b c", .content = "1"})
                       .add({.name = "./etc/hard", .type = '1', .link = "./etc/a"})
                       .add({.name = "./etc/soft", .type = '2', .link = "a"})
                       .finish();
  const auto conffiles = "/./etc/a \t\n\n  \n//etc/b c\n/etc/hard\n/etc/soft\n/etc/gone\nremove-on-upgrade /etc/old \n";
  layer_of("deb", "!<arch>\n" + member("debian-binary", "2.0\n") +
                      member("control.tar", TarBuilder()
                                                .add({.name = "./control", .content = control})
                                                .add({.name = "./conffiles", .content = conffiles})
                                                .finish()) +
                      member("data.tar", etc));
  EXPECT_EQ(file("meta/deb/stanza"),
            "Package: x\nStatus: install ok unpacked\nVersion: 1\nArchitecture: all\nConffiles:\n"
            " /etc/a c4ca4238a0b923820dcc509a6f75849b\n"
            " /etc/b c c4ca4238a0b923820dcc509a6f75849b\n"
            " /etc/hard c4ca4238a0b923820dcc509a6f75849b\n"
            " /etc/soft newconffile\n"
            " /etc/gone newconffile\n"
            " /etc/old newconffile remove-on-upgrade\n");
}

/// What every family's packages have, in one form.
TEST_F(Unpacking, DescribesAPackageInTheNormalForm) {
  const auto script = [](const char* name) { return TarEntry{.name = name, .mode = 0755, .content = "#!/bin/sh\n"}; };
  layer_of("deb", "!<arch>\n" + member("debian-binary", "2.0\n") +
                      member("control.tar", TarBuilder()
                                                .add({.name = "./control", .content = control})
                                                .add({.name = "./conffiles", .content = "/etc/\xff\n"})
                                                .add({.name = "./triggers", .content = "interest-noawait /usr/x\n"})
                                                .add(script("./postrm"))
                                                .add(script("./preinst"))
                                                .add({.name = "./shlibs", .content = "x"})
                                                .finish()) +
                      member("data.tar", TarBuilder().add({.name = "a", .gid = 50, .group = "staff"}).finish()));
  const std::string text = file("meta/package.json");
  EXPECT_EQ(text, R"({
 "name": "x",
 "version": "1",
 "architecture": "all",
 "users": [],
 "groups": [
  {"name": "staff", "id": 50}
 ],
 "configuration-files": [
  {"path": "/etc/\\xff", "policy": "kept"}
 ],
 "scripts": [
  {"phase": "before-install", "file": "control/preinst"},
  {"phase": "after-removal", "file": "control/postrm"}
 ],
 "triggers": [
  {"directive": "interest-noawait", "name": "/usr/x"}
 ]
}
)");
  EXPECT_EQ(PackageMeta::parse(text, "x"), static_cast<const PackageMeta&>(loaded()));
  EXPECT_THROW(PackageMeta::parse("{}", "x"), StoreError);
}

TEST_F(Unpacking, RefusesAFormatThatNoFamilyHas) {
  EXPECT_EQ(unpacking("rpm", "x"), "packages of the format \"rpm\" are not known to this release");
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
  EXPECT_EQ(rules(StepKind::unpack), "4");
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

TEST_F(Unpacking, WhatIsCompressedTwiceIsNotTakenForARootFileSystem) {
  const auto bytes = TarBuilder().add({.name = "./", .type = '5', .mode = 0755}).finish();
  EXPECT_NE(unpacking("tar", xz(xz(bytes))).find("or more than once"), std::string::npos);
}

}  // namespace
}  // namespace karapace::steps
