// SPDX-License-Identifier: Apache-2.0
// The first entry of an instance, in images with a shell of their own and a package that makes a key as munge does.
#include "runtime/sandbox/first_entry.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/directory.hpp"
#include "runtime/sandbox/session_list.hpp"
#include "session_fixture.hpp"

namespace karapace::sandbox::test {
namespace {

using namespace std::chrono_literals;

TEST(InstanceSecrets, HaveNamesOfTheirOwnAndAbsolutePaths) {
  std::set<std::string_view> names;
  for (const auto& secret : instance_secrets()) {
    EXPECT_TRUE(names.insert(secret.name).second) << secret.name;
    EXPECT_EQ(find_instance_secret(secret.name), &secret);
    EXPECT_TRUE(secret.paths.starts_with('/')) << secret.name;
    EXPECT_FALSE(secret.command.empty());
  }
  EXPECT_EQ(find_instance_secret("none"), nullptr);
}

/// An environment must be enterable whatever layers have in place of dpkg's database.
TEST(InstanceSecrets, AreNoneWhereTheDatabaseIsSomethingElse) {
  const TemporaryDirectory directory;
  const auto& tree = directory.path();
  const auto found = [&] { return secrets_of_packages({tree}).size(); };
  fs::create_directories(tree / "var/lib/dpkg/info");
  EXPECT_EQ(found(), 0U);
  std::ofstream(tree / "var/lib/dpkg/info/munge.postinst").flush();
  EXPECT_EQ(found(), 1U);
  fs::remove_all(tree / "var/lib/dpkg");
  EXPECT_EQ(found(), 0U);
  std::ofstream(tree / "var/lib/dpkg").flush();
  EXPECT_EQ(found(), 0U) << "a file, or a whiteout";
  fs::remove(tree / "var/lib/dpkg");
  fs::create_symlink("dpkg", tree / "var/lib/dpkg");
  EXPECT_EQ(found(), 0U) << "a link to itself";
}

/// `munge_program` is what `su munge -s /bin/sh -c 'mungekey -c'` runs.
class FirstEntries : public Sessions {
 protected:
  void furnish() override {
    const auto copied = fmt::format(
        "cd {} && mkdir -p etc/munge etc/ssh var/lib/dpkg/info usr/bin usr/lib usr/lib64 && for file in /bin/sh "
        "/bin/rm "
        "/bin/sleep $(ldd /bin/sh /bin/rm | grep -o '/lib[^ ]*' | sort -u); do "
        "mkdir -p .${{file%/*}} && cp -L $file .$file || exit 1; done",
        lower.string());
    ASSERT_EQ(std::system(copied.c_str()), 0);
    write(lower / "bin/su", "#!/bin/sh\n" + munge_program());
    ::chmod((lower / "bin/su").c_str(), 0755);
    if (has_package()) write(lower / "var/lib/dpkg/info/munge.postinst", "");
    write(lower / "var/lib/dpkg/info/openssh-server.postinst", "");
    write(lower / "etc/ssh/ssh_host_rsa_key", "of the layer\n");
  }
  virtual bool has_package() const { return true; }
  virtual std::string munge_program() const {
    return "read -r key < /proc/sys/kernel/random/uuid\necho $key > /etc/munge/munge.key\n";
  }

  static void write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }
  std::string told() const { return read_file_if_exists(directory / "told").value_or(""); }
  SessionRequest told_request() const {
    SessionRequest request;
    request.made = [this](const std::string& names) { std::ofstream(directory / "told", std::ios::app) << names; };
    request.notice = request.made;
    return request;
  }
  /// Whether a session of before is not gone yet: it would be joined, and nothing made.
  bool is_ending() const {
    const auto sessions = parse_sessions(read_file_if_exists(instance() / "session").value_or(""));
    return std::any_of(sessions.begin(), sessions.end(),
                       [](const RunningSession& session) { return ::kill(session.process, 0) == 0 || errno == EPERM; });
  }
  int enter(const std::string& script) {
    while (is_ending()) std::this_thread::sleep_for(10ms);
    return finish(start(script, told_request()));
  }
  void SetUp() override {
    Sessions::SetUp();
    if (IsSkipped()) return;
    write(directory / "told", "");
    ::chmod((directory / "told").c_str(), 0666);
  }
  static std::string done() { return "done " + StepKey().hex() + "\n"; }
  fs::path instance() const {
    return store_root() / "instances" / store::instance_id({environment_id(), std::nullopt});
  }
  fs::path generation() const { return instance() / "current"; }
};

class MakingTakesTime : public FirstEntries {
 protected:
  std::string munge_program() const override {
    return "echo one >> /etc/munge/times\nsleep 0.5\necho key > /etc/munge/munge.key\n";
  }
};

class FailingOnce : public FirstEntries {
 protected:
  std::string munge_program() const override {
    return "[ -e /etc/munge/tried ] && echo whole > /etc/munge/munge.key && exit 0\n"
           "echo half > /etc/munge/munge.key\n: > /etc/munge/tried\necho no luck >&2\nexit 3\n";
  }
};

class HangingOnce : public FirstEntries {
 protected:
  std::string munge_program() const override {
    return "[ -e /etc/munge/tried ] && echo whole > /etc/munge/munge.key && exit 0\n"
           "echo half > /etc/munge/munge.key\n: > /etc/munge/tried\nsleep 1000\n";
  }
};

/// With ssh's keys missing, which nothing here can make, and which come before munge's in the table.
class HangingAfterAFailure : public HangingOnce {
 protected:
  void furnish() override {
    HangingOnce::furnish();
    fs::remove(lower / "etc/ssh/ssh_host_rsa_key");
  }
};

class WithoutPackage : public FirstEntries {
 protected:
  bool has_package() const override { return false; }
};

std::string name_of(const ::testing::TestParamInfo<User>& kind) {
  return kind.param == User::this_one      ? "ThisUser"
         : kind.param == User::with_subids ? "UserWithSubordinateIds"
                                           : "UserWithoutSubordinateIds";
}
const auto every_user = ::testing::Values(User::this_one, User::with_subids, User::without_subids);
INSTANTIATE_TEST_SUITE_P(Users, FirstEntries, every_user, name_of);
INSTANTIATE_TEST_SUITE_P(Users, MakingTakesTime, every_user, name_of);
INSTANTIATE_TEST_SUITE_P(Users, FailingOnce, every_user, name_of);
INSTANTIATE_TEST_SUITE_P(Users, HangingOnce, every_user, name_of);
INSTANTIATE_TEST_SUITE_P(Users, HangingAfterAFailure, every_user, name_of);
INSTANTIATE_TEST_SUITE_P(Users, WithoutPackage, every_user, name_of);

TEST_P(FirstEntries, MakeWhatIsMissingBeforeTheFirstCommandAndNeverAgain) {
  EXPECT_EQ(enter("grep -q . /etc/munge/munge.key && cp /etc/munge/munge.key /saved"), 0);
  EXPECT_EQ(told(), "munge.key") << "the ssh host key is the layer's";
  EXPECT_EQ(read_file(generation() / "first-entry"), done());
  EXPECT_EQ(enter("cmp /saved /etc/munge/munge.key && rm /etc/munge/munge.key"), 0);
  EXPECT_EQ(enter("[ ! -e /etc/munge/munge.key ]"), 0) << "what was removed is gone";
  EXPECT_EQ(told(), "munge.key");
  write(generation() / "first-entry", "done of other layers\n");
  EXPECT_EQ(enter("[ -e /etc/munge/munge.key ]"), 0) << "layers of another release were never looked at";
  EXPECT_EQ(enter("[ \"$(cat /etc/ssh/ssh_host_rsa_key)\" = 'of the layer' ]"), 0);
}

TEST_P(FirstEntries, MakeNothingForChangesThatAreNotKept) {
  auto request = told_request();
  request.persistence = Persistence::ephemeral;
  EXPECT_EQ(finish(start("[ ! -e /etc/munge/munge.key ]", request)), 0);
  EXPECT_EQ(told(), "");
}

TEST_P(MakingTakesTime, SoTheSecondOfTwoSessionsWaits) {
  const auto first = start("[ $(cat /etc/munge/munge.key) = key ]", told_request());
  const auto second = start("[ $(cat /etc/munge/munge.key) = key ]", told_request());
  EXPECT_EQ(finish(first), 0);
  EXPECT_EQ(finish(second), 0);
  EXPECT_EQ(enter("[ $(cat /etc/munge/times) = one ]"), 0);
  EXPECT_EQ(told(), "munge.key");
}

TEST_P(FailingOnce, IsToldHindersNoSessionAndIsTriedAgain) {
  EXPECT_EQ(enter("[ ! -e /etc/munge/munge.key ]"), 0) << "half a key is none";
  EXPECT_EQ(told(),
            "munge.key could not be made for this instance; the next session tries again, as would, inside: su munge "
            "-s /bin/sh -c 'mungekey -c'\n  no luck");
  EXPECT_EQ(enter("[ $(cat /etc/munge/munge.key) = whole ]"), 0);
  EXPECT_TRUE(told().ends_with("no luckmunge.key")) << told();
}

TEST_P(HangingOnce, WhatWasInterruptedIsMadeAnew) {
  const auto first = start("true", told_request());
  while (!fs::exists(generation() / "upper/etc/munge/tried")) std::this_thread::sleep_for(10ms);
  ASSERT_EQ(::kill(first, SIGKILL), 0);
  ASSERT_EQ(::waitpid(first, nullptr, 0), first);
  EXPECT_EQ(read_file(generation() / "first-entry"), "making munge.key\n");
  EXPECT_EQ(enter("[ $(cat /etc/munge/munge.key) = whole ]"), 0);
  EXPECT_EQ(read_file(generation() / "first-entry"), done());
}

TEST_P(HangingAfterAFailure, WhatWasInterruptedIsMadeAnewAsWell) {
  const auto first = start("true", told_request());
  while (!fs::exists(generation() / "upper/etc/munge/tried")) std::this_thread::sleep_for(10ms);
  ASSERT_EQ(::kill(first, SIGKILL), 0);
  ASSERT_EQ(::waitpid(first, nullptr, 0), first);
  EXPECT_EQ(read_file(generation() / "first-entry"), "making munge.key\n");
  EXPECT_EQ(enter("[ $(cat /etc/munge/munge.key) = whole ]"), 0);
}

TEST_P(WithoutPackage, NothingIsMade) {
  EXPECT_EQ(enter("[ ! -e /etc/munge/munge.key ]"), 0);
  EXPECT_EQ(told(), "");
  EXPECT_EQ(read_file(generation() / "first-entry"), done());
}

}  // namespace
}  // namespace karapace::sandbox::test
