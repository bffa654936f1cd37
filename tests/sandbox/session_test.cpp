// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/session.hpp"

#include <thread>

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/file.hpp"
#include "session_fixture.hpp"
#include "store/environment.hpp"

namespace karapace::sandbox::test {
namespace {

using namespace std::chrono_literals;

INSTANTIATE_TEST_SUITE_P(Users, Sessions, ::testing::Values(User::this_one, User::with_subids, User::without_subids),
                         [](const auto& kind) {
                           return kind.param == User::this_one      ? "ThisUser"
                                  : kind.param == User::with_subids ? "UserWithSubordinateIds"
                                                                    : "UserWithoutSubordinateIds";
                         });

TEST_P(Sessions, SeeVariablesHostNameAndAMachineIdThatStays) {
  EXPECT_EQ(
      finish(start("[ $(hostname) = test-env ] && [ $HOME = /root ] && [ $FROM_MANIFEST = yes ] && [ $LANG = C ] && "
                   "[ $KARAPACE_ENV = 1 ] && grep -q test-env /etc/hosts && cp /etc/machine-id /saved")),
      0);
  EXPECT_EQ(finish(start("[ $(wc -c < /saved) = 33 ] && cmp /saved /etc/machine-id")), 0);
}

TEST_P(Sessions, RunAtOnceShareChangesAndOutliveEachOther) {
  const auto first = start("echo 1 > /one; while [ ! -e /two ]; do sleep 0.05; done");
  std::this_thread::sleep_for(300ms);
  const auto second = start(
      "while [ ! -e /one ]; do sleep 0.05; done; echo 2 > /two; while [ ! -e /three ]; do sleep 0.05; "
      "done; [ $(ls -d /proc/[0-9]* | wc -l) -lt 6 ] && echo 4 > /four");
  EXPECT_EQ(finish(first), 0);
  const auto third = start(
      "cat /one /two && echo 3 > /three && while [ ! -e /four ]; do sleep 0.05; done; ! mount -t tmpfs x /root "
      "2>/dev/null");
  EXPECT_EQ(finish(second), 0);
  EXPECT_EQ(finish(third), 0);
  EXPECT_EQ(finish(start("cat /one /two /three /four")), 0);
}

TEST_P(Sessions, LeaveTheBuildResultUntouched) {
  EXPECT_EQ(finish(start("rm -r /old /etc/passwd; chown 1:1 /etc/group; echo x > /etc/new")), 0);
  EXPECT_TRUE(as_user([&] {
    const auto store = store::Store::open(store_root(), store::Store::Access::read_only);
    const auto environment = store::find_environment(store, environment_id());
    const auto tree = store.layer_tree(environment->layers.front());
    const bool untouched =
        fs::exists(tree / "old/file") && fs::exists(tree / "etc/passwd") && !fs::exists(tree / "etc/new");
    if (!untouched) throw Error("the layer has changed");
  })) << read_file(directory / "error");
}

TEST_P(Sessions, ThatAreEphemeralFindTheBuildResultAndLeaveNothing) {
  EXPECT_EQ(finish(start("echo x > /kept")), 0);
  SessionRequest ephemeral;
  ephemeral.persistence = Persistence::ephemeral;
  EXPECT_EQ(finish(start("[ ! -e /kept ] && echo y > /kept && mkdir /d && chown 1:1 /d && rm -r /old", ephemeral)), 0);
  EXPECT_EQ(finish(start("[ -e /old/file ] && [ ! -e /d ] && [ $(cat /kept) = x ]")), 0);
  EXPECT_TRUE(fs::is_empty(store_root() / "staging"));
}

TEST_P(Sessions, ShowWhatTheCallerBindsAndNothingOfTheStore) {
  const auto shared = directory / "shared";
  ASSERT_TRUE(as_user([&] {
    fs::create_directory(shared);
    fs::create_directory_symlink("shared", directory / "link");
  }));
  SessionRequest request;
  request.persistence = Persistence::ephemeral;
  request.binds = {directory / "link"};
  request.working_directory = directory / "link";
  EXPECT_EQ(finish(start("echo x > file && cmp file " + (shared / "file").string(), request)), 0);
  EXPECT_EQ(read_file(shared / "file"), "x\n");
  request.binds = {directory};
  EXPECT_EQ(
      finish(start("[ -d " + store_root().string() + " ] && [ -z \"$(ls " + store_root().string() + ")\" ]", request)),
      0);
}

TEST_P(Sessions, CanNotBindWhereAnotherSessionHasMountedAlready) {
  const auto first = start("while [ ! -e /stop ]; do sleep 0.05; done");
  std::this_thread::sleep_for(300ms);
  SessionRequest request;
  request.binds = {directory};
  const auto second = start("true", request);
  int status = 0;
  ::waitpid(second, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 99);
  EXPECT_EQ(
      read_file(directory / "error"),
      "another session runs in this instance, and its mounts hold: --bind needs a session of its own; end the other "
      "one, or add --ephemeral");
  EXPECT_EQ(finish(start("echo > /stop")), 0);
  EXPECT_EQ(finish(first), 0);
}

TEST_P(Sessions, CanBindAsSoonAsTheOneBeforeHasEnded) {
  SessionRequest request;
  request.binds = {directory};
  for (int round = 0; round < 20; ++round) {
    EXPECT_EQ(finish(start("exit 3")), 3);
    EXPECT_EQ(finish(start("exit 4", request)), 4);
  }
}

TEST_P(Sessions, ShowAnInnerBindWhereverItStandsInTheList) {
  const auto outer = directory / "outer";
  ASSERT_TRUE(as_user([&] { fs::create_directories(outer / "inner"); }));
  SessionRequest request;
  request.persistence = Persistence::ephemeral;
  const auto script = "cd " + outer.string() + " && ! echo x 2>/dev/null > file && echo x > inner/file";
  for (auto& [writable, read_only] : {std::pair{outer / "inner", outer}, std::pair{outer / "inner/", outer / "."}}) {
    request.binds = {writable};
    request.read_only_binds = {read_only};
    EXPECT_EQ(finish(start(script, request)), 0);
  }
  request.binds = {outer};
  request.read_only_binds = {outer / "inner"};
  EXPECT_EQ(finish(start("cd " + outer.string() + " && echo x > file && ! echo x 2>/dev/null > inner/other", request)),
            0);
}

TEST_P(Sessions, ShowAReleaseReadOnlyAtItsPlaceAndItsProgramsFirstInPath) {
  const auto tree = directory / "release";
  ASSERT_TRUE(as_user([&] {
    fs::create_directories(tree / "bin");
    std::ofstream(tree / "bin/ls") << "#!/usr/bin/sh\necho mine\n";
    fs::permissions(tree / "bin/ls", fs::perms::owner_all);
  }));
  SessionRequest request;
  request.persistence = Persistence::ephemeral;
  request.release_binds = {{tree, "/opt/app/1", BindAccess::read_only, BindSource::host, "the release app"}};
  request.programs = "/opt/app/1/bin";
  EXPECT_EQ(finish(start("test \"$(ls)\" = mine && ! touch /opt/app/1/x 2>/dev/null", request)), 0);
  // The mounts of a session that runs hold.
  request.persistence = Persistence::instance;
  EXPECT_EQ(option_with_own_mounts(request), "a release");
}

TEST_P(Sessions, CanNotReplaceAReleaseByWayOfADirectoryAboveIt) {
  const auto tree = directory / "work/apps/release";
  ASSERT_TRUE(as_user([&] { fs::create_directories(tree / "bin"); }));
  SessionRequest request;
  request.persistence = Persistence::ephemeral;
  request.binds = {directory / "work"};
  request.release_binds = {{tree, tree.native(), BindAccess::read_only, BindSource::host, "the release app"}};
  EXPECT_EQ(finish(start("cd " + (directory / "work").native() +
                             " && ! mv apps apps2 2>/dev/null && ! mv apps/release apps/old 2>/dev/null && "
                             "! touch apps/release/bin/x 2>/dev/null && touch apps/other && mv apps/other more",
                         request)),
            0);
  EXPECT_TRUE(fs::exists(directory / "work/more"));
}

TEST_P(Sessions, PassSignalsAndExitStatusesThrough) {
  EXPECT_EQ(finish(start("exit 42")), 42);
  const auto session = start("trap 'exit 7' TERM; echo x > /ready; while :; do sleep 0.05; done");
  std::this_thread::sleep_for(700ms);
  ::kill(session, SIGTERM);
  EXPECT_EQ(finish(session), 7);
}

TEST_P(Sessions, ThatOverlapAllSucceedFromTheFirstUseOn) {
  constexpr int rounds = 40;
  constexpr int at_once = 8;
  for (int round = 0; round < rounds / at_once; ++round) {
    std::vector<pid_t> sessions;
    for (int i = 0; i < at_once; ++i) sessions.push_back(start("exit 3"));
    for (const pid_t session : sessions) EXPECT_EQ(finish(session), 3);
  }
  // One always running while the next begins: each may find the other on its way out.
  pid_t earlier = start("exit 3");
  for (int i = 0; i < rounds; ++i) {
    const pid_t later = start("exit 3");
    EXPECT_EQ(finish(earlier), 3);
    earlier = later;
  }
  EXPECT_EQ(finish(earlier), 3);
}

TEST_P(Sessions, SignalsToTheirGroupReachNobodyOutside) {
  EXPECT_EQ(finish(start("kill -9 0", {}, [] { ::setpgid(0, 0); })), 137);
}

TEST_P(Sessions, HaveTheImagesRootWhateverTheUmask) {
  ASSERT_TRUE(as_user([&] { ::chmod((directory / "store").c_str(), 0700); }));
  EXPECT_EQ(finish(start("[ $(stat -c %a /) = 755 ] && [ $(umask) = 0077 ]", {}, [] { ::umask(077); })), 0);
}

TEST_P(Sessions, OfAStoreThatCanNotBeWrittenKeepTheirChangesInMemory) {
  EXPECT_EQ(finish(start("echo kept > /kept; rm /etc/group")), 0);
  const auto read_only = [this] {
    const auto root = store_root();
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount(root.c_str(), root.c_str(), nullptr, MS_BIND, nullptr) != 0 ||
        ::mount(nullptr, root.c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr) != 0)
      throw Error("cannot make the store read-only");
  };
  const std::string changes =
      "echo new > /new && rm -r /old && mkdir /old && [ -z \"$(ls /old)\" ] && cat /new > /kept";
  EXPECT_EQ(finish(start("[ $(cat /kept) = kept ] && [ ! -e /etc/group ] && " + changes, {}, read_only)), 0);
  SessionRequest ephemeral;
  ephemeral.persistence = Persistence::ephemeral;
  EXPECT_EQ(finish(start("[ ! -e /kept ] && [ -e /etc/group ] && " + changes, ephemeral, read_only)), 0);
  EXPECT_EQ(finish(start("[ $(cat /kept) = kept ] && [ ! -e /new ] && [ -e /old/file ]")), 0);
}

}  // namespace
}  // namespace karapace::sandbox::test
