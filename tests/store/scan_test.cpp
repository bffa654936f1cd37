// SPDX-License-Identifier: Apache-2.0
#include "store/scan.hpp"

#include <atomic>
#include <thread>

#include <fmt/format.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "store/path_limit.hpp"
#include "tests/skipping.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace::store {
namespace {

/// A tree on the real file system.
class ScanTest : public testing::Test {
 protected:
  ScanTest() { directory(""); }

  std::filesystem::path at(std::string_view path) const { return path.empty() ? tree_ : tree_ / path; }
  void directory(std::string_view path) { ASSERT_EQ(::mkdir(at(path).c_str(), 0755), 0) << path; }
  void file(std::string_view path, std::string_view content) { write_file_atomically(at(path), content, Durable::no); }
  void xattr(std::string_view path, const char* name, std::string_view value) {
    ASSERT_EQ(::lsetxattr(at(path).c_str(), name, value.data(), value.size(), 0), 0) << path << ' ' << name;
  }
  Entry entry(std::string_view path, unsigned threads = 1) {
    auto listing = scan_path(tree_, threads);
    auto* found = listing.find(path);
    EXPECT_NE(found, nullptr) << path;
    return found ? *found : Entry{};
  }

  TemporaryDirectory temporary_;
  std::filesystem::path tree_ = temporary_.path() / "tree";
};

TEST_F(ScanTest, AFileIsListedWithModeTimeSizeAndDigest) {
  file("a", "content");
  ::chmod(at("a").c_str(), 04751);
  timespec times[2] = {{0, 0}, {-2, 999'999'999}};
  ::utimensat(AT_FDCWD, at("a").c_str(), times, 0);
  auto found = entry("a");
  EXPECT_EQ(found.type, EntryType::regular);
  EXPECT_EQ(found.mode, 04751u);
  EXPECT_EQ(found.mtime, -2);
  EXPECT_EQ(found.size, 7u);
  EXPECT_EQ(found.content, blake3("content"));
  EXPECT_EQ(found.uid, ::geteuid());
}

TEST_F(ScanTest, LinksAreReadAndNeverFollowed) {
  std::string target(3000, 'x');
  std::filesystem::create_symlink("/etc", at("absolute"));
  std::filesystem::create_symlink(target, at("long"));
  EXPECT_EQ(entry("absolute").target, "/etc");
  EXPECT_EQ(entry("long").target, target);
  EXPECT_EQ(scan_path(tree_).entries().size(), 3u);
}

TEST_F(ScanTest, WhiteoutsAndOpaqueDirectoriesAreTranslated) {
  if (::mknod(at("gone").c_str(), S_IFCHR | 0600, makedev(0, 0)) != 0) KARAPACE_SKIP_TEST("no whiteouts here");
  directory("opaque");
  xattr("opaque", "user.overlay.opaque", "y");
  directory("plain");
  xattr("plain", "user.overlay.origin", "kernel");
  EXPECT_EQ(entry("gone"), (Entry{.path = "gone", .type = EntryType::whiteout}));
  EXPECT_TRUE(entry("opaque").opaque);
  EXPECT_TRUE(entry("opaque").xattrs.empty());
  EXPECT_FALSE(entry("plain").opaque);
  EXPECT_TRUE(entry("plain").xattrs.empty());
}

TEST_F(ScanTest, OnlyTheKernelsMarksAreBelieved) {
  for (const char* path : {"a", "b", "c", "d"}) directory(path);
  file("a/.wh..wh..opq", "");
  file("a/.wh.b", "");
  xattr("b", "user.fuseoverlayfs.opaque", "y");
  xattr("c", "user.overlay.opaque", "x");
  xattr("d", "user.containers.override_stat", "0:0:0755");
  auto listing = scan_path(tree_);
  for (const char* path : {"a", "b", "c", "d"}) EXPECT_FALSE(listing.find(path)->opaque) << path;
  EXPECT_EQ(listing.find("a/.wh..wh..opq")->type, EntryType::regular);
  EXPECT_EQ(listing.find("a/.wh.b")->type, EntryType::regular);
  // What an overlay might believe shows in the listing, so that no two trees have the same.
  EXPECT_EQ(listing.find("b")->xattrs, (std::vector<Xattr>{{"user.fuseoverlayfs.opaque", "y"}}));
  EXPECT_EQ(listing.find("c")->xattrs, (std::vector<Xattr>{{"user.overlay.opaque", "x"}}));
  EXPECT_EQ(listing.find("d")->xattrs, (std::vector<Xattr>{{"user.containers.override_stat", "0:0:0755"}}));
  EXPECT_EQ(listing.format(), 2);
}

TEST_F(ScanTest, MarksOfANestedOverlayAreListedAsTheKernelPutsThemAway) {
  directory("a");
  xattr("a", "user.overlay.overlay.opaque", "y");
  auto listing = scan_path(tree_);
  EXPECT_FALSE(listing.find("a")->opaque);
  EXPECT_EQ(listing.find("a")->xattrs, (std::vector<Xattr>{{"user.overlay.overlay.opaque", "y"}}));
  EXPECT_EQ(listing.format(), 2);
  EXPECT_EQ(Listing::parse(listing.text(), "listing").entries(), listing.entries());
}

TEST_F(ScanTest, TimesHaveNanosecondsWhereTheyAreWanted) {
  file("a", "x");
  std::filesystem::create_symlink("a", at("l"));
  for (const char* path : {"a", "l", ""}) {
    timespec times[2] = {{0, 0}, {-2, 999'999'999}};
    ::utimensat(AT_FDCWD, at(path).c_str(), times, AT_SYMLINK_NOFOLLOW);
  }
  EXPECT_EQ(scan_path(tree_).format(), 1);
  ScanOptions options;
  options.times = Times::nanoseconds;
  auto listing = scan(open_at(AT_FDCWD, tree_, O_RDONLY).get(), options);
  for (const char* path : {"a", "l", ""}) {
    EXPECT_EQ(listing.find(path)->mtime, -2) << path;
    EXPECT_EQ(listing.find(path)->nanoseconds, 999'999'999U) << path;
  }
}

TEST_F(ScanTest, AFileThatChangesWhileItIsReadIsReadAgainOrRefused) {
  file("a", std::string(64 << 20, 'x'));
  std::atomic<bool> ends = false;
  std::jthread writer([&] {
    Fd fd = open_at(AT_FDCWD, at("a"), O_WRONLY);
    for (off_t place = 0; !ends; ++place) EXPECT_EQ(::pwrite(fd.get(), "y", 1, place), 1);
  });
  EXPECT_EQ(error_of([&] { scan_path(tree_); }),
            "tree: \"/a\" changed while it was read; stop its writer and try again");
  ends = true;
  writer.join();
  EXPECT_EQ(entry("a").size, 64U << 20);
}

TEST_F(ScanTest, HardLinksPointToTheNameThatSortsFirstWhateverOrderTheyWereMadeIn) {
  directory("b");
  file("b/made-first", "shared");
  xattr("b/made-first", "user.note", "kept");
  ::link(at("b/made-first").c_str(), at("c").c_str());
  ::link(at("b/made-first").c_str(), at("a").c_str());
  for (unsigned threads : {1u, 4u}) {
    auto first = entry("a", threads);
    EXPECT_EQ(first.type, EntryType::regular);
    EXPECT_EQ(first.content, blake3("shared"));
    EXPECT_EQ(first.xattrs, (std::vector<Xattr>{{"user.note", "kept"}}));
    EXPECT_EQ(entry("b/made-first", threads).target, "a");
    EXPECT_EQ(entry("c", threads), (Entry{.path = "c", .type = EntryType::hardlink, .target = "a"}));
  }
}

TEST_F(ScanTest, AFileWithANameOutsideTheTreeIsAPlainFile) {
  file("a", "x");
  ::link(at("a").c_str(), (temporary_.path() / "outside").c_str());
  EXPECT_EQ(entry("a").type, EntryType::regular);
}

TEST_F(ScanTest, OwnersComeFromTheXattrWhereThereIsOne) {
  file("a", "x");
  xattr("a", "user.karapace.owner", "33:44");
  auto found = entry("a");
  EXPECT_EQ(found.uid, 33u);
  EXPECT_EQ(found.gid, 44u);
  EXPECT_TRUE(found.xattrs.empty());
}

TEST_F(ScanTest, OwnersOnDiskCanBeIgnored) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  file("a", "x");
  ASSERT_EQ(::lchown(at("a").c_str(), 5, 6), 0);
  auto listing = scan(open_at(AT_FDCWD, tree_, O_RDONLY).get(), {.owners = Owners::ignore, .label = ""});
  EXPECT_EQ(listing.find("a")->uid, 0u);
  EXPECT_EQ(entry("a").uid, 5u);
  EXPECT_EQ(entry("a").gid, 6u);
}

TEST_F(ScanTest, AMalformedOwnerIsAnErrorThatNamesTheFile) {
  file("a", "x");
  xattr("a", "user.karapace.owner", "33");
  EXPECT_EQ(error_of([&] { scan_path(tree_); }), "tree: \"/a\": its attribute user.karapace.owner is not \"uid:gid\"");
}

TEST_F(ScanTest, OfSessionsOnlyRecordsOfIdsThatAreNotMappedAreBelievedAndOnlyAtRootsFiles) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  for (const char* name : {"unmapped", "half", "somebodys", "junk"}) file(name, "x");
  xattr("unmapped", "user.karapace.owner", "7:8");
  xattr("half", "user.karapace.owner", "0:70000");
  xattr("somebodys", "user.karapace.owner", "70000:70000");
  xattr("junk", "user.karapace.owner", "junk");
  xattr("junk", "user.karapace.acl_access", "junk");
  ASSERT_EQ(::chown(at("somebodys").c_str(), 7, 8), 0);
  const ScanOptions options{.label = "tree", .records = Records::of_sessions};
  EXPECT_EQ(scan(open_at(AT_FDCWD, tree_, O_RDONLY).get(), options).find("unmapped")->uid, 0U);
  const auto child = fork_child([&] {
    if (::unshare(CLONE_NEWUSER) != 0) return 77;
    write_all(open_at(AT_FDCWD, "/proc/self/setgroups", O_WRONLY).get(), "deny", "setgroups");
    for (const char* map : {"/proc/self/uid_map", "/proc/self/gid_map"})
      write_all(open_at(AT_FDCWD, map, O_WRONLY).get(), "0 0 1", "the map");
    const auto listing = scan(open_at(AT_FDCWD, tree_, O_RDONLY).get(), options);
    const auto owner = [&](const char* path) {
      return fmt::format("{}:{}", listing.find(path)->uid, listing.find(path)->gid);
    };
    if (owner("unmapped") != "7:8") return 1;
    if (owner("half") != "0:70000") return 2;
    if (owner("somebodys") != "65534:65534") return 3;
    return owner("junk") == "0:0" && listing.find("junk")->xattrs.empty() ? 0 : 4;
  });
  const int status = wait_for(child);
  if (status == 77) KARAPACE_SKIP_TEST("no user namespaces here");
  EXPECT_EQ(status, 0);
}

TEST_F(ScanTest, CapabilitiesAreListedInTheirPlainForm) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  file("a", "x");
  std::string v3{'\1', '\0', '\0', '\3'};
  v3 += std::string("\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
  std::string v2 = v3;
  v2[3] = 2;
  v3 += std::string("\xa0\x86\1\0", 4);  // the namespace's root is 100000
  xattr("a", "security.capability", v3);
  EXPECT_EQ(entry("a").xattrs, (std::vector<Xattr>{{"security.capability", v2}}));
}

TEST_F(ScanTest, FifosAreListedAndSocketsToldOf) {
  ASSERT_EQ(::mkfifo(at("pipe").c_str(), 0600), 0);
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  auto path = at("socket").native();
  ASSERT_LT(path.size(), sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(entry("pipe").type, EntryType::fifo);
  std::vector<std::string> told;
  ScanOptions options;
  options.left_out = [&](std::string_view left) { told.emplace_back(left); };
  EXPECT_EQ(scan(open_at(AT_FDCWD, tree_, O_RDONLY).get(), options).find("socket"), nullptr);
  EXPECT_EQ(told, std::vector<std::string>{"socket"});
}

TEST_F(ScanTest, DeviceNodesAreRefused) {
  if (::mknod(at("null").c_str(), S_IFCHR | 0600, makedev(1, 3)) != 0) KARAPACE_SKIP_TEST("no device nodes here");
  EXPECT_EQ(error_of([&] { scan_path(tree_); }),
            "tree: \"/null\" is a device node; a layer can not hold one: remove it");
}

TEST_F(ScanTest, WhatTheCallerLeavesOutIsNotListedNorWhatIsBelowIt) {
  directory("a");
  file("a/b", "");
  file("c", "");
  ScanOptions options;
  options.include = [](std::string_view path) { return path != "a"; };
  auto listing = scan(open_at(AT_FDCWD, tree_, O_RDONLY).get(), options);
  EXPECT_EQ(listing.entries().size(), 2u);
}

TEST_F(ScanTest, OddNamesAndDeepTreesAreScannedBySeveralThreadsAsByOne) {
  std::string path;
  for (int depth = 0; depth < 60; ++depth) {
    path += (depth ? "/" : "") + fmt::format("{:-<120}", depth);
    if (path.size() < 3000) {
      directory(path);
      file(path + "/\xff\n name", fmt::format("{}", depth));
    }
  }
  for (int i = 0; i < 500; ++i) file(fmt::format("file {}", i), std::string(static_cast<std::size_t>(i) * 997, 'x'));
  auto one = scan_path(tree_, 1);
  EXPECT_EQ(scan_path(tree_, 4).text(), one.text());
  EXPECT_EQ(Listing::parse(one.text(), "listing").entries(), one.entries());
}

TEST_F(ScanTest, PathsUpToTheLimitAreListedAndLongerOnesRefused) {
  std::string path(200, 'd');
  directory(path);
  while (path.size() + 201 <= longest_path) directory(path += '/' + std::string(200, 'd'));
  file(path + '/' + std::string(longest_path - path.size() - 1, 'f'), "x");
  auto listing = scan_path(tree_);
  EXPECT_EQ(listing.entries().back().path.size(), longest_path);
  EXPECT_EQ(Listing::parse(listing.text(), "listing").entries(), listing.entries());
  file(path + '/' + std::string(longest_path - path.size(), 'f'), "x");
  EXPECT_EQ(error_of([&] { scan_path(tree_); }),
            "tree: a path is longer than 3072 bytes, which nothing can work with: make it shorter; it begins with \"/" +
                std::string(80, 'd') + '"');
  Entry entry{.path = std::string(longest_path + 1, 'x'), .type = EntryType::directory};
  EXPECT_EQ(error_of([&] { Listing({{.path = "", .type = EntryType::directory}, entry}); }),
            "a listing can not hold this: a path is longer than 3072 bytes, which nothing can work with: make it "
            "shorter; it begins with \"/" +
                std::string(80, 'x') + '"');
}

}  // namespace
}  // namespace karapace::store
