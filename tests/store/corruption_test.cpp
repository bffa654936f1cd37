// SPDX-License-Identifier: Apache-2.0
// A byte flipped anywhere in a store: found by verify-store or by whoever uses the file, never a crash, never believed,
// never a reason to remove anything; after a repair and a build nothing is left of it.
#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "base/remove_tree.hpp"
#include "store/environment.hpp"
#include "store/gc.hpp"
#include "store/identifiers.hpp"
#include "store/instance.hpp"
#include "store/power_failure.hpp"
#include "store/reference.hpp"
#include "store/root.hpp"
#include "store/toolchain.hpp"
#include "store/verify.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace::store {
namespace {

namespace fs = std::filesystem;

constexpr int flips_per_file = 3;
constexpr std::uintmax_t first_line = 16;  // of `version`: another one is refused when the store is opened

enum class FoundBy {
  verifying,  // verify-store names it
  using_it,   // indexes and marks are made anew, when they are not what they say
  nobody,     // nothing is read of it: a reserve, logs for people, a person's own files
};

FoundBy found_by(const std::string& path) {
  const auto top = path.substr(0, path.find('/'));
  if (top == "roots.index" || top == "synced") return FoundBy::using_it;
  if (top == "reserve" || top == "logs" || path.find("/upper/") != path.npos) return FoundBy::nobody;
  return FoundBy::verifying;
}

void flip(const fs::path& path, std::uintmax_t offset, int bit) {
  struct stat before{};
  ASSERT_EQ(::lstat(path.c_str(), &before), 0);
  auto bytes = read_file(path);
  bytes.at(offset) = static_cast<char>(bytes.at(offset) ^ (1 << bit));
  ::chmod(path.c_str(), 0644);
  write_all(open_at(AT_FDCWD, path, O_WRONLY).get(), bytes, path.native());
  ::chmod(path.c_str(), before.st_mode & 07777);
  const timespec times[2] = {before.st_atim, before.st_mtim};
  ::utimensat(AT_FDCWD, path.c_str(), times, 0);
}

/// A store with everything in it, kept aside so that each flip begins with a whole one.
class CorruptionTest : public StoreTest {
 protected:
  CorruptionTest() {
    environment_ = environment_of(store_, "project");
    add_root(store_, root_of(environment_, "project"));
    held_ = environment_of(store_, "held");
    auto instance = open_instance(store_, {held_.id, std::nullopt});
    add_toolchain(store_, environment_.id, {{"toolchain.cmake", "set(A B)\n"}, {"bin/gcc", "#!/bin/sh\n"}});
    add_sysroot();
    write_file_atomically(store_.log_path(environment_.step), "a log\n", Durable::no);
    resolve_reference(store_, "project", "/");  // makes the index
    copy(store_.root(), temporary_.path() / "whole");
  }

  void add_sysroot() {
    auto staging = store_.stage();
    auto tree = staging.path() / "tree";
    make_directory(tree);
    write_file_atomically(tree / "header.h", "int a;\n", Durable::no);
    store_.add_sysroot(environment_.id, tree, scan_path(tree));
  }

  static void copy(const fs::path& from, const fs::path& to) {
    ASSERT_EQ(::system(fmt::format("cp -a '{}' '{}'", from.native(), to.native()).c_str()), 0);
  }

  void begin_anew() {
    remove_tree(store_.root());
    copy(temporary_.path() / "whole", store_.root());
  }

  std::vector<std::string> files() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(store_.root())) {
      if (entry.is_regular_file() && entry.file_size() > 0)
        found.push_back(entry.path().lexically_relative(store_.root()));
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  std::vector<std::string> irreplaceable() const {
    std::vector<std::string> found;
    for (const auto& path : files()) {
      if (path.starts_with("instances/")) found.push_back(path);
    }
    return found;
  }

  /// gc either refuses, or leaves everything that is needed.
  void collect() {
    try {
      collect_garbage(store_, {});
    } catch (const StoreError&) {
    }
    for (const auto* environment : {&environment_, &held_})
      EXPECT_TRUE(fs::exists(store_.environment_path(environment->id)));
  }

  void expect_kept(const std::string& path) {
    for (const auto& content : {"project", "held"}) {
      EXPECT_TRUE(store_.has_blob(BlobId(blake3(content))) || path.starts_with("blobs/")) << content;
    }
  }

  void build_again() {
    EXPECT_EQ(environment_of(store_, "project").text(), environment_.text());
    EXPECT_EQ(environment_of(store_, "held").text(), held_.text());
    add_root(store_, root_of(environment_, "project"));
  }

  Environment environment_;
  Environment held_;
};

TEST_F(CorruptionTest, AFlippedByteOfAnyFileIsFoundAndDoesNoHarm) {
  const auto all = files();
  const auto persons = irreplaceable();
  EXPECT_GE(all.size(), 25u);
  for (const auto& path : all) {
    const auto size = fs::file_size(temporary_.path() / "whole" / path);
    for (int i = 0; i < flips_per_file; ++i) {
      SCOPED_TRACE(fmt::format("{}, flip {}", path, i));
      const auto offset = size * static_cast<std::uintmax_t>(i) / flips_per_file;
      begin_anew();
      flip(store_.root() / path, offset, i % 8);
      if (offset < first_line && path == "version") {
        EXPECT_THROW(Store::open(store_.root(), Store::Access::update), StoreError);
        continue;
      }
      const auto found = verify_store(store_, {.threads = 2}).problems;
      EXPECT_EQ(!found.empty(), found_by(path) == FoundBy::verifying);
      if (found_by(path) == FoundBy::using_it) {
        EXPECT_EQ(resolve_reference(store_, "project", "/").environment, environment_.id);
        verify_since_sync(store_, {});
      }
      collect();
      for (const auto& problem : verify_store(store_, {.repair = Repair::yes, .threads = 2}).problems)
        EXPECT_TRUE(problem.repaired) << problem.object << ": " << problem.reason;
      collect_garbage(store_, {});
      expect_kept(path);
      build_again();
      collect_garbage(store_, {});
      EXPECT_TRUE(verify_store(store_, {.threads = 2}).problems.empty());
      EXPECT_TRUE(names_in(store_.root() / "quarantine").empty());
      EXPECT_EQ(irreplaceable(), persons);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace karapace::store
