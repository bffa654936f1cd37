// SPDX-License-Identifier: Apache-2.0
#include "store/snapshot.hpp"

#include <cstring>
#include <thread>

#include <fmt/format.h>
#include <sys/stat.h>
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

class SnapshotTest : public StoreTest {
 protected:
  SnapshotTest() : environment_(environment_of(store_, "content")) {
    add_root(store_, root_of(environment_, "content"));
    instance_ = open_instance(store_, {environment_.id, root_of(environment_, "content"), {}});
  }

  void write(const std::string& path, std::string_view content) {
    fs::create_directories((instance_.upper() / path).parent_path());
    write_file_atomically(instance_.upper() / path, content, Durable::no);
  }
  Committed commit(std::string message = {}) {
    return commit_snapshot(store_, instance_, std::move(message), SnapshotOptions());
  }
  void restore(const Snapshot& snapshot) {
    const auto held = own_instance(store_, instance_);
    ASSERT_TRUE(held);
    restore_snapshot(store_, held->instance, snapshot, snapshot.environment, SnapshotOptions());
    instance_ = find_instance(store_, instance_.id).value();
  }
  Listing changes() const {
    ScanOptions options;
    options.times = Times::nanoseconds;
    return scan(open_at(AT_FDCWD, instance_.upper(), O_RDONLY | O_DIRECTORY).get(), options);
  }

  Environment environment_;
  Instance instance_;
};

TEST_F(SnapshotTest, WhatWasCommittedComesBackExactly) {
  write("etc/motd", "hello");
  fs::create_hard_link(instance_.upper() / "etc/motd", instance_.upper() / "linked");
  fs::create_symlink("/etc/shadow", instance_.upper() / "link");
  ASSERT_EQ(::mkfifo((instance_.upper() / "pipe").c_str(), 0640), 0);
  ASSERT_EQ(::setxattr((instance_.upper() / "etc").c_str(), "user.overlay.opaque", "y", 1, 0), 0);
  if (::geteuid() == 0) {
    ASSERT_EQ(::mknod((instance_.upper() / "gone").c_str(), S_IFCHR, 0), 0);
  }
  const auto before = changes();
  const auto committed = commit("a message \xff");
  EXPECT_TRUE(committed.is_new);
  EXPECT_EQ(committed.snapshot.id, before.id());
  write("etc/motd", "else");
  fs::remove(instance_.upper() / "link");
  restore(find_snapshot(instance_, committed.snapshot.id.hex().substr(0, 6)));
  EXPECT_EQ(changes().text(), before.text());
  const auto all = snapshots(instance_);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all.front().message, "a message \xff");
  EXPECT_EQ(all.front().environment, environment_.id);
}

TEST_F(SnapshotTest, OneGoesWhenItIsNamedAndTheOthersStayWhole) {
  write("etc/motd", "shared by both");
  const auto first = commit("first").snapshot;
  write("etc/more", "more");
  const auto second = commit("second").snapshot;
  EXPECT_THROW(remove_snapshot(store_, instance_, ""), NotFoundError);
  EXPECT_THROW(remove_snapshot(store_, instance_, "0000000000"), NotFoundError);
  const auto removed = remove_snapshot(store_, instance_, first.id.hex().substr(0, 8));
  EXPECT_EQ(removed.id, first.id);
  EXPECT_EQ(removed.snapshot->message, "first");
  ASSERT_EQ(snapshots(instance_).size(), 1U);
  restore(second);
  EXPECT_EQ(read_file(instance_.upper() / "etc/motd"), "shared by both");
  EXPECT_TRUE(commit().snapshot.id == second.id);
}

TEST_F(SnapshotTest, ADamagedOneCanBeRemoved) {
  write("etc/motd", "hello");
  const auto snapshot = commit().snapshot;
  for (const char* copy : {"snapshot.json", "snapshot.json.copy"})
    write_file_atomically(snapshot.directory / copy, "", Durable::no);
  const auto removed = remove_snapshot(store_, instance_, snapshot.id.hex());
  EXPECT_FALSE(removed.snapshot);
  EXPECT_TRUE(snapshots(instance_).empty());
  EXPECT_TRUE(commit().is_new);
}

TEST_F(SnapshotTest, NoneIsRemovedWhileOneIsReadOrMade) {
  write("etc/motd", "hello");
  const auto snapshot = commit().snapshot;
  auto reading = hold_snapshots(instance_);
  ASSERT_TRUE(reading);
  std::jthread remover([&] { remove_snapshot(store_, instance_, snapshot.id.hex()); });
  ::usleep(100'000);
  EXPECT_EQ(snapshots(instance_).size(), 1U);
  reading.reset();
  remover.join();
  EXPECT_TRUE(snapshots(instance_).empty());
}

TEST_F(SnapshotTest, NoOwnerThatACommandNotedIsBelieved) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  for (const auto* text : {"0:0", "7:7", "70000:0", "junk"}) {
    write("su", text);
    const auto path = instance_.upper() / "su";
    ASSERT_EQ(::chown(path.c_str(), 1000, 1000), 0);
    ASSERT_EQ(::chmod(path.c_str(), 06755), 0);
    ASSERT_EQ(::setxattr(path.c_str(), "user.karapace.owner", text, std::strlen(text), 0), 0);
    restore(commit().snapshot);
    struct stat status{};
    ASSERT_EQ(::stat((instance_.upper() / "su").c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, 1000U) << text;
    EXPECT_EQ(status.st_gid, 1000U) << text;
    EXPECT_EQ(status.st_mode & 07777, 06755U) << text;
  }
}

TEST_F(SnapshotTest, WhatIsNoOwnerIsToldAndKeptAsRootsInSingleIdStores) {
  write("a", "x");
  write("b", "x");
  ASSERT_EQ(::setxattr((instance_.upper() / "a").c_str(), "user.karapace.owner", "junk", 4, 0), 0);
  ASSERT_EQ(::setxattr((instance_.upper() / "b").c_str(), "user.karapace.owner", "5:6", 3, 0), 0);
  const auto committed = commit_snapshot(store_, instance_, "", {.owners = Owners::ignore});
  EXPECT_EQ(committed.no_owner, std::vector<std::string>{"a"});
  const auto listing = listing_of(committed.snapshot);
  EXPECT_EQ(listing.find("a")->uid, 0U);
  EXPECT_EQ(listing.find("b")->gid, 6U);
}

TEST_F(SnapshotTest, AFileOfMoreHolesThanCanBeReadIsRefusedByName) {
  write("disk", "");
  if (::truncate((instance_.upper() / "disk").c_str(), off_t{1} << 40) != 0)
    KARAPACE_SKIP_TEST("no file can have 1 TiB");
  EXPECT_EQ(error_of([&] { commit(); }),
            "commit: \"/disk\" has holes of 1024 GiB, and what is kept may have 16: remove it or make it shorter");
}

TEST_F(SnapshotTest, TheSameTreeTwiceStoresNothing) {
  write("etc/motd", "hello");
  const auto first = commit("first");
  const auto second = commit("second");
  EXPECT_FALSE(second.is_new);
  EXPECT_EQ(second.snapshot.id, first.snapshot.id);
  EXPECT_EQ(second.snapshot.message, "first");
  EXPECT_EQ(second.written, 0U);
  EXPECT_EQ(snapshots(instance_).size(), 1U);
}

TEST_F(SnapshotTest, ASecondOneGrowsByWhatChangedAndKnowsItsParent) {
  for (int i = 0; i < 10; ++i) write(fmt::format("srv/{}", i), std::string(1000, static_cast<char>('a' + i)));
  const auto first = commit();
  EXPECT_EQ(first.written, 10'000U);
  EXPECT_FALSE(first.snapshot.parent);
  write("srv/3", std::string(500, 'x'));
  const auto second = commit();
  EXPECT_EQ(second.written, 500U);
  EXPECT_EQ(second.snapshot.parent, first.snapshot.id);
  restore(first.snapshot);
  write("srv/4", "else");
  EXPECT_EQ(commit().snapshot.parent, first.snapshot.id);
}

TEST_F(SnapshotTest, ARestoreIsUndoneByAnExchange) {
  write("file", "of the snapshot");
  const auto snapshot = commit().snapshot;
  write("file", "of today");
  const auto today = changes();
  restore(snapshot);
  EXPECT_EQ(read_file(instance_.upper() / "file"), "of the snapshot");
  ASSERT_TRUE(exchange_generations(instance_.directory));
  instance_ = find_instance(store_, instance_.id).value();
  EXPECT_EQ(changes().text(), today.text());
}

TEST_F(SnapshotTest, WhatUndoBringsBackAndCanNotBeKeptIsNamedAsThat) {
  write("file", "of the snapshot");
  const auto snapshot = commit().snapshot;
  write("disk", "");
  if (::truncate((instance_.upper() / "disk").c_str(), off_t{1} << 40) != 0)
    KARAPACE_SKIP_TEST("no file can have 1 TiB");
  restore(snapshot);
  EXPECT_EQ(
      error_of([&] { keep_previous(store_, instance_, SnapshotOptions()); }),
      "what `karapace undo` would bring back is kept before it is replaced, and can not be: commit: \"/disk\" has "
      "holes of 1024 GiB, and what is kept may have 16: remove it or make it shorter; bring it back with "
      "`karapace undo`, remove that, and try again");
}

TEST_F(SnapshotTest, ADamagedOneChangesNothingAndDoesNotKeepFromCommitting) {
  write("file", "of the snapshot");
  const auto snapshot = commit().snapshot;
  write("file", "of today");
  flip_byte(snapshot.tree() / "file");
  const auto held = own_instance(store_, instance_);
  EXPECT_EQ(error_of([&] { restore_snapshot(store_, held->instance, snapshot, environment_.id, SnapshotOptions()); }),
            fmt::format("the snapshot {} is damaged: 1 of its 2 paths differ from its listing\n  file: content",
                        snapshot.id.short_hex()));
  EXPECT_EQ(read_file(instance_.upper() / "file"), "of today");
  flip_byte(snapshot.directory / "listing");
  EXPECT_NE(error_of([&] { listing_of(snapshot); }).find("is damaged"), std::string::npos);
  EXPECT_TRUE(commit().is_new);
}

TEST_F(SnapshotTest, WhatIsInASnapshotDoesNotChangeWithTheInstance) {
  write("file", "as it was");
  const auto snapshot = commit().snapshot;
  restore(snapshot);
  const Fd file = open_at(AT_FDCWD, instance_.upper() / "file", O_WRONLY);
  ASSERT_EQ(::pwrite(file.get(), "X", 1, 0), 1);
  EXPECT_EQ(read_file(snapshot.tree() / "file"), "as it was");
}

TEST_F(SnapshotTest, ABeginningThatSeveralHaveOrNoneIsRefused) {
  write("file", "1");
  commit();
  EXPECT_EQ(error_of([&] { find_snapshot(instance_, "zz"); }),
            "the instance has no snapshot \"zz\"; `karapace snapshots` lists those it has");
  EXPECT_NE(error_of([&] { find_snapshot(instance_, ""); }).find("has no snapshot"), std::string::npos);
}

}  // namespace
}  // namespace karapace::store
