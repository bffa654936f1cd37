// SPDX-License-Identifier: Apache-2.0
#include "store/changes.hpp"

#include <map>
#include <random>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "store/scan.hpp"
#include "tests/skipping.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace::store {
namespace {

namespace fs = std::filesystem;

/// "M etc/passwd content,mode", "R new < old mode".
std::string shown(const Change& change) {
  std::string text{"AMDR"[static_cast<int>(change.kind)], ' '};
  text += change.path.empty() ? "/" : change.path;
  if (!change.from.empty()) text += " < " + change.from;
  if (!change.aspects.empty()) text += fmt::format(" {}", fmt::join(change.aspects, ","));
  return text;
}

std::vector<std::string> shown(const Changes& changes) {
  std::vector<std::string> texts;
  for (const auto& change : changes.changes) texts.push_back(shown(change));
  return texts;
}

using Texts = std::vector<std::string>;

/// Trees made by hand as the kernel's overlay makes them.
class ChangesTest : public testing::Test {
 protected:
  explicit ChangesTest(const fs::path& place = {}) : temporary_("karapace", place) {
    for (const char* name : {"lower", "middle", "upper"}) fs::create_directory(path_ / name);
  }
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "whiteouts and owners need root, or a user namespace";
  }

  void write(const std::string& path, std::string_view content) {
    fs::create_directories((path_ / path).parent_path());
    write_file_atomically(path_ / path, content, Durable::no);
    set_time(path);
  }
  void directory(const std::string& path) { fs::create_directories(path_ / path); }
  void set_time(const std::string& path, timespec time = {1000, 0}) {
    const timespec times[2] = {time, time};
    ASSERT_EQ(::utimensat(AT_FDCWD, (path_ / path).c_str(), times, AT_SYMLINK_NOFOLLOW), 0);
  }
  void whiteout(const std::string& path) {
    fs::create_directories((path_ / path).parent_path());
    ASSERT_EQ(::mknod((path_ / path).c_str(), S_IFCHR, 0), 0);
  }
  void xattr(const std::string& path, const char* name, std::string_view value) {
    ASSERT_EQ(::setxattr((path_ / path).c_str(), name, value.data(), value.size(), 0), 0);
  }
  void opaque(const std::string& path) {
    fs::create_directories(path_ / path);
    xattr(path, "user.overlay.opaque", "y");
  }

  Changes changes() const {
    const auto upper = open_at(AT_FDCWD, path_ / "upper", O_RDONLY | O_DIRECTORY);
    return find_changes(upper.get(), {path_ / "lower", path_ / "middle"}, options_);
  }
  Texts texts() const { return shown(changes()); }

  TemporaryDirectory temporary_;
  const fs::path& path_ = temporary_.path();
  ChangesOptions options_;
};

TEST_F(ChangesTest, AnEmptyUpperDirectoryIsNoChange) {
  write("lower/etc/passwd", "root");
  EXPECT_EQ(texts(), Texts());
}

TEST_F(ChangesTest, AddedModifiedAndRemovedFilesAreTold) {
  write("lower/etc/passwd", "root");
  write("middle/etc/group", "wheel");
  write("lower/etc/gone", "x");
  write("upper/etc/passwd", "ROOT");
  write("upper/etc/group", "wheel!");
  write("upper/srv/new", "x!");
  whiteout("upper/etc/gone");
  EXPECT_EQ(texts(), (Texts{"D etc/gone", "M etc/group content", "M etc/passwd content", "A srv", "A srv/new"}));
}

TEST_F(ChangesTest, WhatWasOnlyCopiedUpIsNoChange) {
  write("lower/usr/bin/tool", "tool");
  xattr("lower/usr/bin/tool", "user.note", "n");
  write("upper/usr/bin/tool", "tool");
  xattr("upper/usr/bin/tool", "user.note", "n");
  xattr("upper/usr/bin/tool", "user.overlay.origin", "kernel");
  set_time("upper/usr/bin", {5, 7});
  EXPECT_EQ(texts(), Texts());
}

TEST_F(ChangesTest, EachAspectIsToldAlone) {
  for (const char* tree : {"lower", "upper"})
    for (const char* name : {"content", "mode", "owner", "time", "attributes", "same"})
      write(fmt::format("{}/{}", tree, name), "12345");
  fs::create_symlink("a", path_ / "lower/link");
  fs::create_symlink("b", path_ / "upper/link");
  for (const char* path : {"lower/link", "upper/link"}) set_time(path);
  write("upper/content", "12346");
  ::chmod((path_ / "upper/mode").c_str(), 0600);
  ASSERT_EQ(::chown((path_ / "upper/owner").c_str(), 7, 8), 0);
  set_time("upper/time", {1000, 1});
  xattr("upper/attributes", "user.note", "n");
  directory("lower/d");
  directory("upper/d");
  ::chmod((path_ / "upper/d").c_str(), 01777);
  write("lower/type", "x");
  directory("upper/type");
  EXPECT_EQ(texts(), (Texts{"M attributes attributes", "M content content", "M d mode", "M link target", "M mode mode",
                            "M owner owner", "M time time", "M type type"}));
}

TEST_F(ChangesTest, OwnersOfSingleIdModeAreInTheAttribute) {
  for (const char* tree : {"lower", "upper"}) {
    write(fmt::format("{}/a", tree), "x");
    write(fmt::format("{}/b", tree), "x");
    xattr(fmt::format("{}/a", tree), "user.karapace.owner", "5:6");
  }
  xattr("upper/b", "user.karapace.owner", "5:6");
  options_.owners = Owners::ignore;
  EXPECT_EQ(texts(), Texts{"M b owner"});
}

TEST_F(ChangesTest, WhatIsNoOwnerIsIgnored) {
  for (const auto owners : {Owners::ignore, Owners::from_disk}) {
    write("lower/a", "x");
    write("upper/a", "x");
    xattr("upper/a", "user.karapace.owner", "junk");
    options_.owners = owners;
    EXPECT_EQ(texts(), Texts{});
  }
}

TEST_F(ChangesTest, AWhiteoutAboveNothingIsNoChangeAndARemovedDirectoryStandsForAllInIt) {
  write("lower/usr/share/doc/a", "x");
  write("lower/etc/passwd", "x");
  whiteout("middle/etc/passwd");
  whiteout("upper/etc/passwd");
  whiteout("upper/never");
  whiteout("upper/usr/share/doc");
  EXPECT_EQ(texts(), Texts{"D usr/share/doc"});
}

TEST_F(ChangesTest, AnOpaqueDirectoryRemovesWhatItDoesNotHave) {
  write("lower/etc/passwd", "root");
  write("lower/etc/conf/a", "a");
  write("lower/etc/conf/deep/b", "b");
  write("middle/etc/group", "g");
  whiteout("middle/etc/hidden");
  write("lower/etc/hidden", "h");
  opaque("upper/etc");
  write("upper/etc/passwd", "root");
  write("upper/etc/conf/deep/c", "c!");
  EXPECT_EQ(texts(), (Texts{"D etc/conf/a", "D etc/conf/deep/b", "A etc/conf/deep/c", "D etc/group"}));
}

TEST_F(ChangesTest, OpaqueDirectoriesOfLayersCutOffWhatIsBelowThem) {
  write("lower/etc/below", "x");
  opaque("middle/etc");
  write("middle/etc/kept", "k");
  whiteout("upper/etc/below");
  write("upper/etc/kept", "k");
  EXPECT_EQ(texts(), Texts());
  write("upper/etc/below", "x");
}

TEST_F(ChangesTest, MarksOfOtherOverlaysAreFiles) {
  write("lower/etc/passwd", "root");
  write("upper/etc/.wh.passwd", "");
  write("upper/etc/.wh..wh..opq", "");
  xattr("upper/etc", "user.fuseoverlayfs.opaque", "y");
  EXPECT_EQ(texts(), (Texts{"M etc attributes", "A etc/.wh..wh..opq", "A etc/.wh.passwd"}));
}

TEST_F(ChangesTest, RenamesAreFoundByContentAlsoOutOfDirectoriesThatAreGone) {
  write("lower/opt/old/a", "the first");
  write("lower/opt/old/sub/b", "the second");
  write("lower/opt/old/sub/c", "other");
  write("lower/file", "the third");
  whiteout("upper/opt/old");
  whiteout("upper/file");
  write("upper/opt/new/a", "the first");
  write("upper/opt/new/sub/b", "the second");
  write("upper/moved", "the third");
  ::chmod((path_ / "upper/moved").c_str(), 0600);
  write("upper/copy", "the third");
  EXPECT_EQ(texts(), (Texts{"R copy < file", "A moved", "A opt/new", "R opt/new/a < opt/old/a", "A opt/new/sub",
                            "R opt/new/sub/b < opt/old/sub/b", "D opt/old"}));
}

TEST_F(ChangesTest, TheScaffoldIsLeftOutWhileItIsUntouched) {
  write("lower/etc/machine-id", "");
  write("upper/etc/machine-id", "0123");
  directory("upper/mnt/project/inner");
  write("upper/mnt/socket", "");
  options_.scaffold = {{"mnt", ScaffoldKind::directory},
                       {"mnt/project", ScaffoldKind::directory},
                       {"mnt/project/inner", ScaffoldKind::directory},
                       {"mnt/socket", ScaffoldKind::file},
                       {"etc/machine-id", ScaffoldKind::filled, blake3("0123")},
                       {"never", ScaffoldKind::directory}};
  EXPECT_EQ(texts(), Texts());
  write("upper/mnt/project/mine", "x");
  write("upper/etc/machine-id", "4567");
  EXPECT_EQ(texts(), (Texts{"M etc/machine-id content", "A mnt", "A mnt/project", "A mnt/project/mine"}));
}

TEST_F(ChangesTest, SocketsAndDevicesAreToldAsWhatCanNotBeKept) {
  ASSERT_EQ(::mknod((path_ / "upper/null").c_str(), S_IFCHR | 0600, makedev(1, 3)), 0);
  const auto found = changes();
  EXPECT_EQ(found.left_out, Texts{"null"});
  EXPECT_TRUE(found.changes.empty());
}

TEST_F(ChangesTest, NoLinkIsFollowed) {
  write("outside/secret", "x");
  fs::create_symlink(path_ / "outside", path_ / "lower/etc");
  directory("upper/etc");
  write("upper/etc/secret", "x");
  EXPECT_EQ(texts(), (Texts{"M etc type", "A etc/secret"}));
  fs::create_symlink("/", path_ / "upper/root");
  EXPECT_EQ(texts(), (Texts{"M etc type", "A etc/secret", "A root"}));
}

/// Where making a file costs little.
class LargeChangesTest : public ChangesTest {
 protected:
  LargeChangesTest() : ChangesTest("/dev/shm") {}
};

TEST_F(LargeChangesTest, DeepAndWideTreesAreCompared) {
  std::string deep;
  for (int depth = 0; depth < 200; ++depth) deep += (depth ? "/d" : "d");
  write("lower/" + deep + "/file", "below");
  write("upper/" + deep + "/file", "above");
  directory("upper/wide");
  const auto wide = open_at(AT_FDCWD, path_ / "upper/wide", O_RDONLY | O_DIRECTORY);
  for (int i = 0; i < 100'000; ++i) ASSERT_EQ(::mknodat(wide.get(), std::to_string(i).c_str(), S_IFREG | 0644, 0), 0);
  options_.threads = 2;
  const auto found = changes();
  EXPECT_EQ(found.changes.size(), 100'002U);
  EXPECT_EQ(shown(found.changes.front()), "M " + deep + "/file content");
}

// What a real overlay shows is the judge.

std::map<std::string, std::string> seen_in(const fs::path& tree) {
  std::map<std::string, std::string> seen;
  const auto listing = scan(open_at(AT_FDCWD, tree, O_RDONLY | O_DIRECTORY).get(), {.times = Times::nanoseconds});
  for (auto entry : listing.entries()) {
    if (entry.type == EntryType::directory) entry.mtime = entry.nanoseconds = 0;
    if (entry.type == EntryType::hardlink) {
      auto path = entry.path;
      entry = *listing.find(entry.target);
      entry.path = std::move(path);
    }
    seen[entry.path] =
        fmt::format("{} {:o} {}:{} {}.{} {} {} {}", static_cast<char>(entry.type), entry.mode, entry.uid, entry.gid,
                    entry.mtime, entry.nanoseconds, entry.content.hex(), entry.target, entry.xattrs.size());
  }
  return seen;
}

bool is_below_one_of(const std::string& path, const std::set<std::string>& tops) {
  for (auto slash = path.rfind('/'); slash != path.npos && slash > 0; slash = path.rfind('/', slash - 1))
    if (tops.contains(path.substr(0, slash))) return true;
  return false;
}

/// As find_changes tells it, but by looking at everything; renames as what they are made of.
std::set<std::string> differences_of(const fs::path& before_tree, const fs::path& after_tree) {
  const auto before = seen_in(before_tree);
  const auto after = seen_in(after_tree);
  std::set<std::string> texts, gone;
  for (const auto& [path, what] : before) {
    const auto now = after.find(path);
    const bool is_gone = now == after.end() || (what[0] == 'd' && now->second[0] != 'd');
    if (is_gone && what[0] == 'd') gone.insert(path);
    if (now == after.end() && !is_below_one_of(path, gone)) texts.insert("D " + path);
    if (now != after.end() && now->second != what) texts.insert("M " + path);
  }
  for (const auto& [path, what] : after)
    if (!before.contains(path)) texts.insert("A " + path);
  return texts;
}

std::set<std::string> plain(const Changes& changes) {
  std::set<std::string> texts, gone;
  for (const auto& change : changes.changes)
    if (change.kind == ChangeKind::removed) gone.insert(change.path);
  for (const auto& change : changes.changes) {
    const bool is_rename = change.kind == ChangeKind::renamed;
    texts.insert(fmt::format("{} {}", is_rename ? 'A' : "AMD"[static_cast<int>(change.kind)], change.path));
    if (is_rename && !gone.contains(change.from) && !is_below_one_of(change.from, gone))
      texts.insert("D " + change.from);
  }
  return texts;
}

class Disturber {
 public:
  Disturber(fs::path root, unsigned seed) : root_(std::move(root)), random_(seed) {}

  void disturb(int times) {
    for (int i = 0; i < times; ++i) one();
  }

 private:
  fs::path any() {
    fs::path path = root_;
    for (auto depth = 1 + random_() % 3; depth > 0; --depth)
      path /= std::string(1, static_cast<char>('a' + random_() % 5));
    return path;
  }
  void write(const fs::path& path) {
    const int fd =
        ::open(path.c_str(),
               O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | (random_() % 2 ? O_TRUNC : O_APPEND), 0644);
    if (fd < 0) return;
    const auto text = std::to_string(random_() % 20);
    EXPECT_GE(::write(fd, text.data(), text.size()), 0);
    ::close(fd);
  }
  void one() {
    const auto path = any();
    std::error_code ignored;
    switch (random_() % 10) {
      case 0:
      case 1: ::mkdir(path.c_str(), 0755); break;
      case 2:
      case 3: write(path); break;
      case 4: fs::remove_all(path, ignored); break;
      case 5: fs::rename(path, any(), ignored); break;
      case 6: ::chmod(path.c_str(), random_() % 2 ? 0700 : 0755); break;
      case 7: fs::create_symlink(std::to_string(random_() % 3), path, ignored); break;
      case 8: fs::create_hard_link(path, any(), ignored); break;
      case 9: ::setxattr(path.c_str(), "user.note", "n", 1, 0); break;
    }
  }
  fs::path root_;
  std::mt19937 random_;
};

/// 0, or 77 where overlays can not be mounted.
int compare_with_overlay(const fs::path& path, unsigned seed) {
  if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return 77;
  for (const char* name : {"lower", "middle", "upper", "work", "merged", "before"}) fs::create_directory(path / name);
  const auto mount = [&](const std::string& options, const char* place) {
    return ::mount("overlay", (path / place).c_str(), "overlay", 0, options.c_str()) == 0;
  };
  Disturber(path / "lower", seed).disturb(60);
  const auto first = fmt::format("userxattr,lowerdir={0}/lower,upperdir={0}/middle,workdir={0}/work", path.string());
  if (!mount(first, "merged")) return 77;
  Disturber(path / "merged", seed + 1).disturb(60);
  ::umount((path / "merged").c_str());
  const auto lowers = fmt::format("userxattr,lowerdir={0}/middle:{0}/lower", path.string());
  fs::create_directory(path / "work2");
  if (!mount(lowers, "before")) return 77;
  if (!mount(fmt::format("{0},upperdir={1}/upper,workdir={1}/work2", lowers, path.string()), "merged")) return 77;
  Disturber(path / "merged", seed + 2).disturb(80);
  const auto expected = differences_of(path / "before", path / "merged");
  const auto upper = open_at(AT_FDCWD, path / "upper", O_RDONLY | O_DIRECTORY);
  const auto found = plain(find_changes(upper.get(), {path / "lower", path / "middle"}, {}));
  ::umount((path / "merged").c_str());
  ::umount((path / "before").c_str());
  if (found == expected) return 0;
  fmt::print(stderr, "seed {}: expected\n  {}\nfound\n  {}\n", seed, fmt::join(expected, "\n  "),
             fmt::join(found, "\n  "));
  return 1;
}

TEST_F(ChangesTest, TheyAreWhatAnOverlayShows) {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    TemporaryDirectory place;
    const int status = wait_for(fork_child([&] { return compare_with_overlay(place.path(), 10 * seed); }));
    if (status == 77) KARAPACE_SKIP_TEST("no overlays here");
    ASSERT_EQ(status, 0) << seed;
  }
}

class DifferingPathsTest : public ChangesTest {
 protected:
  Texts differing(const std::vector<PathQuestion>& questions) const {
    return differing_paths({path_ / "lower", path_ / "middle"}, {path_ / "lower", path_ / "upper"}, questions,
                           options_);
  }
  Texts differing(const Texts& paths) const {
    std::vector<PathQuestion> questions;
    for (const auto& path : paths) questions.push_back({path});
    return differing(questions);
  }
};

TEST_F(DifferingPathsTest, OnlyWhatTwoStacksShowDifferentlyIsNamed) {
  for (const char* name : {"shared", "hidden", "changed", "mode"}) write(fmt::format("lower/etc/{}", name), "old");
  write("middle/etc/changed", "one");
  write("upper/etc/changed", "two");
  write("middle/etc/same", "same");
  write("upper/etc/same", "same");
  set_time("upper/etc/same", {77, 0});
  write("middle/etc/only", "one");
  write("upper/etc/mode", "old");
  ::chmod((path_ / "upper/etc/mode").c_str(), 0600);
  whiteout("upper/etc/hidden");
  EXPECT_EQ(differing({"etc", "etc/changed", "etc/hidden", "etc/mode", "etc/never", "etc/only", "etc/same",
                       "etc/shared", "etc/shared/below", ""}),
            (Texts{"etc/changed", "etc/hidden", "etc/mode", "etc/only"}));
}

TEST_F(DifferingPathsTest, WhatOneStackShowsOtherwiseThanAnotherIsToldAsChanges) {
  for (const char* name : {"a", "b", "c", "d"}) write(fmt::format("lower/etc/{}", name), "old");
  write("lower/usr/share/x", "x");
  write("middle/etc/a", "one");
  write("middle/etc/only", "before");
  write("middle/srv/in/a", "gone with its directory");
  whiteout("middle/etc/d");
  write("upper/etc/a", "two");
  whiteout("upper/etc/b");
  whiteout("upper/etc/d");
  write("upper/opt/new/a", "a");
  write("upper/etc/c", "old");  // copied up
  directory("middle/mnt");
  auto options = options_;
  directory("upper/host");
  options.scaffold = {{"host", ScaffoldKind::directory, {}}};
  const auto changes = changes_between({path_ / "lower", path_ / "middle"}, {path_ / "lower", path_ / "upper"},
                                       {{"mnt", ScaffoldKind::directory, {}}}, options);
  EXPECT_EQ(shown(changes),
            (Texts{"M etc/a content", "D etc/b", "D etc/only", "A opt", "A opt/new", "A opt/new/a", "D srv"}));
  EXPECT_TRUE(changes_between({path_ / "lower", path_ / "upper"}, {path_ / "lower", path_ / "upper"}, {}, options)
                  .changes.empty());
}

TEST_F(DifferingPathsTest, WholeTreesAreComparedWhereThatIsAsked) {
  write("lower/usr/share/doc/a", "a");
  write("middle/usr/lib/x/y/z", "1");
  write("upper/usr/lib/x/y/z", "2");
  using enum PathQuestion::Extent;
  EXPECT_EQ(differing({{"usr/share", tree}, {"usr/lib", entry}, {"usr/lib", tree}, {"usr", tree}}),
            (Texts{"usr/lib", "usr"}));
}

}  // namespace
}  // namespace karapace::store
