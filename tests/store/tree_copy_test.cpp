// SPDX-License-Identifier: Apache-2.0
#include "store/tree_copy.hpp"

#include <atomic>
#include <thread>

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "store/scan.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace::store {
namespace {

namespace fs = std::filesystem;

class TreeCopyTest : public testing::Test {
 protected:
  explicit TreeCopyTest(const fs::path& place = {}) : temporary_("karapace", place) {
    fs::create_directory(from());
    options_.scan.label = "the changes";
    options_.scan.times = Times::nanoseconds;
  }

  fs::path from() const { return temporary_.path() / "from"; }
  fs::path to(std::string_view name = "to") const { return temporary_.path() / name; }
  void write(const std::string& path, std::string_view content, timespec time = {1000, 123'456'789}) {
    fs::create_directories((from() / path).parent_path());
    write_file_atomically(from() / path, content, Durable::no);
    set_time(path, time);
  }
  void set_time(const std::string& path, timespec time) {
    const timespec times[2] = {time, time};
    ASSERT_EQ(::utimensat(AT_FDCWD, (from() / path).c_str(), times, AT_SYMLINK_NOFOLLOW), 0) << path;
  }
  void xattr(const std::string& path, const char* name, std::string_view value) {
    ASSERT_EQ(::setxattr((from() / path).c_str(), name, value.data(), value.size(), 0), 0) << path << name;
  }
  Listing listing(const fs::path& tree) const {
    return scan(open_at(AT_FDCWD, tree, O_RDONLY | O_DIRECTORY).get(), options_.scan);
  }
  CopiedTree copy(const fs::path& source, const fs::path& target) {
    fs::create_directory(target);
    return copy_tree(open_at(AT_FDCWD, source, O_RDONLY | O_DIRECTORY).get(),
                     open_at(AT_FDCWD, target, O_RDONLY | O_DIRECTORY).get(), options_);
  }
  static struct stat status(const fs::path& path) {
    struct stat status{};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
    return status;
  }

  /// Everything that a listing can say.
  void make_one_of_each() {
    write("etc/passwd", "root");
    write(std::string("odd \n\xff\\ name/") + std::string(230, 'n'), "odd");
    write("a/second", "linked");
    fs::create_hard_link(from() / "a/second", from() / "first");
    fs::create_hard_link(from() / "a/second", from() / "z");
    write("set-id", "x");
    ::chmod((from() / "set-id").c_str(), 06711);
    write("attributes", "x");
    xattr("attributes", "user.note", std::string("\0\xff=", 3));
    fs::create_symlink("/etc/shadow", from() / "link");
    set_time("link", {-5, 999'999'999});
    ASSERT_EQ(::mkfifo((from() / "pipe").c_str(), 0640), 0);
    fs::create_directory(from() / "closed");
    write("closed/inside", "x");
    xattr("closed", "user.overlay.opaque", "y");
    xattr("closed", "user.overlay.overlay.opaque", "y");
    write("empty", "");
    make_sparse("sparse");
    if (::geteuid() != 0) return;
    ASSERT_EQ(::mknod((from() / "gone").c_str(), S_IFCHR, 0), 0);
    ASSERT_EQ(::lchown((from() / "link").c_str(), 5, 6), 0);
    ASSERT_EQ(::chown((from() / "etc/passwd").c_str(), 7, 4'294'967'294), 0);
    std::string capability("\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
    xattr("set-id", "security.capability", capability);
    const std::string acl(
        "\2\0\0\0\1\0\7\0\xff\xff\xff\xff\2\0\4\0\5\0\0\0\4\0\0\0\xff\xff\xff\xff"
        "\20\0\7\0\xff\xff\xff\xff\40\0\0\0\xff\xff\xff\xff",
        44);
    xattr("attributes", "system.posix_acl_access", acl);
    xattr("closed", "system.posix_acl_default", acl);
    ::chmod((from() / "closed").c_str(), 02500);
  }

  void make_sparse(const std::string& path) {
    const Fd fd = open_at(AT_FDCWD, from() / path, O_RDWR | O_CREAT, 0644);
    ASSERT_EQ(::ftruncate(fd.get(), 64 << 20), 0);
    ASSERT_EQ(::pwrite(fd.get(), "middle", 6, 20 << 20), 6);
  }

  TemporaryDirectory temporary_;
  TreeCopyOptions options_;
};

TEST_F(TreeCopyTest, EverythingComesBackAsItWas) {
  make_one_of_each();
  const auto original = listing(from());
  for (unsigned threads : {1U, 4U}) {
    options_.scan.threads = threads;
    const auto target = to(fmt::format("to {}", threads));
    EXPECT_EQ(copy(from(), target).listing.text(), original.text());
    EXPECT_EQ(listing(target).text(), original.text());
    EXPECT_EQ(status(target / "first").st_ino, status(target / "z").st_ino);
    EXPECT_LE(status(target / "sparse").st_blocks, status(from() / "sparse").st_blocks);
  }
}

TEST_F(TreeCopyTest, TheKernelsNotesAreNotCopied) {
  write("a", "x");
  xattr("a", "user.overlay.origin", "of another file system");
  copy(from(), to());
  char value[64];
  EXPECT_LT(::getxattr((to() / "a").c_str(), "user.overlay.origin", value, sizeof value), 0);
}

TEST_F(TreeCopyTest, WhatAnEarlierTreeHasIsSharedWithIt) {
  for (int i = 0; i < 20; ++i) write(fmt::format("d/{}", i), std::string(10'000, static_cast<char>('a' + i)));
  write("linked", "linked");
  fs::create_hard_link(from() / "linked", from() / "d/linked");
  write("time", "same");
  const auto first = copy(from(), to());
  write("d/3", std::string(10'000, 'X'));  // of the same time
  write("time", "same", {1000, 1});
  const auto tree = open_at(AT_FDCWD, to(), O_RDONLY | O_DIRECTORY);
  options_.earlier.emplace(EarlierTree{tree.get(), first.listing});
  const auto second = copy(from(), to("again"));
  EXPECT_EQ(second.listing.text(), listing(from()).text());
  EXPECT_EQ(second.listing.text(), listing(to("again")).text());
  EXPECT_EQ(second.written, 10'004U);
  for (const char* path : {"d/1", "linked", "d/linked"})
    EXPECT_EQ(status(to() / path).st_ino, status(to("again") / path).st_ino) << path;
  for (const char* path : {"d/3", "time"})
    EXPECT_NE(status(to() / path).st_ino, status(to("again") / path).st_ino) << path;
}

TEST_F(TreeCopyTest, NamesThatAreNoLongerLinkedAreNotLinkedByAnEarlierTree) {
  write("a", "same");
  fs::create_hard_link(from() / "a", from() / "b");
  const auto first = copy(from(), to());
  fs::remove(from() / "b");
  write("b", "same");
  const auto tree = open_at(AT_FDCWD, to(), O_RDONLY | O_DIRECTORY);
  options_.earlier.emplace(EarlierTree{tree.get(), first.listing});
  copy(from(), to("again"));
  EXPECT_NE(status(to("again") / "a").st_ino, status(to("again") / "b").st_ino);
  EXPECT_EQ(listing(to("again")).text(), listing(from()).text());
}

TEST_F(TreeCopyTest, ADamagedOriginalIsNamedByWhatDiffers) {
  write("a", "as it was");
  set_time("", {1000, 0});
  const auto expected = listing(from());
  write("a", "as it isn");
  set_time("", {1000, 0});
  options_.expected = &expected;
  EXPECT_EQ(error_of([&] { copy(from(), to()); }),
            "the changes is damaged: 1 of its 2 paths differ from its listing\n  a: content");
}

TEST_F(TreeCopyTest, AFileThatChangesWhileItIsCopiedIsRefusedAndTheEarlierTreeLeftAsItIs) {
  const std::string content(32 << 20, 'x');
  write("a", content);
  const auto first = copy(from(), to());
  const auto tree = open_at(AT_FDCWD, to(), O_RDONLY | O_DIRECTORY);
  options_.earlier.emplace(EarlierTree{tree.get(), first.listing});
  std::atomic<bool> ends = false;
  std::jthread writer([&] {
    const Fd fd = open_at(AT_FDCWD, from() / "a", O_WRONLY);
    while (!ends) EXPECT_EQ(::pwrite(fd.get(), "x", 1, 5), 1);
  });
  EXPECT_EQ(error_of([&] { copy(from(), to("again")); }),
            "the changes: \"/a\" changed while it was read; stop its writer and try again");
  ends = true;
  EXPECT_EQ(listing(to()).text(), first.listing.text());
}

/// Where making a file costs little.
class LargeTreeCopyTest : public TreeCopyTest {
 protected:
  LargeTreeCopyTest() : TreeCopyTest("/dev/shm") {}
};

TEST_F(LargeTreeCopyTest, DeepAndWideTreesAreCopied) {
  std::string deep;
  for (int depth = 0; depth < 200; ++depth) deep += (depth ? "/d" : "d");
  write(deep + "/file", "x");
  fs::create_directory(from() / "wide");
  const auto wide = open_at(AT_FDCWD, from() / "wide", O_RDONLY | O_DIRECTORY);
  for (int i = 0; i < 100'000; ++i) ASSERT_EQ(::mknodat(wide.get(), std::to_string(i).c_str(), S_IFREG | 0644, 0), 0);
  options_.scan.threads = 2;
  const auto copied = copy(from(), to());
  EXPECT_EQ(copied.listing.entries().size(), 100'203U);
  EXPECT_EQ(listing(to()).id(), copied.listing.id());
}

}  // namespace
}  // namespace karapace::store
