// SPDX-License-Identifier: Apache-2.0
#include "accept.hpp"

#include <cstdlib>

#include <gtest/gtest.h>

#include "base/durable_file.hpp"
#include "base/file.hpp"

namespace karapace::testing {

std::filesystem::path tests_directory() { return std::filesystem::path(KARAPACE_TESTS_DIRECTORY).lexically_normal(); }

void expect_golden(const std::filesystem::path& path, std::string_view actual) {
  const char* accept = std::getenv("KARAPACE_ACCEPT");
  if (accept && std::string_view(accept) == "1") {
    std::filesystem::create_directories(path.parent_path());
    write_file_atomically(path, actual, Durable::no);
    return;
  }
  EXPECT_EQ(read_file_if_exists(path).value_or("(no such file)"), actual)
      << path << " differs; KARAPACE_ACCEPT=1 accepts the new text";
}

}  // namespace karapace::testing
