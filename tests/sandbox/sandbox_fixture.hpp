// SPDX-License-Identifier: Apache-2.0
// A real sandbox for tests: a small image whose /usr is the host's, run as this user, or (when the tests run as root)
// as an ordinary user with or without subordinate ids. No user is made: the tables are changed in a private mount
// namespace.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/fd.hpp"
#include "runtime/sandbox/sandbox.hpp"
#include "tests/skipping.hpp"

namespace karapace::sandbox::test {

enum class User { this_one, with_subids, without_subids };

struct Outcome {
  int status = -1;
  std::size_t command = 0;
  std::string output;  // of the commands
  std::string not_started;
  std::string error;  // what the sandbox threw
};

class SandboxFixture : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  /// The image, upper and work directories, commands' output to a file, host /usr at /usr.
  SandboxPlan plan() const;
  Command shell(const std::string& script) const;
  /// Runs in a process of its own, as `user`.
  Outcome run_plan(const SandboxPlan& plan);
  Outcome run_shell(const std::string& script);
  /// Does `work` in a process of its own, as `user`; true when it ended with 0.
  bool as_user(const std::function<void()>& work);
  void become_user() const;

  User user = User::this_one;
  std::filesystem::path directory;
  std::filesystem::path lower;
  std::filesystem::path upper;
};

/// The same with each kind of user.
class EveryUser : public SandboxFixture, public ::testing::WithParamInterface<User> {
 protected:
  void SetUp() override;
};

}  // namespace karapace::sandbox::test
