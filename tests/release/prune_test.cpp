// SPDX-License-Identifier: Apache-2.0
// What pruning must not do: whatever is missing or can not be read, nothing goes that somebody needs.
#include <fstream>

#include <gmock/gmock.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/directory.hpp"
#include "release/kept_records.hpp"
#include "release/unfinished.hpp"
#include "release_fixture.hpp"
#include "tests/skipping.hpp"

namespace karapace::release {
namespace {

struct Prune : ReleaseTest {
  Prune() {
    install_of("1.0.0", "one");
    install_of("2.0.0", "two");
    install_of("3.0.0", "three");
    set_installed("1.0.0+1", 1);
    set_installed("2.0.0+1", 2);
    set_installed("3.0.0+1", 3);
  }
  Destination destination() const { return Destination::open(destination_); }
  fs::path own(const std::string& name) const { return destination_ / ".karapace" / name; }
  void set_installed(const std::string& version, long seconds) const {
    const timespec times[] = {{1000 + seconds, 0}, {1000 + seconds, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, own("installed/" + version).c_str(), times, 0), 0);
  }
  void overwrite(const fs::path& path, const std::string& text) const {
    fs::permissions(path, fs::perms::owner_write, fs::perm_options::add);
    std::ofstream(path, std::ios::trunc) << text;
  }
  void remove_from(const fs::path& directory, const std::string& name) const {
    fs::permissions(directory, fs::perms::owner_write, fs::perm_options::add);
    fs::remove(directory / name);
  }
  /// Names of all that a version or a package is.
  std::vector<std::string> names() const {
    auto all = names_in(destination_ / "store");
    for (const auto& name : names_in(destination_ / "versions")) all.push_back(name);
    return all;
  }
  void expect_refused(std::uint64_t keep, const std::string& why) const {
    const auto before = names();
    EXPECT_THAT(error_of([&] { prune(destination(), keep, PruneMode::remove, {}); }), HasSubstr(why));
    EXPECT_THAT(error_of([&] { prune(destination(), keep, PruneMode::dry_run, {}); }), HasSubstr(why));
    EXPECT_EQ(names(), before);
  }
};

TEST_F(Prune, RemovesNothingWhereAVersionHasLostItsDocument) {
  remove_from(destination_ / "versions/3.0.0+1", "release.json");
  expect_refused(9, "nothing is removed, as 3.0.0+1");
}

TEST_F(Prune, RemovesNothingWhereAVersionWasMovedAway) {
  // To move a directory elsewhere takes the right to write to it.
  fs::permissions(destination_ / "versions/3.0.0+1", fs::perms::owner_write, fs::perm_options::add);
  fs::rename(destination_ / "versions/3.0.0+1", temporary_.path() / "elsewhere");
  expect_refused(9, "nothing is removed, as 3.0.0+1");
  fs::create_directory_symlink(temporary_.path() / "elsewhere", destination_ / "versions/3.0.0+1");
  expect_refused(9, "nothing is removed, as 3.0.0+1");
  // Its name with a dot before it is no sign that somebody works on it.
  fs::remove(destination_ / "versions/3.0.0+1");
  fs::rename(temporary_.path() / "elsewhere", destination_ / "versions/.3.0.0+1");
  for (const auto* link : {"3", "3.0", "3.0.0", "latest", "stable"}) fs::remove(destination_ / "versions" / link);
  expect_refused(9, "nothing is removed, as 3.0.0+1");
  fs::rename(destination_ / "versions/.3.0.0+1", temporary_.path() / "elsewhere");
  fs::create_directory_symlink(temporary_.path() / "elsewhere", destination_ / "versions/3.0.0+1");
  // What was removed for good is forgotten as the message says.
  fs::remove(destination_ / "versions/3.0.0+1");
  fs::remove(own("installed/3.0.0+1"));
  EXPECT_THAT(prune(destination(), 9, PruneMode::remove, {}).entries, SizeIs(1));
}

TEST_F(Prune, GoesOnWhenTheSameBuildBroughtBackWhatWasLost) {
  remove_tree(destination_ / "versions/3.0.0+1");
  expect_refused(9, "nothing is removed, as 3.0.0+1");
  EXPECT_EQ(install_of("3.0.0", "three").version, "3.0.0+1");
  EXPECT_THAT(prune(destination(), 1, PruneMode::remove, {}).versions, SizeIs(2));
}

TEST_F(Prune, RemovesNothingWhereItIsNotKnownWhatAVersionWas) {
  fs::remove(own("installed/1.0.0+1"));
  auto document = destination().document("1.0.0+1");
  document.packages.pop_back();
  overwrite(destination_ / "versions/1.0.0+1/release.json", store::text(document));
  expect_refused(9, "not known what 1.0.0+1 was");
}

TEST_F(Prune, RemovesNothingWhereItIsNotKnownWhichVersionIsTheOldest) {
  choose_link(destination(), "stable", "2.0.0+1", {});
  choose_link(destination(), "latest", "2.0.0+1", {});
  overwrite(own("installed/3.0.0+1"), "damaged");
  expect_refused(2, "not known what 3.0.0+1 was");
  fs::remove(own("installed/3.0.0+1"));
  expect_refused(2, "not known what 3.0.0+1 was");
  // The same build brings it back.
  install_of("3.0.0", "three");
  EXPECT_THAT(prune(destination(), 2, PruneMode::remove, {}).versions, ElementsAre("1.0.0+1"));
}

TEST_F(Prune, RemovesNothingWhereADocumentCanNotBeRead) {
  overwrite(destination_ / "versions/1.0.0+1/release.json", "{");
  expect_refused(1, "the release.json of 1.0.0+1 can not be read");
}

/// These calls fail from now on, as on a disk that fails.
void refuse(unsigned call, unsigned other) {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, other, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EIO),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog program{.len = sizeof filter / sizeof *filter, .filter = filter};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    ::_exit(99);
}

#ifdef SYS_readlink
constexpr unsigned readlink_call = SYS_readlink;
#else
constexpr unsigned readlink_call = SYS_readlinkat;
#endif

TEST_F(Prune, RemovesNothingBeforeLinksAreOnTheDisk) {
  const auto versions = destination().versions();
  const auto entries = destination().entries();
  const auto child = store::fork_child([&] {
    refuse(SYS_fsync, SYS_fdatasync);
    return error_of([&] { prune(destination(), 1, PruneMode::remove, {}); }).empty() ? 1 : 0;
  });
  EXPECT_EQ(store::wait_for(child), 0);
  EXPECT_EQ(destination().versions(), versions);
  EXPECT_EQ(destination().entries(), entries);
  EXPECT_EQ(destination().resolve("stable"), "3.0.0+1");
}

TEST_F(Prune, RemovesNothingWhereLinksCanNotBeRead) {
  const auto before = names();
  const auto child = store::fork_child([&] {
    refuse(readlink_call, SYS_readlinkat);
    return error_of([&] { prune(destination(), 1, PruneMode::remove, {}); }).find("cannot look at") != std::string::npos
               ? 0
               : 1;
  });
  EXPECT_EQ(store::wait_for(child), 0);
  EXPECT_EQ(names(), before);
}

TEST_F(Prune, RemovesWhatAKilledOneLeft) {
  const auto child = store::fork_child([&] {
    for (const auto* part : {"store", "versions"}) fs::create_directory(destination_ / part / unfinished_name());
    return 0;
  });
  store::wait_for(child);
  prune(destination(), 9, PruneMode::remove, {});
  for (const auto& name : names()) EXPECT_THAT(name, Not(HasSubstr(".new-")));
}

TEST_F(Prune, GoesOnWhereOneWasKilledBeforeItForgotAVersion) {
  const auto child = store::fork_child([&] {
    fs::rename(destination_ / "versions/1.0.0+1", destination_ / "versions" / unfinished_name());
    for (const auto* link : {"1", "1.0", "1.0.0"}) fs::remove(destination_ / "versions" / link);
    return 0;
  });
  store::wait_for(child);
  EXPECT_THAT(prune(destination(), 9, PruneMode::remove, {}).entries, SizeIs(1));
  EXPECT_FALSE(fs::exists(own("installed/1.0.0+1")));
  EXPECT_THAT(verify(destination(), 1), IsEmpty());
}

TEST_F(Prune, KilledAtAnyMomentGoesOn) {
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 3; ++i) install_of("1.0.0", fmt::format("{}-{}", round, i));
    const auto child = store::fork_child([&] {
      prune(destination(), 1, PruneMode::remove, {});
      return 0;
    });
    ::usleep(static_cast<useconds_t>(3000 * round));
    ::kill(child, SIGKILL);
    store::wait_for(child);
    prune(destination(), 1, PruneMode::remove, {});
    EXPECT_THAT(destination().versions(), SizeIs(testing::Le(2U)));
    EXPECT_THAT(verify(destination(), 1), IsEmpty());
  }
}

TEST_F(Prune, LooksWithoutWriting) {
  const auto locks = names_in(own("lock"));
  EXPECT_THAT(prune(destination(), 1, PruneMode::dry_run, {}).versions, SizeIs(2));
  EXPECT_EQ(names_in(own("lock")), locks);
}

/// The destination as the lower layer of an overlayfs, as in a container of an image that has it.
bool mount_overlay(const fs::path& lower, const fs::path& scratch) {
  if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  fs::create_directory(scratch);
  if (::mount("tmpfs", scratch.c_str(), "tmpfs", 0, nullptr) != 0) return false;
  for (const auto* name : {"upper", "work"}) fs::create_directory(scratch / name);
  const auto options = fmt::format("lowerdir={},upperdir={},workdir={},redirect_dir=off", lower.native(),
                                   (scratch / "upper").native(), (scratch / "work").native());
  return ::mount("overlay", lower.c_str(), "overlay", 0, options.c_str()) == 0;
}

TEST_F(Prune, RemovesFromAnOverlayToo) {
  if (::geteuid() != 0) KARAPACE_SKIP_TEST("mounting needs root");
  const auto child = store::fork_child([&] {
    if (!mount_overlay(destination_, temporary_.path() / "scratch")) return 77;
    const auto pruned = prune(destination(), 1, PruneMode::remove, {});
    const bool is_right = pruned.versions.size() == 2 && pruned.entries.size() == 2 &&
                          destination().versions() == std::vector<std::string>{"3.0.0+1"} &&
                          destination().entries().size() == 2 && verify(destination(), 1).empty();
    return is_right ? 0 : 1;
  });
  const int status = store::wait_for(child);
  if (status == 77) KARAPACE_SKIP_TEST("overlayfs can not be mounted here");
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace karapace::release
