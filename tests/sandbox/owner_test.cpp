// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <sys/xattr.h>

#include "sandbox_fixture.hpp"

namespace karapace::sandbox::test {
namespace {

namespace fs = std::filesystem;

/// Owners that set-up commands give away must end up in the layer the same in every id mode.
class OwnersOfFiles : public EveryUser {
 protected:
  /// "uid:gid" as a listing of the upper directory has it: recorded in single mode, else on disk, seen from inside.
  std::string owner(const std::string& name) const {
    const auto path = upper / "owned" / name;
    if (user == User::without_subids) {
      char value[64];
      const auto size = ::lgetxattr(path.c_str(), "user.karapace.owner", value, sizeof value);
      return size < 0 ? "0:0" : std::string(value, static_cast<std::size_t>(size));
    }
    struct stat status{};
    if (::lstat(path.c_str(), &status) != 0) return "missing";
    struct stat root{};
    ::lstat((upper / "owned").c_str(), &root);
    // With subordinate ids 5 is the fifth of the range that begins at 300000 (sandbox_fixture.cpp) with id 1.
    const auto inside = [&](uid_t id, uid_t own) { return id == own ? 0 : id >= 300000 ? id - 300000 + 1 : id; };
    return std::to_string(inside(status.st_uid, root.st_uid)) + ":" +
           std::to_string(inside(status.st_gid, root.st_gid));
  }

  Outcome run_owner_paths() {
    auto attempt = plan();
    attempt.binds.push_back({directory / "owner-paths", "/owner-paths", BindAccess::read_only});
    fs::copy_file(SANDBOX_OWNER_PATHS, directory / "owner-paths");
    attempt.commands = {{{"/owner-paths"}, {}, "/", {}}};
    return run_plan(attempt);
  }
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

}  // namespace
}  // namespace karapace::sandbox::test
