// SPDX-License-Identifier: Apache-2.0
#include <map>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/file.hpp"
#include "sandbox_fixture.hpp"

namespace karapace::sandbox::test {
namespace {

namespace fs = std::filesystem;

/// Owners that set-up commands give away must end up in the layer the same in every id mode.
class OwnersOfFiles : public EveryUser {
 protected:
  /// "uid:gid" as a listing of the upper directory has it: recorded in single mode, else on disk, seen from inside.
  std::string owner(const std::string& name) const {
    const auto path = upper / top / name;
    if (user == User::without_subids) {
      char value[64];
      const auto size = ::lgetxattr(path.c_str(), "user.karapace.owner", value, sizeof value);
      return size < 0 ? "0:0" : std::string(value, static_cast<std::size_t>(size));
    }
    struct stat status{};
    if (::lstat(path.c_str(), &status) != 0) return "missing";
    struct stat root{};
    ::lstat((upper / top).c_str(), &root);
    // With subordinate ids 5 is the fifth of the range that begins at 300000 (sandbox_fixture.cpp) with id 1.
    const auto inside = [&](uid_t id, uid_t own) { return id == own ? 0 : id >= 300000 ? id - 300000 + 1 : id; };
    return std::to_string(inside(status.st_uid, root.st_uid)) + ":" +
           std::to_string(inside(status.st_gid, root.st_gid));
  }

  Outcome run_inside(const char* program) {
    auto attempt = plan();
    attempt.binds.push_back({directory / "program", "/program", BindAccess::read_only});
    fs::copy_file(program, directory / "program");
    attempt.commands = {{{"/program"}, {}, "/", {}}};
    return run_plan(attempt);
  }
  Outcome run_owner_paths() { return run_inside(SANDBOX_OWNER_PATHS); }

  std::string top = "owned";  // where the program makes its files
};

INSTANTIATE_TEST_SUITE_P(Users, OwnersOfFiles,
                         ::testing::Values(User::this_one, User::with_subids, User::without_subids),
                         [](const auto& kind) {
                           return kind.param == User::this_one      ? "ThisUser"
                                  : kind.param == User::with_subids ? "UserWithSubordinateIds"
                                                                    : "UserWithoutSubordinateIds";
                         });

TEST_P(OwnersOfFiles, PathsThroughProcMeanWhatTheyMeanToTheCaller) {
  const auto outcome = run_owner_paths();
  EXPECT_EQ(outcome.status, 0) << outcome.error;
  for (const char* name : {"self", "dev-fd", "thread-self", "own-id", "dots", "linked", "of-a-thread", "relative",
                           "below-proc", "cwd", "root", "inner/up", "inner/owned", "inner/absolute"})
    EXPECT_EQ(owner(name), "5:6") << name << '\n' << outcome.output;
  for (const char* name : {"self", "dev-fd", "thread-self", "own-id", "dots", "linked", "of-a-thread"})
    EXPECT_NE(outcome.output.find(std::string(name) + ": 5:6 0\n"), std::string::npos) << name << '\n'
                                                                                       << outcome.output;
  for (const char* name : {"cwd", "root", "up"})
    EXPECT_NE(outcome.output.find(std::string(name) + ": 5:6 5\n"), std::string::npos) << name << '\n'
                                                                                       << outcome.output;
}

TEST_P(OwnersOfFiles, PathsThroughProcFailAsTheyWouldWithoutRecords) {
  const auto outcome = run_owner_paths();
  EXPECT_NE(outcome.output.find("file as directory: Not a directory\nno descriptor: No such file or directory\n"),
            std::string::npos)
      << outcome.output;
  EXPECT_NE(outcome.output.find("outside: No such file or directory\n"), std::string::npos) << outcome.output;
  if (user != User::without_subids) return;
  EXPECT_EQ(owner("untouched"), "0:0") << outcome.output;
  for (const char* name : {"/proc/1/root/owned/untouched", "/proc/1/cwd/owned/untouched",
                           "/proc/1/task/1/root/owned/untouched", "from a directory"})
    EXPECT_NE(outcome.output.find(std::string(name) + ": Permission denied\n"), std::string::npos) << outcome.output;
}

TEST_P(OwnersOfFiles, WhatOthersMakeIsTheirs) {
  top = "made";
  // What the host's limit of file locks is does not count: it says inside who a process is.
  rlimit locks{};
  ASSERT_EQ(::getrlimit(__RLIMIT_LOCKS, &locks), 0);
  locks.rlim_cur = 1;
  ASSERT_EQ(::setrlimit(__RLIMIT_LOCKS, &locks), 0);
  const auto outcome = run_inside(SANDBOX_OWNER_MAKERS);
  EXPECT_EQ(outcome.status, 0) << outcome.error;
  const std::map<std::string, std::string> owners = {
      {"file", "0:0"},
      {"shared", "5:8"},
      {"shared/file", "0:8"},
      {"shared/inner/file", "0:8"},
      {"shared/moved", "0:0"},
      {"shared/inner", "0:0"},
      {"shared/inner/roots", "0:0"},
      {"shared/kept", "0:8"},
      {"shared/by-user", "5:8"},
      {"of-group/by-user", "5:6"},
      {"open/by-user", "5:6"},
      {"open/by-user-masked", "5:6"},
      {"open/creat", "5:6"},
      {"open/directory", "5:6"},
      {"open/directory/relative", "5:8"},
      {"open/directory/below", "5:6"},
      {"open/directory/below/at", "5:6"},
      {"open/directory/below/how", "5:6"},
      {"open/directory/below/through-link", "5:6"},
      {"open/directory/node", "5:6"},
      {"open/directory/named", "5:6"},
      {"open/directory/of-a-thread", "5:6"},
      {"open/directory/of-a-child", "5:6"},
      {"open/effective", "5:6"},
      {"open/root-again", "0:0"},
      {"open/file-system-id", "5:0"},
      {"open/after", "5:6"},
      {"with-capabilities", "9:9"},
  };
  for (const auto& [name, whose] : owners) EXPECT_EQ(owner(name), whose) << name << '\n' << outcome.output;
  EXPECT_EQ(outcome.output, read_file(SANDBOX_SOURCES "/owner_makers.txt"));
}

}  // namespace
}  // namespace karapace::sandbox::test
