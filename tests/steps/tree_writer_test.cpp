// SPDX-License-Identifier: Apache-2.0
#include "runtime/trees/tree_writer.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/remove_tree.hpp"
#include "store/listing.hpp"
#include "store/scan.hpp"
#include "tests/steps/tar_builder.hpp"

namespace karapace::steps {
namespace {

trees::ByteSource from_string(const std::string& bytes) {
  auto offset = std::make_shared<std::size_t>(0);
  return [&bytes, offset](std::span<char> buffer) {
    auto count = std::min(buffer.size(), bytes.size() - *offset);
    std::memcpy(buffer.data(), bytes.data() + *offset, count);
    *offset += count;
    return count;
  };
}

class TreeWriting : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "karapace-tree-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  void TearDown() override { remove_tree(path_); }

  store::Listing extract(const std::string& bytes, trees::TreeWriterOptions options = {
                                                       .devices = trees::DeviceNodes::refuse, .byte_limit = 1 << 20}) {
    std::filesystem::create_directory(path_ / "tree");
    auto tree = open_at(AT_FDCWD, path_ / "tree", O_RDONLY | O_DIRECTORY);
    trees::TreeWriter writer(tree.get(), options);
    trees::ArchiveReader archive(trees::ArchiveFormat::tar, from_string(bytes), "x.tar");
    writer.extract(archive, "", [](const store::Entry&, const trees::OwnersByName&) {});
    return writer.finish();
  }

  std::string refusal(const std::string& bytes) {
    try {
      extract(bytes);
    } catch (const StepError& error) {
      return error.what();
    }
    return "accepted";
  }

  std::filesystem::path path_;
};

TEST_F(TreeWriting, ListsExactlyWhatAScanOfTheTreeFinds) {
  auto bytes = TarBuilder()
                   .add({.name = "./", .type = '5', .mode = 0755})
                   .add({.name = "./usr/", .type = '5', .mode = 0755})
                   .add({.name = "./usr/b", .mode = 04755, .content = "hello"})
                   .add({.name = "./usr/a", .type = '1', .link = "./usr/b"})
                   .add({.name = "./usr/link", .type = '2', .link = "/etc/passwd"})
                   .add({.name = "./usr/pipe", .type = '6', .mode = 0600})
                   .add({.name = "./implied/parent/file", .content = "x"})
                   .finish();
  auto listing = extract(bytes);
  auto tree = open_at(AT_FDCWD, path_ / "tree", O_RDONLY | O_DIRECTORY);
  store::ScanOptions options;
  EXPECT_EQ(listing.text(), store::scan(tree.get(), options).text());
  EXPECT_EQ(listing.find("usr/b")->target, "usr/a");
  EXPECT_EQ(listing.find("usr/a")->mode, 04755U);
}

TEST_F(TreeWriting, LeavesOutTheMarksOfOverlaysThatAnArchiveBrings) {
  std::string records;
  for (const char* name : {"user.overlay.opaque", "user.fuseoverlayfs.opaque", "user.containers.override_stat",
                           "user.karapace.owner", "user.note"}) {
    auto record = " SCHILY.xattr." + std::string(name) + "=y\n";
    records += std::to_string(record.size() + 2) + record;  // the length, two digits, counts itself
  }
  auto listing = extract(TarBuilder()
                             .add({.name = "PaxHeaders/usr", .type = 'x', .content = records})
                             .add({.name = "usr/", .type = '5', .mode = 0755})
                             .finish());
  EXPECT_EQ(listing.find("usr")->xattrs, (std::vector<store::Xattr>{{"user.note", "y"}}));
  EXPECT_FALSE(listing.find("usr")->opaque);
  auto tree = open_at(AT_FDCWD, path_ / "tree", O_RDONLY | O_DIRECTORY);
  EXPECT_EQ(listing.text(), store::scan(tree.get(), {}).text());
}

TEST_F(TreeWriting, RefusesPathsThatLeadOutside) {
  EXPECT_NE(refusal(TarBuilder().add({.name = "etc/.wh.hello", .content = ""}).finish()).find("is a whiteout"),
            std::string::npos);
  EXPECT_EQ(refusal(TarBuilder().add({.name = "../evil", .content = "x"}).finish()),
            "x.tar: refused: the path \"../evil\" leads outside with \"..\"");
  EXPECT_EQ(refusal(TarBuilder().add({.name = "/etc/evil", .content = "x"}).finish()),
            "x.tar: refused: the path \"/etc/evil\" is absolute");
  EXPECT_FALSE(std::filesystem::exists(path_ / "evil"));
}

TEST_F(TreeWriting, NeverWritesThroughALinkOfTheArchive) {
  auto bytes = TarBuilder()
                   .add({.name = "out", .type = '2', .link = path_.string()})
                   .add({.name = "out/evil", .content = "x"})
                   .finish();
  EXPECT_EQ(refusal(bytes),
            "x.tar: refused: \"out/evil\" passes through \"out\", which is not a directory of this archive");
  EXPECT_FALSE(std::filesystem::exists(path_ / "evil"));
}

TEST_F(TreeWriting, RefusesHardLinksToAnythingElse) {
  EXPECT_EQ(refusal(TarBuilder().add({.name = "h", .type = '1', .link = "etc/passwd"}).finish()),
            "x.tar: refused: the hard link \"h\" points to \"etc/passwd\", which is no file of this archive");
  EXPECT_EQ(refusal(TarBuilder().add({.name = "h", .type = '1', .link = "../../etc/passwd"}).finish()),
            "x.tar: refused: the path \"../../etc/passwd\" leads outside with \"..\"");
}

TEST_F(TreeWriting, TakesHardLinksToLinksOfEachKind) {
  auto listing = extract(TarBuilder()
                             .add({.name = "b", .content = "hello"})
                             .add({.name = "c", .type = '1', .link = "b"})
                             .add({.name = "a", .type = '1', .link = "c"})
                             .add({.name = "soft", .type = '2', .link = "b", .mtime = 5})
                             .add({.name = "soft2", .type = '1', .link = "soft"})
                             .add({.name = "pipe", .type = '6', .mode = 0600})
                             .add({.name = "pipe2", .type = '1', .link = "pipe"})
                             .finish());
  auto tree = open_at(AT_FDCWD, path_ / "tree", O_RDONLY | O_DIRECTORY);
  EXPECT_EQ(listing.text(), store::scan(tree.get(), {}).text());
  EXPECT_EQ(listing.find("c")->target, "a");
  EXPECT_EQ(listing.find("soft2")->target, "b");
  EXPECT_EQ(listing.find("soft2")->mtime, 5);
  EXPECT_EQ(listing.find("pipe2")->mode, 0600U);
}

TEST_F(TreeWriting, RefusesTheSamePathTwice) {
  auto bytes = TarBuilder().add({.name = "a", .content = "1"}).add({.name = "./a", .content = "2"}).finish();
  EXPECT_EQ(refusal(bytes), "x.tar: refused: \"a\" appears twice");
}

TEST_F(TreeWriting, RefusesDeviceNodesAndLeavesThoseOfARootFileSystemOut) {
  auto inside = TarBuilder().add({.name = "dev/", .type = '5'}).add({.name = "dev/sda", .type = '3'}).finish();
  auto elsewhere = TarBuilder().add({.name = "sda", .type = '3'}).finish();
  EXPECT_EQ(refusal(elsewhere), "x.tar: refused: \"sda\" is a device node or a socket");
  remove_tree(path_ / "tree");
  auto listing = extract(inside, {.devices = trees::DeviceNodes::leave_out_below_dev, .byte_limit = 1 << 20});
  EXPECT_NE(listing.find("dev"), nullptr);
  EXPECT_EQ(listing.find("dev/sda"), nullptr);
}

TEST_F(TreeWriting, RefusesAPathThatIsTooLongBeforeItMakesAnyOfIt) {
  std::string deep;
  for (int level = 0; level < 30'000; ++level) deep += "d/";
  auto bytes = TarBuilder()
                   .add({.name = "././@LongLink", .type = 'L', .content = deep})
                   .add({.name = "d", .type = '5'})
                   .finish();
  EXPECT_EQ(refusal(bytes).substr(0, 124),
            "x.tar: refused: a path is longer than 3072 bytes, which nothing can work with: make it shorter; it begins "
            "with \"/d/d/d/d/d/d");
  EXPECT_TRUE(std::filesystem::is_empty(path_ / "tree"));
}

TEST_F(TreeWriting, StopsAtTheByteLimit) {
  auto bytes = TarBuilder().add({.name = "zeros", .content = std::string(2 << 20, '\0')}).finish();
  EXPECT_EQ(refusal(bytes),
            "x.tar: refused: it unpacks to more than 1 MiB; set KARAPACE_UNPACK_LIMIT (bytes) if that is intended");
}

TEST_F(TreeWriting, FillsTheHolesOfSparseFilesAlsoAtTheirEnd) {
  const auto sparse = [](const std::string& size, const std::string& map) {
    return TarBuilder()
        .add_pax({{"GNU.sparse.size", size}, {"GNU.sparse.numblocks", "2"}, {"GNU.sparse.map", map}})
        .add({.name = "sparse", .content = "data"})
        .finish();
  };
  auto listing = extract(sparse("1000000", "500000,4,1000000,0"));
  EXPECT_EQ(listing.find("sparse")->size, 1'000'000U);
  EXPECT_EQ(read_file(path_ / "tree/sparse"), std::string(500'000, '\0') + "data" + std::string(499'996, '\0'));
  std::filesystem::remove_all(path_ / "tree");
  EXPECT_EQ(refusal(sparse("4000000000000000000", "500000,4,4000000000000000000,0")),
            "x.tar: refused: it unpacks to more than 1 MiB; set KARAPACE_UNPACK_LIMIT (bytes) if that is intended");
}

TEST_F(TreeWriting, TellsATruncatedArchive) {
  auto bytes = TarBuilder().add({.name = "a", .content = std::string(5000, 'x')}).finish();
  EXPECT_EQ(refusal(bytes.substr(0, 2000)), "x.tar: the archive is damaged: Truncated tar archive");
}

TEST_F(TreeWriting, RefusesWhatIsNoArchive) {
  EXPECT_EQ(refusal(std::string(4096, 'x')), "x.tar: not a readable archive: Unrecognized archive format");
}

}  // namespace
}  // namespace karapace::steps
