// SPDX-License-Identifier: Apache-2.0
// `karapace gen` and its graph, with a hand-made lock and a store of its own. Nothing asks the network: the lock's base
// is an archive, and only build.ninja is built.
#pragma once

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "generator/graph/quoting.hpp"
#include "generator/lock/lock_file.hpp"
#include "sample_lock.hpp"
#include "store/root.hpp"

namespace karapace::tests {

using namespace graph;
using namespace lock;

namespace fs = std::filesystem;

class Gen : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = fs::path(::testing::TempDir()) / "karapace-gen-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = fs::canonical(pattern);
    project_ = directory_ / "my project";
    fs::create_directories(project_);
    write_manifest("");
    write_lock(project_ / "karapace.lock", lock_);
  }
  void TearDown() override { fs::remove_all(directory_); }

  struct Result {
    int status = 0;
    std::string output;
  };
  Result shell(const std::string& command) const {
    std::string line =
        "cd " + shell_quoted(project_.native()) + " && export HOME=" + shell_quoted(directory_.native()) +
        " XDG_CACHE_HOME= XDG_CONFIG_HOME= KARAPACE_STORE=" + shell_quoted(store().native()) + " && karapace() { " +
        shell_quoted(KARAPACE_PROGRAM) + " \"$@\"; } && { " + command + "\n} > ../output 2>&1";
    int status = std::system(line.c_str());
    return {WEXITSTATUS(status), read_file(directory_ / "output")};
  }
  fs::path store() const { return directory_ / "store"; }
  /// File times are as coarse as the kernel's clock: an edit within the same tick is not seen by ninja, nor made by
  /// people.
  static void let_a_tick_pass() { std::this_thread::sleep_for(std::chrono::milliseconds(20)); }
  void write_manifest(std::string_view rest) const {
    let_a_tick_pass();
    std::string digest = Sha256(blake3("rootfs")).hex();
    write_file_atomically(
        project_ / "karapace.toml",
        "manifest_version = 1\n[base]\nimage = \"r.tar\"\nsha256 = \"" + digest + "\"\n" + std::string(rest),
        Durable::no);
  }
  static Lock base_lock() {
    Lock lock = karapace::testing::sample_archive_lock({});
    lock.distribution = lock.suite = "";
    lock.repositories.clear();
    return lock;
  }
  /// Ninja is asked for its own file only: what steps do is not the matter here.
  Result regenerate() const { return shell("ninja build.ninja"); }
  std::string graph() const { return read_file(project_ / "build.ninja"); }

  fs::path directory_;
  fs::path project_;
  Lock lock_ = base_lock();
};

/// What a file of ours says of this name, as `.karapace/local.ninja` does: NAME = VALUE.
inline std::string variable_in(const fs::path& file, const std::string& name) {
  auto text = read_file(file);
  auto start = text.find("\n" + name + " = ");
  if (start == std::string::npos) return "";
  start += name.size() + 4;
  return text.substr(start, text.find('\n', start) - start);
}

inline std::set<std::string> files_in(const fs::path& directory) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) names.insert(entry.path().filename());
  return names;
}

}  // namespace karapace::tests
