// SPDX-License-Identifier: Apache-2.0
// Whatever is locked can be read again, and so can the graph that it gives: manifests with odd words in every place.
#include <array>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "generator/graph/graph_reader.hpp"
#include "generator/graph/ninja_text.hpp"
#include "generator/lock/intent.hpp"
#include "generator/lock/lock_file.hpp"
#include "generator/manifest/manifest.hpp"
#include "generator/manifest/package_request.hpp"
#include "sample_lock.hpp"

namespace karapace::tests {

using namespace graph;
using namespace lock;
using namespace manifest;
namespace {

namespace fs = std::filesystem;

/// What TOML can write into a string, as it is written there.
constexpr std::array<const char*, 24> pieces = {
    "a",       "b0",      "/",       "/x",      "./",      "..", ":", ":ro", " ",    "\\t",  "\\n",      "\\r",
    "\\u0000", "\\u0001", "\\u007f", "\\u0085", "\\u2028", "|",  "$", "'",   "\\\"", "\\\\", "\xc3\xa9", "<<<<<<< "};

class OddManifests {
 public:
  explicit OddManifests(unsigned seed) : random_(seed) {}

  std::string next() {
    return "manifest_version = 1\n[base]\nimage = \"r.tar\"\nsha256 = \"" + Sha256(blake3("rootfs")).hex() +
           "\"\n[system]\npackages = [" + word("git") + "]\n[mounts]\n" + word("data") + " = " + word("/data:/data") +
           "\n[environment]\n" + word("EDITOR") + " = " + word("vim") + "\n[setup]\nrun = [" + word("true") +
           "]\n[[setup.files]]\nsource = " + word("motd") + "\ntarget = " + word("/etc/motd") +
           "\nmode = " + word("0644") + "\n";
  }

 private:
  std::size_t below(std::size_t limit) { return random_() % limit; }
  /// Mostly the good word, so that many manifests are good as a whole.
  std::string word(const std::string& good) {
    auto text = good;
    if (below(4) == 0) {
      for (std::size_t count = 1 + below(3); count > 0; --count)
        text.insert(below(2) == 0 ? text.size() : 0, pieces[below(pieces.size())]);
    }
    return "\"" + text + "\"";
  }

  std::mt19937 random_;
};

class LockProperty : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = fs::path(::testing::TempDir()) / "karapace-property-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { fs::remove_all(directory_); }

  /// The lock of a manifest that is accepted.
  std::optional<Lock> lock_of(const std::string& text) const {
    try {
      auto manifest = parse_manifest(text, "karapace.toml");
      fs::remove_all(directory_);
      fs::create_directory(directory_);
      for (const auto& file : manifest.files) {
        fs::create_directories((directory_ / file.source).parent_path());
        write_file_atomically(directory_ / file.source, "content", Durable::no);
      }
      auto intent = intent_of(manifest, directory_);
      std::vector<std::string> names;
      for (const auto& word : intent.request.packages) names.push_back(package_request(word).name);
      auto lock = karapace::testing::sample_archive_lock(names);
      lock.request = intent.request;
      lock.files = intent.files;
      lock.run = intent.run;
      lock.runtime = intent.runtime;
      return lock;
    } catch (const ManifestError&) {
      return std::nullopt;
    }
  }

  fs::path directory_;
};

TEST_F(LockProperty, WhatIsLockedIsReadAgainAndSoIsItsGraph) {
  OddManifests manifests(20260711);
  int locked = 0;
  for (int i = 0; i < 3000; ++i) {
    auto text = manifests.next();
    SCOPED_TRACE(text);
    auto lock = lock_of(text);
    if (!lock) continue;
    ++locked;
    ASSERT_NO_THROW(EXPECT_EQ(parse_lock(serialise(*lock), "karapace.lock"), *lock));
    auto graph = plan(std::vector{*lock});
    ASSERT_NO_THROW(EXPECT_EQ(read_graph(ninja_text(graph), "build.ninja"), graph));
  }
  EXPECT_GT(locked, 300);
}

TEST_F(LockProperty, WhatNobodyCouldReadIsNotWritten) {
  auto path = directory_ / "karapace.lock";
  auto lock = karapace::testing::sample_lock({"git"});
  ASSERT_TRUE(write_lock(path, lock));
  auto before = read_file(path);
  lock.runtime.mounts = {{std::string("a\0b", 3), "/host", "/inside"}};
  EXPECT_THROW(write_lock(path, lock), LockError);
  lock = karapace::testing::sample_lock({"git"});
  lock.packages[0].version = "1.0^strange";
  EXPECT_THROW(write_lock(path, lock), LockError);
  EXPECT_EQ(read_file(path), before);
}

}  // namespace
}  // namespace karapace::tests
