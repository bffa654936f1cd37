// SPDX-License-Identifier: Apache-2.0
// Layers as blobs of images: their bytes, and what stands in them.
#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/file.hpp"
#include "remote/sha256.hpp"
#include "runtime/trees/chunked_compressor.hpp"
#include "runtime/trees/image_layer.hpp"
#include "tests/steps/unpack_fixture.hpp"

namespace karapace::steps {
namespace {

using store::Entry;
using store::EntryType;
using store::Listing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Sha256 sha256(std::string_view bytes) {
  remote::Sha256Hasher hasher;
  hasher.update(bytes);
  return hasher.finish();
}

std::string unzstd(std::string_view bytes) {
  std::string plain;
  while (!bytes.empty()) {
    const auto frame = ::ZSTD_findFrameCompressedSize(bytes.data(), bytes.size());
    const auto size = ::ZSTD_getFrameContentSize(bytes.data(), bytes.size());
    EXPECT_EQ(::ZSTD_isError(frame), 0U);
    const auto at = plain.size();
    plain.resize(at + size);
    EXPECT_EQ(::ZSTD_decompress(plain.data() + at, size, bytes.data(), frame), size);
    bytes.remove_prefix(frame);
  }
  return plain;
}

std::string gunzip(std::string bytes, std::size_t size) {
  std::string plain(size + 1, '\0');
  z_stream stream{};
  EXPECT_EQ(::inflateInit2(&stream, 15 + 16), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(plain.data());
  stream.avail_out = static_cast<uInt>(plain.size());
  EXPECT_EQ(::inflate(&stream, Z_FINISH), Z_STREAM_END) << "one member, whose check fits";
  EXPECT_EQ(stream.avail_in, 0U);
  plain.resize(stream.total_out);
  ::inflateEnd(&stream);
  return plain;
}

struct Read {
  char type;
  std::string link;
  std::string records;  // of its extended header
  std::string header;
};

std::string field(std::string_view block, std::size_t at, std::size_t size) {
  const auto text = block.substr(at, size);
  return std::string(text.substr(0, text.find('\0')));
}

/// Names with what stands at each, in order.
std::vector<std::pair<std::string, Read>> entries_of(std::string_view tar) {
  std::vector<std::pair<std::string, Read>> entries;
  std::string records;
  for (std::size_t at = 0; at + 512 <= tar.size() && tar[at] != '\0';) {
    const auto block = tar.substr(at, 512);
    const auto size = std::stoull(field(block, 124, 12), nullptr, 8);
    const auto body = tar.substr(at + 512, size);
    if (block[156] == 'x')
      records = body;
    else
      entries.push_back(
          {field(block, 0, 100), {block[156], field(block, 157, 100), std::exchange(records, {}), std::string(block)}});
    at += 512 + (size + 511) / 512 * 512;
  }
  return entries;
}

std::vector<std::string> names_in(std::string_view tar) {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_of(tar)) names.push_back(name);
  return names;
}

class PackTest : public Unpacking {
 protected:
  /// The layer of an archive of changes, and its step.
  StepKey layer(const TarBuilder& tar) {
    EXPECT_EQ(committing(tar.finish()), "accepted");
    return record_last();
  }
  /// Packs it; "accepted", or what is said.
  std::string packing(std::vector<StepKey> layers, std::vector<Parameter> more = {}) {
    more.push_back({"rules", std::string(rules(StepKind::pack))});
    if (!std::any_of(more.begin(), more.end(), [](const auto& one) { return one.name == "compression"; }))
      more.push_back({"compression", "zstd"});
    return performing(Step::normalised(StepKind::pack, std::move(more), std::move(layers)), pack);
  }
  BlobOutput packed(std::vector<StepKey> layers, std::vector<Parameter> more = {}) {
    EXPECT_EQ(packing(std::move(layers), std::move(more)), "accepted");
    return std::get<BlobOutput>(last_output());
  }
  std::string bytes_of(const BlobOutput& output) const { return read_file(store().blob_path(output.blob)); }
  std::string tar_of(const BlobOutput& output) const { return unzstd(bytes_of(output)); }
};

TarBuilder changes() {
  TarBuilder tar;
  tar.add({.name = "./", .type = '5', .mode = 0755, .mtime = 7});
  return tar;
}

TEST_F(PackTest, TheDigestsAreThoseOfTheBlobAndOfTheArchiveInIt) {
  const auto key = layer(changes().add({.name = "./a", .content = std::string(5 << 20, 'a')}));
  const auto output = packed({key});
  const auto bytes = bytes_of(output);
  EXPECT_EQ(output.blob, BlobId(blake3(bytes)));
  EXPECT_EQ(output.sha256, sha256(bytes));
  EXPECT_EQ(output.size, bytes.size());
  const auto tar = tar_of(output);
  EXPECT_EQ(output.diff_id, sha256(tar));
  EXPECT_EQ(output.diff_size, tar.size());
  const auto gzip = packed({key}, {{"compression", "gzip"}});
  EXPECT_EQ(gzip.diff_id, output.diff_id);
  EXPECT_EQ(gunzip(bytes_of(gzip), tar.size()), tar);
}

TEST_F(PackTest, WhatLayersHideHasTheNamesThatImagesKnow) {
  const auto key = layer(changes()
                             .add({.name = "./etc/", .type = '5', .mode = 0755})
                             .add({.name = "./etc/gone", .type = '3'})
                             .add_pax({{"SCHILY.xattr.user.overlay.opaque", "y"}})
                             .add({.name = "./usr/", .type = '5', .mode = 0755})
                             .add_pax({{"SCHILY.xattr.user.a", "b=c"}})
                             .add({.name = "./usr/file", .mode = 04755, .content = "x"})
                             .add({.name = "./usr/link", .type = '1', .link = "./usr/file"}));
  const auto tar = tar_of(packed({key}));
  EXPECT_THAT(names_in(tar),
              ElementsAre("./", "etc/", "etc/.wh.gone", "usr/", "usr/.wh..wh..opq", "usr/file", "usr/link"));
  auto entries = entries_of(tar);
  const auto& file = entries[5].second;
  const auto& link = entries[6].second;
  EXPECT_EQ(file.records, "27 SCHILY.xattr.user.a=b=c\n");
  EXPECT_EQ(link.type, '1');
  EXPECT_EQ(link.link, "usr/file");
  EXPECT_EQ(link.records, file.records) << "engines give a link's attributes to the file";
  EXPECT_EQ(field(link.header, 100, 8), "0004755");
}

TEST_F(PackTest, ANameThatImagesTakeForAMarkIsRefused) {
  const auto staging = store().stage();
  std::filesystem::create_directory(staging.path() / "tree");
  write_file_atomically(staging.path() / "tree/.wh.x", "", Durable::no);
  const auto tree = open_at(AT_FDCWD, staging.path() / "tree", O_RDONLY | O_DIRECTORY);
  const auto made = store().add_layer(staging.path() / "tree", store::scan(tree.get(), {}), staging);
  const auto step = Step::normalised(StepKind::commit, {}, {});
  store().add_record({step, LayerOutput{made}});
  const auto said = packing({step.key()});
  EXPECT_THAT(said,
              HasSubstr("\"/.wh.x\" can not be in an image: names that begin with \".wh.\" hide other files there"));
}

TEST_F(PackTest, WhatItDoesNotKnowIsRefused) {
  const auto key = layer(changes());
  EXPECT_EQ(packing({key}, {{"compression", "xz"}}),
            "pack step: there is no compression \"xz\", but there are zstd and gzip");
  EXPECT_EQ(packing({key}, {{"below", "all"}}), "pack step: the parameter below=all is unknown");
  EXPECT_EQ(packing({}), "pack step: it needs the step of a layer as input");
}

TEST_F(PackTest, AFileThatIsDamagedInTheStoreGetsIntoNoBlob) {
  const auto key = layer(changes().add({.name = "./a", .content = "right"}));
  const auto file = store().layer_tree(std::get<LayerOutput>(store().record(key)->output).layer) / "a";
  ::chmod(file.c_str(), 0644);
  write_file_atomically(file, "wrong", Durable::no);
  try {
    packing({key});
    FAIL();
  } catch (const StoreError& error) {
    EXPECT_THAT(error.what(), HasSubstr("\"/a\" is damaged in the store; run `karapace verify-store --repair`"));
  }
}

TEST_F(PackTest, SeveralLayersBecomeOneAsOverlayfsShowsThem) {
  const auto lower = layer(changes()
                               .add({.name = "./d/", .type = '5', .mode = 0755})
                               .add({.name = "./d/old", .content = "1"})
                               .add({.name = "./f", .content = "first"})
                               .add({.name = "./g", .type = '1', .link = "./f"})
                               .add({.name = "./h", .type = '1', .link = "./f"})
                               .add({.name = "./k", .content = "k"}));
  const auto upper = layer(changes()
                               .add_pax({{"SCHILY.xattr.user.overlay.opaque", "y"}})
                               .add({.name = "./d/", .type = '5', .mode = 0700})
                               .add({.name = "./d/new", .content = "2"})
                               .add({.name = "./f", .type = '3'})
                               .add({.name = "./k/", .type = '5', .mode = 0755}));
  const auto part = tar_of(packed({lower, upper}));
  EXPECT_THAT(names_in(part),
              ElementsAre("./", "d/", "d/.wh..wh..opq", "d/new", ".wh.f", "g", "h", "k/", "k/.wh..wh..opq"));
  const auto whole = tar_of(packed({lower, upper}, {{"below", "nothing"}}));
  EXPECT_THAT(names_in(whole), ElementsAre("./", "d/", "d/new", "g", "h", "k/"));
  auto entries = entries_of(whole);
  EXPECT_EQ(entries[3].second.type, '0') << "its first name has gone";
  EXPECT_EQ(entries[4].second.type, '1');
  EXPECT_EQ(entries[4].second.link, "g");
}

/// Trees that are made file by file.
class RoundTripTest : public PackTest {
 protected:
  void SetUp() override {
    PackTest::SetUp();
    staging_.emplace(store().stage());
    tree_ = staging_->path() / "tree";
    std::filesystem::create_directory(tree_);
  }
  void file(const std::string& name, std::string_view content = "x", mode_t mode = 0644) const {
    write_file_atomically(tree_ / name, content, Durable::no, mode);
    ::chmod((tree_ / name).c_str(), mode);
  }
  void directory(const std::string& name, mode_t mode = 0755) const {
    std::filesystem::create_directory(tree_ / name);
    ::chmod((tree_ / name).c_str(), mode);
  }
  void set(const std::string& name, const char* attribute, std::string_view value) const {
    ASSERT_EQ(::lsetxattr((tree_ / name).c_str(), attribute, value.data(), value.size(), 0), 0) << attribute;
  }
  void own(const std::string& name, uid_t uid, gid_t gid) const {
    if (::geteuid() != 0) return;
    ASSERT_EQ(::lchown((tree_ / name).c_str(), uid, gid), 0) << name;
  }
  void touch(const std::string& name, std::int64_t seconds, long nanoseconds = 0) const {
    const timespec times[2] = {{seconds, nanoseconds}, {seconds, nanoseconds}};
    ASSERT_EQ(::utimensat(AT_FDCWD, (tree_ / name).c_str(), times, AT_SYMLINK_NOFOLLOW), 0) << name;
  }
  void expect_same_again() {
    store::ScanOptions options;
    options.times = store::Times::nanoseconds;
    if (::geteuid() != 0) options.owners = store::Owners::ignore;
    const auto directory = open_at(AT_FDCWD, tree_, O_RDONLY | O_DIRECTORY);
    const auto listing = store::scan(directory.get(), options);
    const auto layer = store().add_layer(tree_, listing, *staging_);
    const auto made = Step::normalised(StepKind::commit, {}, {});
    store().add_record({made, LayerOutput{layer}});
    for (const char* compression : {"zstd", "gzip"}) {
      const auto output = packed({made.key()}, {{"compression", compression}});
      const auto bytes = bytes_of(output);
      // Alone, as whoever packed it: of nothing below, whiteouts would hide nothing.
      const auto again = store().stage();
      std::filesystem::create_directory(again.path() / "tree");
      const auto target = open_at(AT_FDCWD, again.path() / "tree", O_RDONLY | O_DIRECTORY);
      const auto unpacked = trees::unpack_image_layer(
          {.directory = target.get(), .blob = source_of(bytes), .label = "image", .byte_limit = 1 << 30});
      EXPECT_EQ(unpacked.listing.text(), listing.text()) << compression;
      EXPECT_EQ(unpacked.listing.id(), layer);
      EXPECT_EQ(unpacked.diff_id, output.diff_id);
      EXPECT_EQ(store::scan(target.get(), options).text(), listing.text());
    }
  }

  static trees::ByteSource source_of(std::string_view bytes) {
    return [bytes](std::span<char> buffer) mutable {
      const auto count = bytes.copy(buffer.data(), buffer.size());
      bytes.remove_prefix(count);
      return count;
    };
  }

  std::optional<store::Staging> staging_;
  std::filesystem::path tree_;
};

TEST_F(RoundTripTest, OfAnEmptyLayer) { expect_same_again(); }

TEST_F(RoundTripTest, OfEverythingThatALayerCanHave) {
  const std::string long_name(200, 'n');
  directory("d", 01777);
  directory("d/" + long_name);
  file("d/" + long_name + "/" + long_name, "long");
  file("d/odd \n\xff name", "odd");
  file("\xc3\xa4", "letters");
  file("set-id", "s", 06755);
  file("first", std::string(5 << 20, 'f'));
  std::filesystem::create_hard_link(tree_ / "first", tree_ / "second");
  std::filesystem::create_hard_link(tree_ / "first", tree_ / "d/third");
  file("empty", "");
  file("nothing allowed", "0", 0);
  std::filesystem::create_symlink("../\xfe target", tree_ / "link");
  std::filesystem::create_symlink(std::string(300, 't'), tree_ / "long link");
  ASSERT_EQ(::mkfifo((tree_ / "pipe").c_str(), 0600), 0);
  ASSERT_EQ(::mknod((tree_ / "gone").c_str(), S_IFCHR, 0), 0);
  directory("opaque");
  set("opaque", "user.overlay.opaque", "y");
  ASSERT_EQ(::mknod((tree_ / "d/gone").c_str(), S_IFCHR, 0), 0);
  set("empty", "user.empty", "");
  set("empty", "user.a=b", "c\nd=e");
  set("empty", "user.zero", std::string_view("\0\1", 2));
  set("d", "user.100%", "%41");
  own("d", 70000, 3000000);
  own("first", 1, 4294967294U);
  own("link", 5, 6);
  touch("empty", 1234567890, 123456789);
  touch("first", -2, 1);
  touch("link", 1, 500000000);
  touch("pipe", -1000000);
  touch("opaque", 0);
  if (::geteuid() == 0) {
    // cap_net_raw+ep, version 2
    set("set-id", "security.capability", std::string_view("\1\0\0\2\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20));
  }
  expect_same_again();
}

TEST(ChunkedCompressorTest, TheBytesDoNotTellHowManyProcessorsThereAre) {
  std::string plain;
  for (int i = 0; plain.size() < (std::size_t{9} << 20); ++i) plain += std::to_string(std::int64_t{i} * i) + ",";
  for (const auto compression : {trees::BlobCompression::zstd, trees::BlobCompression::gzip}) {
    std::map<std::string, unsigned> files;
    for (unsigned threads : {1U, 2U, 8U, 64U}) {
      const auto file = open_at(AT_FDCWD, std::filesystem::temp_directory_path(), O_RDWR | O_TMPFILE, 0600);
      trees::ChunkedCompressor compressor(file.get(), compression, threads, "x");
      compressor.write(plain);
      const auto made = compressor.finish();
      EXPECT_EQ(made.stream_sha256, sha256(plain));
      ::lseek(file.get(), 0, SEEK_SET);
      ++files[read_all(file.get(), "x")];
    }
    ASSERT_EQ(files.size(), 1U);
    const auto& bytes = files.begin()->first;
    EXPECT_EQ(compression == trees::BlobCompression::zstd ? unzstd(bytes) : gunzip(bytes, plain.size()), plain);
  }
}

TEST(ChunkedCompressorTest, AFullDiskIsTold) {
  const auto full = open_at(AT_FDCWD, "/dev/full", O_WRONLY);
  trees::ChunkedCompressor compressor(full.get(), trees::BlobCompression::zstd, 2, "pack x");
  try {
    for (int i = 0; i < 100; ++i) compressor.write(std::string(1 << 20, static_cast<char>(i)));
    compressor.finish();
    FAIL();
  } catch (const StoreError& error) {
    EXPECT_THAT(error.what(), HasSubstr("pack x"));
  }
}

}  // namespace
}  // namespace karapace::steps
