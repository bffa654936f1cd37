// SPDX-License-Identifier: Apache-2.0
// tests/rejects/{manifest,lock}/NAME and NAME.error: what must be refused, and the exact message.
#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "accept.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "generator/lock/lock.hpp"
#include "generator/manifest/manifest.hpp"

namespace karapace::tests {

using namespace lock;
using namespace manifest;
namespace {

namespace fs = std::filesystem;

void parse(const fs::path& path) {
  std::string text = read_file(path);
  if (path.extension() == ".toml") {
    parse_manifest(text, "karapace.toml");
  } else {
    parse_lock(text, "karapace.lock");
  }
}

std::vector<fs::path> corpus(std::string_view room, std::string_view extension) {
  std::vector<fs::path> all;
  for (const auto& entry : fs::directory_iterator(karapace::testing::tests_directory() / "rejects" / room)) {
    if (entry.path().extension() == extension) all.push_back(entry.path());
  }
  std::sort(all.begin(), all.end());
  return all;
}

void expect_refused(const std::vector<fs::path>& paths, ErrorKind kind) {
  ASSERT_GT(paths.size(), 20u);
  for (const auto& path : paths) {
    SCOPED_TRACE(path);
    auto expected = path;
    expected.replace_extension(".error");
    try {
      parse(path);
      ADD_FAILURE() << "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind);
      karapace::testing::expect_golden(expected, std::string(error.what()) + "\n");
    }
  }
}

TEST(Rejects, ManifestsAreRefusedWithTheExactMessage) {
  expect_refused(corpus("manifest", ".toml"), ErrorKind::manifest);
}

TEST(Rejects, LocksAreRefusedWithTheExactMessage) { expect_refused(corpus("lock", ".lock"), ErrorKind::lock); }

}  // namespace
}  // namespace karapace::tests
