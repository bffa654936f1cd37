// SPDX-License-Identifier: Apache-2.0
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "base/file_lock.hpp"
#include "base/remove_tree.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace {
namespace {

using store::error_of;
using store::fork_child;
using store::wait_for;

TEST(FileTest, AnAtomicWriteReplacesTheWholeFileWithTheModeAskedFor) {
  TemporaryDirectory temporary;
  auto path = temporary.path() / "file";
  auto before = ::umask(077);
  write_file_atomically(path, "old", Durable::yes);
  write_file_atomically(path, "new", Durable::no, 0755);
  ::umask(before);
  struct stat status{};
  ::stat(path.c_str(), &status);
  EXPECT_EQ(read_file(path), "new");
  EXPECT_EQ(status.st_mode & 07777, 0755u);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(temporary.path()), {}), 1);
}

TEST(FileTest, AMissingFileIsNothingOrAnErrorWithItsName) {
  EXPECT_FALSE(read_file_if_exists("/nonexistent/file"));
  EXPECT_EQ(error_of([] { read_file("/nonexistent/file"); }),
            "cannot open \"/nonexistent/file\": No such file or directory");
}

TEST(FileTest, MoreBytesThanTheLimitAreRefused) {
  TemporaryDirectory temporary;
  write_file_atomically(temporary.path() / "f", "12345", Durable::no);
  auto read = [&](std::size_t limit) {
    return read_all(open_at(AT_FDCWD, temporary.path() / "f", O_RDONLY).get(), "f", limit);
  };
  EXPECT_EQ(read(5), "12345");
  EXPECT_EQ(error_of([&] { read(4); }), "f is larger than the 4 bytes it may have");
}

TEST(FileTest, LinksNeverLeadOutOfARoot) {
  TemporaryDirectory temporary;
  auto root = temporary.path() / "root";
  ::mkdir(root.c_str(), 0755);
  write_file_atomically(temporary.path() / "secret", "outside", Durable::no);
  write_file_atomically(root / "secret", "inside", Durable::no);
  std::filesystem::create_symlink("../secret", root / "up");
  std::filesystem::create_symlink("/secret", root / "absolute");
  Fd fd = open_at(AT_FDCWD, root, O_PATH | O_DIRECTORY);
  for (const char* name : {"up", "absolute", "/secret", "../../secret"}) {
    auto file = open_in_root(fd.get(), name, O_RDONLY);
    ASSERT_TRUE(file) << name;
    EXPECT_EQ(read_all(file->get(), name), "inside");
  }
  EXPECT_FALSE(open_in_root(fd.get(), "nothing", O_RDONLY));
}

TEST(RemoveTreeTest, DirectoriesWithoutPermissionsAreRemovedAndLinksNotFollowed) {
  TemporaryDirectory temporary;
  if (::geteuid() == 0) ::chown(temporary.path().c_str(), 65534, 65534);
  auto work = [&] {
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) return 1;
    auto tree = temporary.path() / "tree";
    ::mkdir(tree.c_str(), 0755);
    ::mkdir((tree / "a").c_str(), 0755);
    ::mkdir((tree / "a/b").c_str(), 0755);
    write_file_atomically(temporary.path() / "outside", "stays", Durable::no);
    write_file_atomically(tree / "a/b/file", "", Durable::no);
    std::filesystem::create_symlink(temporary.path(), tree / "a/link");
    for (const char* path : {"a/b", "a", ""}) ::chmod((tree / path).c_str(), 0);
    remove_tree(tree);
    return std::filesystem::exists(tree) || !std::filesystem::exists(temporary.path() / "outside") ? 2 : 0;
  };
  EXPECT_EQ(wait_for(fork_child(work)), 0);
}

TEST(RemoveTreeTest, MissingIsFineAndFilesAreRemovedToo) {
  TemporaryDirectory temporary;
  remove_tree(temporary.path() / "nothing");
  write_file_atomically(temporary.path() / "file", "", Durable::no);
  remove_tree(temporary.path() / "file");
  EXPECT_FALSE(std::filesystem::exists(temporary.path() / "file"));
}

// What destroy has moved to the trash, gc may find there.
TEST(RemoveTree, TwoMayRemoveTheSameTree) {
  TemporaryDirectory temporary;
  const auto tree = temporary.path() / "tree";
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 300; ++i) std::filesystem::create_directories(tree / fmt::format("{}", i) / "a/b");
    std::vector<pid_t> children;
    for (int i = 0; i < 3; ++i) {
      children.push_back(fork_child([&] {
        remove_tree(tree);
        return 0;
      }));
    }
    for (pid_t child : children) EXPECT_EQ(wait_for(child), 0);
    EXPECT_FALSE(std::filesystem::exists(tree));
  }
}

TEST(FileLockTest, ALockIsHeldUntilItsValueDies) {
  TemporaryDirectory temporary;
  auto path = temporary.path() / "lock";
  {
    auto shared = FileLock::acquire(path, LOCK_SH);
    EXPECT_TRUE(FileLock::try_acquire(path, LOCK_SH));
    EXPECT_FALSE(FileLock::try_acquire(path, LOCK_EX));
    EXPECT_FALSE(FileLock::try_acquire_existing(path, LOCK_EX));
  }
  EXPECT_TRUE(FileLock::try_acquire(path, LOCK_EX));
  EXPECT_FALSE(FileLock::acquire_existing(temporary.path() / "nothing", LOCK_SH));
}

TEST(FileLockTest, ProcessesExcludeEachOtherEvenWhileTheFileIsUnlinked) {
  TemporaryDirectory temporary;
  auto path = temporary.path() / "lock";
  auto inside = temporary.path() / "inside";
  std::vector<pid_t> children;
  for (int i = 0; i < 8; ++i) {
    children.push_back(fork_child([&] {
      for (int round = 0; round < 200; ++round) {
        auto lock = FileLock::acquire(path, LOCK_EX);
        if (::mkdir(inside.c_str(), 0755) != 0) return 1;  // somebody else is inside
        ::rmdir(inside.c_str());
        if (round % 3 == 0) ::unlink(path.c_str());
      }
      return 0;
    }));
  }
  for (pid_t child : children) EXPECT_EQ(wait_for(child), 0);
}

}  // namespace
}  // namespace karapace
