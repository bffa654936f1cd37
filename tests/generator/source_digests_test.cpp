// SPDX-License-Identifier: Apache-2.0
// Digests of source trees that are kept: believed while stat(2) tells nothing new, and never else.
#include "generator/project/source_digests.hpp"

#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/file.hpp"

namespace karapace::project {
namespace {

namespace fs = std::filesystem;

class SourceDigests : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(project_ / "src");
    write("src/a.c", "int a;\n");
    write("src/b.c", "int b;\n");
  }
  void write(const fs::path& name, const std::string& text) const {
    write_file_atomically(project_ / name, text, Durable::no);
  }
  SourceTree tree() const { return {project_, "src", {}, project_ / "karapace.lock", "source \"src\""}; }
  fs::path kept_file() const {
    for (const auto& entry : fs::directory_iterator(cache_ / "source-trees")) return entry.path();
    return {};
  }
  /// What would be kept of the tree if it had not changed in the last moments.
  void keep(const ArchiveDigests& digests) const {
    fs::create_directories(cache_ / "source-trees");
    write_file_atomically(cache_ / "source-trees" / blake3(tree().root().native()).hex(),
                          tree().state().hex() + " " + digests.sha256.hex() + " " + digests.blob.hex() + " " +
                              std::to_string(digests.size) + "\n",
                          Durable::no);
  }
  static ArchiveDigests another() { return {Sha256(blake3("another")), BlobId(blake3("another")), 7}; }

  TemporaryDirectory temporary_;
  fs::path project_ = temporary_.path() / "project";
  fs::path cache_ = temporary_.path() / "cache";
};

TEST_F(SourceDigests, WhatChangedAMomentAgoIsNotKept) {
  EXPECT_FALSE(tree().is_settled());
  const auto digests = digests_of(tree(), cache_);
  EXPECT_EQ(digests.sha256, tree().archive(-1).sha256);
  EXPECT_FALSE(fs::exists(cache_ / "source-trees"));
}

TEST_F(SourceDigests, WhatIsKeptIsBelievedWhileNothingChanged) {
  keep(another());
  EXPECT_EQ(digests_of(tree(), cache_).sha256, another().sha256);
  EXPECT_EQ(digests_of(tree(), {}).sha256, tree().archive(-1).sha256);
}

TEST_F(SourceDigests, AnyChangeMakesTheTreeBeRead) {
  const auto is_read = [&] { return digests_of(tree(), cache_).sha256 == tree().archive(-1).sha256; };
  keep(another());
  write("src/c.c", "int c;\n");
  EXPECT_TRUE(is_read()) << "another file";
  keep(another());
  fs::remove(project_ / "src/c.c");
  EXPECT_TRUE(is_read()) << "one less";
  keep(another());
  fs::permissions(project_ / "src/a.c", fs::perms::owner_all);
  EXPECT_TRUE(is_read()) << "a mode";
  keep(another());
  const auto before = fs::last_write_time(project_ / "src/a.c");
  write("src/a.c", "int x;\n");
  fs::last_write_time(project_ / "src/a.c", before);
  EXPECT_TRUE(is_read()) << "content of the same size and time";
  fs::create_symlink("a.c", project_ / "src/link");
  keep(another());
  fs::remove(project_ / "src/link");
  fs::create_symlink("b.c", project_ / "src/link");
  EXPECT_TRUE(is_read()) << "a link";
}

TEST_F(SourceDigests, WhatIsDamagedIsNotBelieved) {
  keep(another());
  const auto whole = read_file(kept_file());
  for (const auto& text : {whole.substr(0, whole.size() - 1), whole + "x", std::string(), std::string(300, 'x')}) {
    write_file_atomically(kept_file(), text, Durable::no);
    EXPECT_EQ(digests_of(tree(), cache_).sha256, tree().archive(-1).sha256) << text;
  }
}

}  // namespace
}  // namespace karapace::project
