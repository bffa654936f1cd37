// SPDX-License-Identifier: Apache-2.0
#include "runtime/trees/image_layer.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "remote/sha256.hpp"
#include "store/scan.hpp"
#include "tests/steps/unpack_fixture.hpp"

namespace karapace::steps {
namespace {

using store::EntryType;
using ::testing::HasSubstr;

trees::ByteSource from_string(std::string bytes) {
  auto text = std::make_shared<std::string>(std::move(bytes));
  auto offset = std::make_shared<std::size_t>(0);
  return [text, offset](std::span<char> buffer) {
    const auto count = text->copy(buffer.data(), buffer.size(), *offset);
    *offset += count;
    return count;
  };
}

std::string zstd_frame(std::string_view bytes) {
  std::string frame(::ZSTD_compressBound(bytes.size()), '\0');
  frame.resize(::ZSTD_compress(frame.data(), frame.size(), bytes.data(), bytes.size(), 3));
  return frame;
}

std::string gzip_member(const std::string& bytes) {
  z_stream stream{};
  ::deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string member(::deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(member.data());
  stream.avail_out = static_cast<uInt>(member.size());
  ::deflate(&stream, Z_FINISH);
  member.resize(stream.total_out);
  ::deflateEnd(&stream);
  return member;
}

std::string sha256_of(const std::string& bytes) { return remote::Sha256Hasher().update(bytes).finish().hex(); }

/// Layers of an image, one unpacked on top of the other.
class ImageLayers : public Unpacking {
 protected:
  /// "" when it became a layer, else what is said.
  std::string add(const std::string& blob, std::uint64_t limit = 1 << 20) {
    auto staging = store().stage();
    const auto path = staging.path() / "tree";
    std::filesystem::create_directory(path);
    const auto tree = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
    trees::ImageLayerRequest request{tree.get(), from_string(blob), "image", limit, {}};
    if (!alone_) request.lower = [&]() -> const trees::LayerStack& { return stack(); };
    try {
      layer_ = trees::unpack_image_layer(request);
    } catch (const StepError& error) {
      return error.what();
    }
    EXPECT_EQ(layer_.listing.text(), store::scan(tree.get(), scan_options()).text());
    layers_.push_back(store().add_layer(path, layer_.listing, staging));
    stack_.reset();
    return "";
  }
  std::string add(const TarBuilder& tar) { return add(tar.finish()); }

  static store::ScanOptions scan_options() {
    store::ScanOptions options;
    options.times = store::Times::nanoseconds;
    if (::geteuid() != 0) options.owners = store::Owners::ignore;
    return options;
  }
  const trees::LayerStack& stack() {
    if (!stack_) stack_.emplace(store(), layers_);
    return *stack_;
  }
  /// The paths that all layers together show.
  std::vector<std::string> seen() {
    std::vector<std::string> paths;
    stack().for_each([&](const store::Entry& entry, const std::filesystem::path&) {
      if (!entry.path.empty()) paths.push_back(entry.path);
    });
    return paths;
  }
  const store::Entry* top(std::string_view path) const { return layer_.listing.find(path); }

  bool alone_ = false;
  trees::ImageLayer layer_;
  std::vector<LayerId> layers_;
  std::optional<trees::LayerStack> stack_;
};

TarEntry folder(std::string name, unsigned mode = 0755) { return {.name = std::move(name), .type = '5', .mode = mode}; }
TarEntry plain(std::string name, std::string content = "x") {
  return {.name = std::move(name), .content = std::move(content)};
}
TarEntry link(std::string name, std::string target) {
  return {.name = std::move(name), .type = '2', .link = std::move(target)};
}
TarEntry hard_link(std::string name, std::string target) {
  return {.name = std::move(name), .type = '1', .link = std::move(target)};
}

TarBuilder complete_layer() {
  return TarBuilder()
      .add({.name = "./", .type = '5', .mode = 0751, .mtime = 5})
      .add(folder("usr/"))
      .add({.name = "usr/.wh..wh..opq", .mode = 0600, .mtime = 0})
      .add({.name = "usr/.wh.gone", .mode = 0600, .mtime = 0})
      .add_pax({{"mtime", "1700000000.123456789"},
                {"SCHILY.xattr.user.note", std::string("a\0b", 3)},
                {"SCHILY.xattr.security.capability",
                 std::string("\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20)}})
      .add({.name = "usr/a", .mode = 04755, .content = "hello", .uid = 4294967294, .gid = 7})
      .add(hard_link("usr/b", "usr/a"))
      .add_pax({{"mtime", "-1.5"}})
      .add(link("usr/link", "../etc"))
      .add({.name = "usr/pipe", .type = '6', .mode = 0600});
}

TEST_F(ImageLayers, ACompleteArchiveIsTheLayerThatItWasMadeOf) {
  alone_ = true;
  const auto tar = complete_layer().finish();
  ASSERT_EQ(add(tar), "");
  EXPECT_EQ(layer_.diff_id.hex(), sha256_of(tar));
  EXPECT_EQ(layer_.size, tar.size());
  EXPECT_EQ(top("")->mode, 0751U);
  EXPECT_TRUE(top("usr")->opaque);
  EXPECT_EQ(top("usr/gone")->type, EntryType::whiteout);
  const auto* a = top("usr/a");
  EXPECT_EQ(a->nanoseconds, 123456789U);
  EXPECT_EQ(a->uid, 4294967294U);
  ASSERT_EQ(a->xattrs.size(), 2U);
  EXPECT_EQ(a->xattrs[1].value, std::string("a\0b", 3));
  EXPECT_EQ(top("usr/b")->target, "usr/a");
  EXPECT_EQ(top("usr/link")->mtime, -2);
  EXPECT_EQ(top("usr/link")->nanoseconds, 500'000'000U);
  EXPECT_EQ(top("usr/pipe")->type, EntryType::fifo);
  EXPECT_EQ(layer_.listing.format(), 2);
}

TEST_F(ImageLayers, AreReadPlainAndCompressedInAnyNumberOfFrames) {
  alone_ = true;
  const auto tar = complete_layer().finish();
  const auto half = tar.size() / 2;
  const std::string skippable("\x50\x2a\x4d\x18\x04\x00\x00\x00more", 12);
  for (const auto& blob :
       {tar, gzip_member(tar), zstd_frame(tar), gzip_member(tar.substr(0, half)) + gzip_member(tar.substr(half)),
        zstd_frame(tar.substr(0, half)) + zstd_frame(tar.substr(half)) + zstd_frame(""), zstd_frame(tar) + skippable}) {
    ASSERT_EQ(add(blob), "");
    EXPECT_EQ(layer_.diff_id.hex(), sha256_of(tar));
    EXPECT_EQ(layers_.back(), layers_.front());
  }
}

TEST_F(ImageLayers, AnArchiveWithoutEntriesIsALayerThatChangesNothing) {
  ASSERT_EQ(add(TarBuilder().add(folder("./", 0700)).add(plain("a"))), "");
  const auto tar = std::string(1024, '\0');
  ASSERT_EQ(add(gzip_member(tar)), "");
  EXPECT_EQ(layer_.diff_id.hex(), sha256_of(tar));
  EXPECT_EQ(layer_.listing.entries().size(), 1U);
  EXPECT_EQ(top("")->mode, 0700U);
}

TEST_F(ImageLayers, WhiteoutsHideWhatIsBelowAndNothingOfTheirOwnLayer) {
  ASSERT_EQ(add(TarBuilder()
                    .add(folder("d/"))
                    .add(plain("d/gone"))
                    .add(plain("d/stays"))
                    .add(folder("e/"))
                    .add(plain("e/old"))
                    .add(plain("f"))
                    .add(folder("g/"))
                    .add(plain("g/old"))),
            "");
  ASSERT_EQ(add(TarBuilder()
                    .add(plain("d/.wh.gone", ""))
                    .add(plain("d/.wh.never", ""))
                    .add(plain("nowhere/.wh.x", ""))
                    .add(plain("e/new"))
                    .add(plain("e/.wh..wh..opq", ""))
                    .add(plain("f", "new"))
                    .add(plain(".wh.f", ""))
                    .add(folder("g/"))
                    .add(plain("g/new"))
                    .add(plain(".wh.g", ""))
                    .add(folder(".wh..wh.plnk/"))
                    .add(plain(".wh..wh.plnk/1.2"))),
            "");
  EXPECT_EQ(seen(), (std::vector<std::string>{"d", "d/stays", "e", "e/new", "f", "g", "g/new"}));
  EXPECT_EQ(top("nowhere"), nullptr);
  EXPECT_EQ(top("d/never"), nullptr);
}

TEST_F(ImageLayers, AnOpaqueRootHidesAllThatIsBelow) {
  ASSERT_EQ(add(TarBuilder().add(folder("a/")).add(plain("a/old")).add(folder("b/")).add(plain("c"))), "");
  ASSERT_EQ(add(TarBuilder().add(plain(".wh..wh..opq", "")).add(folder("a/")).add(plain("a/new"))), "");
  EXPECT_EQ(seen(), (std::vector<std::string>{"a", "a/new"}));
}

TEST_F(ImageLayers, DirectoriesThatAreLeftOutAreThoseBelow) {
  ASSERT_EQ(add(TarBuilder()
                    .add(folder("usr/"))
                    .add({.name = "usr/bin/", .type = '5', .mode = 02751, .uid = 7, .mtime = 9})
                    .add(link("bin", "usr/bin"))
                    .add(link("out", "/../../usr"))),
            "");
  ASSERT_EQ(add(TarBuilder().add(plain("bin/a")).add(plain("out/b")).add(plain("x/y/z"))), "");
  EXPECT_EQ(top("usr/bin")->mode, 02751U);
  EXPECT_EQ(top("usr/bin")->mtime, 9);
  EXPECT_EQ(top("usr/bin/a")->size, 1U);
  EXPECT_EQ(top("usr/b")->size, 1U);
  EXPECT_EQ(top("x/y")->mode, 0755U);
  EXPECT_EQ(top("bin"), nullptr);
}

TEST_F(ImageLayers, ADirectoryInThePlaceOfALinkIsADirectory) {
  ASSERT_EQ(add(TarBuilder().add(folder("usr/bin/")).add(plain("usr/bin/ls")).add(link("bin", "usr/bin"))), "");
  ASSERT_EQ(add(TarBuilder().add(folder("bin/")).add(plain("bin/a"))), "");
  EXPECT_EQ(seen(), (std::vector<std::string>{"bin", "bin/a", "usr", "usr/bin", "usr/bin/ls"}));
}

TEST_F(ImageLayers, AHardLinkToAFileBelowKeepsAllItsNamesOneFile) {
  ASSERT_EQ(add(TarBuilder()
                    .add({.name = "d/", .type = '5', .mode = 0711})
                    .add({.name = "d/a", .mode = 0640, .content = "hello", .mtime = 3})
                    .add(hard_link("b", "d/a"))
                    .add(link("s", "d"))),
            "");
  ASSERT_EQ(add(TarBuilder().add(hard_link("c", "s/a")).add(hard_link("t", "s"))), "");
  EXPECT_EQ(top("b")->content, blake3("hello"));
  EXPECT_EQ(top("b")->mtime, 3);
  EXPECT_EQ(top("c")->target, "b");
  EXPECT_EQ(top("d/a")->target, "b");
  EXPECT_EQ(top("d")->mode, 0711U);
  EXPECT_EQ(top("t")->target, "d");
}

TEST_F(ImageLayers, APathThatAppearsAgainReplacesWhatWasThere) {
  ASSERT_EQ(add(TarBuilder().add(folder("below/")).add(plain("below/old"))), "");
  ASSERT_EQ(add(TarBuilder()
                    .add(plain("a", "1"))
                    .add(plain("a", "22"))
                    .add(folder("d/"))
                    .add(plain("d/x"))
                    .add(hard_link("d/y", "d/x"))
                    .add(link("d", "a"))
                    .add(plain("e"))
                    .add(folder("e/"))
                    .add(plain("e/f"))
                    .add(plain("below"))
                    .add(folder("below/"))
                    .add({.name = "e/", .type = '5', .mode = 0700})),
            "");
  EXPECT_EQ(seen(), (std::vector<std::string>{"a", "below", "d", "e", "e/f"}));
  EXPECT_EQ(top("a")->size, 2U);
  EXPECT_EQ(top("d")->type, EntryType::symlink);
  EXPECT_EQ(top("e")->mode, 0700U);
}

TEST_F(ImageLayers, WhatBelongsToTheMachineOfTheirMakerIsLeftOut) {
  ASSERT_EQ(add(TarBuilder()
                    .add(folder("d/"))
                    .add_pax({{"SCHILY.xattr.user.overlay.opaque", "y"},
                              {"SCHILY.xattr.trusted.overlay.opaque", "y"},
                              {"SCHILY.xattr.security.selinux", "label"},
                              {"SCHILY.xattr.user.karapace.owner", "0:0"}})
                    .add(folder("d/e/"))),
            "");
  EXPECT_FALSE(top("d/e")->opaque);
  EXPECT_TRUE(top("d/e")->xattrs.empty());
}

struct Hostile {
  const char* what;
  TarBuilder tar;
  const char* answer;  // a part of the refusal; "": contained, and `contained` is all there is
  std::vector<std::string> contained = {};
};

TEST_F(ImageLayers, HostileOnesAreRefusedOrContained) {
  const auto pax = [](std::vector<std::pair<std::string, std::string>> fields, TarEntry entry) {
    return TarBuilder().add_pax(fields).add(entry);
  };
  const std::vector<Hostile> table = {
      {"a path that leads up", TarBuilder().add(plain("../x")), "leads outside"},
      {"one in its middle", TarBuilder().add(plain("a/../../x")), "leads outside"},
      {"an absolute name", TarBuilder().add(plain("/etc/x")), "", {"etc", "etc/x"}},
      {"a link out, and a file through it",
       TarBuilder().add(link("l", "/../../tmp")).add(plain("l/x")),
       "",
       {"l", "tmp", "tmp/x"}},
      {"links in a circle", TarBuilder().add(link("a", "b")).add(link("b", "a")).add(plain("a/x")), "too many links"},
      {"a hard link out", TarBuilder().add(hard_link("l", "../../etc/passwd")), "leads outside"},
      {"an absolute hard link", TarBuilder().add(hard_link("l", "/etc/passwd")), "no file of this image"},
      {"a hard link through a link out", TarBuilder().add(link("d", "/etc")).add(hard_link("l", "d/passwd")),
       "no file of this image"},
      {"a hard link to itself", TarBuilder().add(plain("a")).add(hard_link("a", "a")), "no file of this image"},
      {"a hard link to a directory", TarBuilder().add(folder("a/")).add(hard_link("b", "a")), "no file of this image"},
      {"a hard link below its target", TarBuilder().add(plain("a")).add(hard_link("a/b", "a")), "not a directory"},
      {"a whiteout of a path outside", TarBuilder().add(plain("../.wh.x", "")), "leads outside"},
      {"a whiteout of ..", TarBuilder().add(plain("a/.wh...", "")), "names nothing"},
      {"a whiteout of .", TarBuilder().add(plain("a/.wh..", "")), "names nothing"},
      {"a whiteout without a name", TarBuilder().add(plain(".wh.", "")), "names nothing"},
      {"a path through a whiteout", TarBuilder().add(plain("a/.wh.b/c")), "leads through a whiteout"},
      {"a whiteout through a link", TarBuilder().add(link("l", "/..")).add(plain("l/.wh.etc", "")), "", {"l"}},
      {"a device", TarBuilder().add({.name = "sda", .type = '3', .mode = 0660}), "", {"sda"}},
      {"a file below a file", TarBuilder().add(plain("a")).add(plain("a/b")), "not a directory"},
      {"a root that is a file", TarBuilder().add(plain(".")), "root of the image is no directory"},
      {"a root that is a link", TarBuilder().add(link(".", "/etc")), "root of the image is no directory"},
      {"a link without a target", TarBuilder().add(link("l", "")), "leads nowhere"},
      {"a replaced name of a file that has another",
       TarBuilder().add(plain("a")).add(hard_link("b", "a")).add(plain("a")), "is linked to before"},
      {"an owner beyond 32 bits", pax({{"uid", "4294967296"}}, plain("a")), "which no file can have"},
      {"a name that is too long", TarBuilder().add(plain(std::string(300, 'a'))), "longer than 255 bytes"},
      {"thousands of directories by few bytes",
       [] {
         TarBuilder tar;
         std::string deep;
         for (int i = 0; i < 1500; ++i) deep += "/a";
         for (char c = 'b'; c < 'l'; ++c) tar.add(plain(c + deep));
         return tar;
       }(),
       "leaves out more than 10000 directories"},
  };
  for (const auto& hostile : table) {
    layers_.clear();
    stack_.reset();
    const auto answer = add(hostile.tar);
    if (*hostile.answer) {
      EXPECT_THAT(answer, HasSubstr(hostile.answer)) << hostile.what;
      continue;
    }
    ASSERT_EQ(answer, "") << hostile.what;
    EXPECT_EQ(seen(), hostile.contained) << hostile.what;
  }
}

TEST_F(ImageLayers, TheStepKnowsTheLayersBelowAndVerifiesTheDiffId) {
  const auto lower = TarBuilder().add(folder("d/", 0711)).add(plain("d/a")).finish();
  const auto upper = TarBuilder().add(hard_link("d/b", "d/a")).finish();
  EXPECT_EQ(layering(lower), "accepted");
  EXPECT_THAT(layering(upper, sha256_of(lower)), HasSubstr("its layers are not in their order"));
  EXPECT_EQ(layering(upper), "accepted");
  EXPECT_EQ(listing().find("d/b")->target, "d/a");
  EXPECT_THAT(layering(upper, "abc"), HasSubstr("is no digest"));
}

TEST_F(ImageLayers, LayersInAnotherOrderAreRefused) {
  EXPECT_THAT(layering(TarBuilder().add(hard_link("d/b", "d/a")).finish()), HasSubstr("no file of this image"));
}

TEST_F(ImageLayers, WhatSandboxesMountOnIsADirectory) {
  EXPECT_THAT(layering(TarBuilder().add(link("proc", "/tmp")).finish()), HasSubstr("\"/proc\" is a link"));
}

TEST_F(ImageLayers, BombsAndDamageAreRefused) {
  const auto zeros = TarBuilder().add(plain("a", std::string(2 << 20, '\0'))).finish();
  EXPECT_THAT(add(gzip_member(zeros)), HasSubstr("unpacks to more than 1 MiB; set KARAPACE_UNPACK_LIMIT"));
  const auto tar = complete_layer().finish();
  const auto gzip = gzip_member(tar);
  EXPECT_THAT(add(gzip.substr(0, gzip.size() / 2)), HasSubstr("truncated gzip input"));
  EXPECT_THAT(add("not an archive at all"), HasSubstr("not a readable archive"));
  EXPECT_THAT(add(gzip_member(gzip)), HasSubstr("not a readable archive"));
}

}  // namespace
}  // namespace karapace::steps
