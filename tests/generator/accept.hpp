// SPDX-License-Identifier: Apache-2.0
// Golden files: what a test's output must be, byte for byte. KARAPACE_ACCEPT=1 rewrites them.
#pragma once

#include <filesystem>
#include <string_view>

namespace karapace::testing {

/// tests/
std::filesystem::path tests_directory();
/// Fails the test when `path`'s bytes are not `actual`; with KARAPACE_ACCEPT=1 writes them instead.
void expect_golden(const std::filesystem::path& path, std::string_view actual);

}  // namespace karapace::testing
