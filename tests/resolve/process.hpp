// SPDX-License-Identifier: Apache-2.0
// Process: runs a program and keeps what it says.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace karapace::testing {

struct Outcome {
  int status = 0;
  std::string output;  // of standard output
};

/// Runs a program found in PATH, without a shell. `variables` ("NAME=VALUE") are added to the environment.
Outcome run(const std::vector<std::string>& arguments, const std::vector<std::string>& variables = {});

/// Runs a program that must succeed; throws with its name when it does not.
std::string must_run(const std::vector<std::string>& arguments, const std::vector<std::string>& variables = {});

/// A directory below TMPDIR that is removed with everything in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace karapace::testing
