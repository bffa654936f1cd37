// SPDX-License-Identifier: Apache-2.0
#include "store/change_export.hpp"

#include <filesystem>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/child.hpp"
#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/file.hpp"

namespace karapace::store {
namespace {

namespace fs = std::filesystem;

class Exporting : public testing::Test {
 protected:
  Exporting() {
    for (const char* name : {"lower", "upper", "out"}) fs::create_directory(path_ / name);
  }
  void write(const std::string& path, std::string_view content, mode_t mode = 0644) {
    fs::create_directories((path_ / path).parent_path());
    write_file_atomically(path_ / path, content, Durable::no);
    ASSERT_EQ(::chmod((path_ / path).c_str(), mode), 0);
  }
  Exported exported_to(const fs::path& destination) {
    const auto upper = open_at(AT_FDCWD, path_ / "upper", O_RDONLY | O_DIRECTORY);
    const auto changes = find_changes(upper.get(), {path_ / "lower"}, {});
    return export_changes(path_ / "upper", changes, destination);
  }
  std::string refusal(const fs::path& destination) {
    try {
      exported_to(destination);
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing was refused";
  }

  TemporaryDirectory temporary_;
  const fs::path& path_ = temporary_.path();
};

TEST_F(Exporting, WritesWhatChangedToADirectory) {
  write("lower/etc/same", "same");
  write("upper/etc/new", "new", 04755);
  fs::create_hard_link(path_ / "upper/etc/new", path_ / "upper/etc/other");
  fs::create_symlink("/etc/shadow", path_ / "upper/etc/link");
  ASSERT_EQ(::mkfifo((path_ / "upper/pipe").c_str(), 0600), 0);
  fs::create_directories(path_ / "upper/closed");
  ASSERT_EQ(::chmod((path_ / "upper/closed").c_str(), 0500), 0);
  const auto out = path_ / "out";
  const auto exported = exported_to(out);
  EXPECT_EQ(exported.files, 4U);
  EXPECT_EQ(read_file(out / "etc/new"), "new");
  EXPECT_TRUE(fs::equivalent(out / "etc/new", out / "etc/other"));
  EXPECT_EQ(fs::read_symlink(out / "etc/link"), "/etc/shadow");
  EXPECT_TRUE(fs::is_fifo(out / "pipe"));
  EXPECT_FALSE(fs::exists(out / "etc/same"));
  struct stat status{};
  ASSERT_EQ(::stat((out / "etc/new").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0755U) << "nobody asked for a set-id file of this user";
  ASSERT_EQ(::stat((out / "closed").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0500U);
}

TEST_F(Exporting, OverwritesNothingAndFollowsNoLink) {
  write("upper/file", "x");
  write("out/there", "x");
  EXPECT_NE(refusal(path_ / "out").find("is not empty"), std::string::npos);
  fs::create_directory(path_ / "elsewhere");
  fs::create_directory_symlink(path_ / "elsewhere", path_ / "link");
  EXPECT_NE(refusal(path_ / "link").find("cannot write into"), std::string::npos);
  EXPECT_TRUE(fs::is_empty(path_ / "elsewhere"));
  write("taken.tar", "x");
  EXPECT_NE(refusal(path_ / "taken.tar").find("File exists"), std::string::npos);
  fs::create_symlink(path_ / "elsewhere/new", path_ / "link.tar");
  EXPECT_NE(refusal(path_ / "link.tar").find("File exists"), std::string::npos);
  EXPECT_TRUE(fs::is_empty(path_ / "elsewhere"));
}

TEST_F(Exporting, AnArchiveHasModesAttributesAndOddNames) {
  write("upper/odd \n\xff/set-id", "12345", 06755);
  ASSERT_EQ(::setxattr((path_ / "upper/odd \n\xff/set-id").c_str(), "user.note", "n", 1, 0), 0);
  const auto archive = path_ / "out.tar";
  EXPECT_EQ(exported_to(archive).bytes, 5U);
  const auto listed = capture_child(
      {.argv = {"tar", "tvf", archive.string(), "--xattrs", "--xattrs-include=*"}, .working_directory = {}});
  EXPECT_EQ(listed.status, 0) << listed.errors;
  EXPECT_NE(listed.output.find("-rwsr-sr-x"), std::string::npos) << listed.output;
  EXPECT_NE(listed.output.find("odd \\n\\377/set-id"), std::string::npos) << listed.output;
}

}  // namespace
}  // namespace karapace::store
