// SPDX-License-Identifier: Apache-2.0
#include "store/change_export.hpp"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
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
    if (before_writing_) before_writing_();
    const auto parent = open_at(AT_FDCWD, destination.parent_path(), O_RDONLY | O_DIRECTORY);
    return export_changes({.upper = path_ / "upper",
                           .changes = changes,
                           .parent = parent.get(),
                           .name = destination.filename(),
                           .shown = destination});
  }
  std::string refusal(const fs::path& destination) {
    try {
      exported_to(destination);
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing was refused";
  }

  std::function<void()> before_writing_;  // what a session does after the changes were found
  TemporaryDirectory temporary_;
  const fs::path& path_ = temporary_.path();
};

/// A reader that sets no bounds would write through the link.
TEST_F(Exporting, NothingStandsBelowALinkThatStandsForADirectory) {
  fs::create_directory(path_ / "host");
  write("upper/a/f", "f");
  fs::create_directory_symlink(path_ / "host", path_ / "upper/b");
  const auto upper = path_ / "upper";
  const auto exchange = [&] {
    ::renameat2(AT_FDCWD, (upper / "a").c_str(), AT_FDCWD, (upper / "b").c_str(), RENAME_EXCHANGE);
  };
  std::atomic<bool> ended = false;
  std::thread session([&] {
    while (!ended) exchange();
  });
  int exported = 0;
  for (int i = 0; i < 100; ++i) {
    const auto archive = path_ / fmt::format("{}.tar", i);
    const bool refused = refusal(archive) != "nothing was refused";
    if (refused) continue;
    ++exported;
    const auto unpacked = path_ / fmt::format("{}", i);
    fs::create_directory(unpacked);
    EXPECT_EQ(capture_child({.argv = {"tar", "-xf", archive, "-C", unpacked}, .working_directory = {}}).status, 0);
    EXPECT_TRUE(fs::is_empty(path_ / "host"));
  }
  ended = true;
  session.join();
  EXPECT_GT(exported, 0);
}

TEST_F(Exporting, AFileThatIsWrittenMeanwhileIsRefused) {
  write("upper/big", std::string(std::size_t{8} << 20, 'a'));
  const Fd file(::open((path_ / "upper/big").c_str(), O_WRONLY));
  std::atomic<bool> ended = false;
  std::thread session([&] {
    for (char byte = 'a'; !ended; byte = byte == 'z' ? 'a' : static_cast<char>(byte + 1))
      ASSERT_EQ(::pwrite(file.get(), &byte, 1, 4 << 20), 1);
  });
  for (const std::string suffix : {"", ".tar"}) {
    std::string said;
    for (int i = 0; i < 50 && said.find("changed") == said.npos; ++i)
      said = refusal(path_ / fmt::format("out{}{}", i, suffix));
    EXPECT_EQ(said, "export: \"/big\" changed while it was read; stop its writer and try again");
  }
  ended = true;
  session.join();
}

TEST_F(Exporting, AnInodeThatGotAnotherFileIsNoLink) {
  write("upper/a/one", "one");
  fs::create_hard_link(path_ / "upper/a/one", path_ / "upper/a/two");
  write("upper/big", std::string(std::size_t{1} << 20, 'b'));
  write("upper/c/three", "333");
  fs::create_hard_link(path_ / "upper/c/three", path_ / "upper/c/four");
  const auto upper = path_ / "upper";
  std::atomic<bool> ended = false;
  std::thread session([&] {
    for (int i = 0; !ended; ++i) {
      const auto from = upper / (i % 2 == 0 ? "a" : "c");
      const std::string text = i % 2 == 0 ? "one" : "333";
      for (const char* name : {"one", "two", "three", "four"}) ::unlink((from / name).c_str());
      const auto to = upper / (i % 2 == 0 ? "c" : "a");
      const auto first = to / (i % 2 == 0 ? "three" : "one");
      write_file_atomically(first, i % 2 == 0 ? "333" : "one", Durable::no);
      ::link(first.c_str(), (to / (i % 2 == 0 ? "four" : "two")).c_str());
    }
  });
  for (int i = 0; i < 100; ++i) {
    const auto out = path_ / fmt::format("o{}", i);
    if (refusal(out) != "nothing was refused") continue;
    for (const auto& [name, text] :
         {std::pair("a/one", "one"), {"a/two", "one"}, {"c/three", "333"}, {"c/four", "333"}})
      EXPECT_EQ(read_file_if_exists(out / name).value_or(text), text) << name;
  }
  ended = true;
  session.join();
}

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
  EXPECT_EQ(listed.status, 0);
  EXPECT_EQ(listed.errors, "");
  EXPECT_NE(listed.output.find("-rwsr-sr-x"), std::string::npos) << listed.output;
  EXPECT_NE(listed.output.find("odd \\n\\377/set-id"), std::string::npos) << listed.output;
}

TEST_F(Exporting, ReadsThroughNoLinkThatReplacesADirectory) {
  write("host/a", "secret");
  write("upper/dir/a", "harmless");
  before_writing_ = [&] {
    fs::rename(path_ / "upper/dir", path_ / "upper/gone");
    fs::create_directory_symlink(path_ / "host", path_ / "upper/dir");
  };
  for (const char* name : {"swapped.tar", "swapped"}) {
    EXPECT_EQ(refusal(path_ / name), "export: \"/dir/a\" changed while it was read; stop its writer and try again");
    fs::remove(path_ / "upper/dir");
    fs::rename(path_ / "upper/gone", path_ / "upper/dir");
  }
  EXPECT_FALSE(fs::exists(path_ / "swapped.tar")) << "a part of an archive looks like an archive of less";
  EXPECT_TRUE(fs::is_symlink(path_ / "swapped/dir"));
}

TEST_F(Exporting, LinksNoFileThatALinkLeadsTo) {
  write("host/key", "theirs");
  write("upper/a/key", "mine");
  fs::create_hard_link(path_ / "upper/a/key", path_ / "upper/z");
  std::atomic<bool> ended{false};
  std::thread session([&] {
    while (!ended && !fs::exists(path_ / "out/a/key")) std::this_thread::yield();
    std::error_code error;
    fs::rename(path_ / "out/a", path_ / "out/.a", error);
    fs::create_directory_symlink(path_ / "host", path_ / "out/a", error);
  });
  for (int i = 0; i < 3000; ++i) std::ofstream(path_ / "upper" / fmt::format("m{}", i)) << i;
  const auto refused = refusal(path_ / "out");
  ended = true;
  session.join();
  struct stat status{};
  ASSERT_EQ(::stat((path_ / "host/key").c_str(), &status), 0);
  EXPECT_EQ(status.st_nlink, 1U) << refused;
}

TEST_F(Exporting, WritesOnlyToTheFileThatItMade) {
  write("upper/a", std::string(4 << 20, 'x'));
  write("host/file", "theirs");
  const auto archive = path_ / "out.tar";
  std::atomic<bool> ended{false};
  std::thread session([&] {
    while (!ended && !fs::exists(archive)) std::this_thread::yield();
    std::error_code error;
    fs::remove(archive, error);
    fs::create_symlink(path_ / "host/file", archive, error);
  });
  refusal(archive);
  ended = true;
  session.join();
  EXPECT_TRUE(fs::is_symlink(archive));
  EXPECT_EQ(read_file(path_ / "host/file"), "theirs");
}

TEST_F(Exporting, KeepsHolesNamesAndAttributes) {
  const auto sparse = path_ / "upper/sparse";
  {
    const Fd fd(::open(sparse.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0640));
    ASSERT_EQ(::pwrite(fd.get(), "middle", 6, 8 << 20), 6);
    ASSERT_EQ(::ftruncate(fd.get(), 64 << 20), 0);
  }
  std::ofstream(path_ / "upper/empty").flush();
  ASSERT_EQ(::truncate((path_ / "upper/empty").c_str(), 1 << 20), 0);
  fs::create_hard_link(sparse, path_ / "upper/z");
  ASSERT_EQ(::setxattr(sparse.c_str(), "user.note", "n=1\n", 4, 0), 0);
  exported_to(path_ / "out");
  exported_to(path_ / "out.tar");
  EXPECT_LT(fs::file_size(path_ / "out.tar"), 64U << 10);
  fs::create_directory(path_ / "unpacked");
  const auto unpacked = capture_child({.argv = {"tar", "--xattrs", "--xattrs-include=*", "-xpSf", path_ / "out.tar"},
                                       .working_directory = path_ / "unpacked"});
  EXPECT_EQ(unpacked.status, 0);
  EXPECT_EQ(unpacked.errors, "");
  for (const char* place : {"out", "unpacked"}) {
    struct stat status{}, before{};
    ASSERT_EQ(::stat((path_ / place / "sparse").c_str(), &status), 0);
    ASSERT_EQ(::stat(sparse.c_str(), &before), 0);
    EXPECT_LT(status.st_blocks, 2048) << place;
    EXPECT_EQ(status.st_mtim.tv_nsec, before.st_mtim.tv_nsec) << place;
    EXPECT_EQ(read_file(path_ / place / "sparse"), read_file(sparse)) << place;
    EXPECT_EQ(fs::file_size(path_ / place / "empty"), 1U << 20) << place;
    EXPECT_TRUE(fs::equivalent(path_ / place / "sparse", path_ / place / "z")) << place;
  }
  char value[8];
  EXPECT_EQ(::getxattr((path_ / "unpacked/sparse").c_str(), "user.note", value, sizeof value), 4);
}

}  // namespace
}  // namespace karapace::store
