// SPDX-License-Identifier: Apache-2.0
#include "generator/project/own_directory.hpp"

#include <filesystem>

#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/file.hpp"

namespace karapace::tests {

using namespace project;
namespace {

class ControlFile : public ::testing::Test {
 protected:
  ino_t inode() const {
    struct stat status{};
    return ::stat((directory_.path() / "build.ninja").c_str(), &status) == 0 ? status.st_ino : 0;
  }
  std::string text() const { return read_file(directory_.path() / "build.ninja"); }

  TemporaryDirectory directory_;
  OwnDirectory own_ = OwnDirectory::make(directory_.path(), "test");
};

TEST_F(ControlFile, IsReplacedWhenNoSessionShowsIt) {
  own_.write_control_file("build.ninja", "# ours\nfirst\n");
  auto first = inode();
  Fd kept = open_at(AT_FDCWD, directory_.path() / "build.ninja", O_RDONLY);
  EXPECT_TRUE(own_.write_control_file("build.ninja", "# ours\nsecond\n"));
  EXPECT_NE(inode(), first);
  EXPECT_EQ(text(), "# ours\nsecond\n");
  EXPECT_FALSE(own_.write_control_file("build.ninja", "# ours\nsecond\n"));
}

TEST_F(ControlFile, StaysTheSameFileWhileASessionShowsIt) {
  own_.write_control_file("build.ninja", "# ours\nfirst, which is much longer than what comes after it\n");
  auto first = inode();
  Fd shown = open_at(AT_FDCWD, directory_.path() / "build.ninja", O_RDONLY);
  ASSERT_EQ(::flock(shown.get(), LOCK_SH), 0);
  for (const std::string graph : {"# ours\nshort\n", "# ours\n", "# ours", "# ours\na\n",
                                  "# ours\nlonger than the word of being unfinished\nby more than a line\n"}) {
    EXPECT_TRUE(own_.write_control_file("build.ninja", graph));
    EXPECT_EQ(text(), graph);
    EXPECT_EQ(inode(), first);
  }
}

TEST_F(ControlFile, ThatHasAnotherNameIsMadeAnew) {
  const std::string graph = "# ours\ngraph\n";
  own_.write_control_file("build.ninja", graph);
  std::filesystem::create_hard_link(directory_.path() / "build.ninja", directory_.path() / "other");
  EXPECT_TRUE(own_.write_control_file("build.ninja", graph));
  EXPECT_EQ(std::filesystem::hard_link_count(directory_.path() / "build.ninja"), 1u);
  std::filesystem::remove(directory_.path() / "other");
  std::filesystem::create_hard_link(directory_.path() / "build.ninja", directory_.path() / "other");
  Fd shown = open_at(AT_FDCWD, directory_.path() / "build.ninja", O_RDONLY);
  ASSERT_EQ(::flock(shown.get(), LOCK_SH), 0);
  try {
    own_.write_control_file("build.ninja", "# ours\nanother graph\n");
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.what(),
              "test: \"" + (directory_.path() / "build.ninja").string() +
                  "\" has another name (a hard link) or owner, and a session that shows it keeps it from being "
                  "replaced: end the session and try again");
  }
  EXPECT_EQ(text(), graph);
}

TEST_F(ControlFile, ThatOthersMayWriteIsMadeAnew) {
  const std::string graph = "# ours\ngraph\n";
  own_.write_control_file("build.ninja", graph);
  EXPECT_FALSE(own_.write_control_file("build.ninja", graph));
  ASSERT_EQ(::chmod((directory_.path() / "build.ninja").c_str(), 0666), 0);
  EXPECT_TRUE(own_.write_control_file("build.ninja", graph));
  struct stat status{};
  ASSERT_EQ(::stat((directory_.path() / "build.ninja").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0644U);
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown((directory_.path() / "build.ninja").c_str(), 4321, 0), 0);
    EXPECT_TRUE(own_.write_control_file("build.ninja", graph));
    ASSERT_EQ(::stat((directory_.path() / "build.ninja").c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, 0U);
  }
  const auto inner = own_.inner(".karapace");
  ASSERT_EQ(::chmod(inner.path().c_str(), 0777), 0);
  own_.inner(".karapace");
  ASSERT_EQ(::stat(inner.path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0755U);
}

}  // namespace
}  // namespace karapace::tests
