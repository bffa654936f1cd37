// SPDX-License-Identifier: Apache-2.0
// In a build, directories are read in an order that is the same on every file system. The expected orders are part of
// what a step's rules stand for: they may change with the rules' numbers only.
#include <filesystem>
#include <fstream>

#include <sys/stat.h>
#include <unistd.h>

#include "sandbox_fixture.hpp"

namespace karapace::sandbox::test {
namespace {

namespace fs = std::filesystem;

class OrderOfDirectories : public EveryUser {
 protected:
  Outcome read(std::uint32_t order = 1, Purpose purpose = Purpose::step) {
    auto attempt = plan();
    attempt.binds.push_back({directory / "reader", "/reader", BindAccess::read_only});
    fs::copy_file(SANDBOX_DIRECTORY_READER, directory / "reader", fs::copy_options::overwrite_existing);
    attempt.commands = {{{"/reader"}, {}, "/", {}}};
    attempt.directory_order = order;
    attempt.purpose = purpose;
    return run_plan(attempt);
  }
  static std::string line(const Outcome& outcome, const std::string& what) {
    const auto start = outcome.output.find(what + ": ");
    if (start == std::string::npos) return "(none) " + outcome.output + outcome.error;
    const auto text = start + what.size() + 2;
    return outcome.output.substr(text, outcome.output.find('\n', text) - text);
  }
};

INSTANTIATE_TEST_SUITE_P(Users, OrderOfDirectories,
                         ::testing::Values(User::this_one, User::with_subids, User::without_subids),
                         [](const auto& kind) {
                           return kind.param == User::this_one      ? "ThisUser"
                                  : kind.param == User::with_subids ? "UserWithSubordinateIds"
                                                                    : "UserWithoutSubordinateIds";
                         });

constexpr const char* usual = ". .. e b c g d a f h";

TEST_P(OrderOfDirectories, IsThatOfTheNamesHoweverTheyAreRead) {
  const auto outcome = read();
  ASSERT_EQ(outcome.status, 0) << outcome.output << outcome.error;
  for (const char* how : {"library", "large", "small", "thread", "after"}) EXPECT_EQ(line(outcome, how), usual) << how;
}

TEST_P(OrderOfDirectories, IsThatOfTheNamesInWhatLayersMerge) {
  struct stat owner{};
  ASSERT_EQ(::stat(lower.c_str(), &owner), 0);
  fs::create_directory(lower / "merged");
  for (const char* name : {"h", "f", "d", "b"}) std::ofstream(lower / "merged" / name) << name;
  for (const char* name : {"merged", "merged/h", "merged/f", "merged/d", "merged/b"})
    ASSERT_EQ(::lchown((lower / name).c_str(), owner.st_uid, owner.st_gid), 0);
  EXPECT_EQ(line(read(), "merged"), usual);
}

TEST_P(OrderOfDirectories, IsAnotherWhenAnotherIsAskedFor) {
  const auto outcome = read(2);
  EXPECT_EQ(line(outcome, "library"), ". .. d c h b f e g a") << outcome.output;
  EXPECT_EQ(line(outcome, "library"), line(outcome, "thread"));
}

TEST_P(OrderOfDirectories, PositionsLeadBackToTheirNames) { EXPECT_EQ(line(read(), "seek"), "10 of 10, then ."); }

TEST_P(OrderOfDirectories, NamesThatStayAreToldOnceThoughOthersComeAndGo) {
  EXPECT_EQ(line(read(), "changing"), "1000 of 1000");
}

TEST_P(OrderOfDirectories, ASharedDirectoryHasOnePosition) {
  const auto outcome = read();
  EXPECT_EQ(". .. " + line(outcome, "child"), usual);
  EXPECT_NE(outcome.output.find("\nparent:\n"), std::string::npos) << outcome.output;
}

TEST_P(OrderOfDirectories, WhatTheKernelRefusesIsRefused) {
  const auto outcome = read();
  EXPECT_EQ(line(outcome, "closed"), "Bad file descriptor");
  EXPECT_EQ(line(outcome, "file"), "Not a directory");
  EXPECT_EQ(line(outcome, "nowhere"), "Bad address");
  EXPECT_NE(outcome.output.find("\nsmall: Invalid argument\n"), std::string::npos) << outcome.output;
}

}  // namespace
}  // namespace karapace::sandbox::test
