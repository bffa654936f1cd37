// SPDX-License-Identifier: Apache-2.0
// Trees that are deeper than a path may be long: anything that runs in a step can make one.
#include <functional>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "base/remove_tree.hpp"
#include "store/path_limit.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace {
namespace {

using store::error_of;
using store::fork_child;
using store::wait_for;

/// In memory where there is such a place: it is not the disk that is to be measured.
struct MemoryDirectory : TemporaryDirectory {
  MemoryDirectory() : TemporaryDirectory("karapace-deep", "/dev/shm") {}
};

/// Directories "d" in each other, with a file of `size` bytes at the bottom.
void make_deep(const std::filesystem::path& tree, int levels, mode_t mode = 0755, std::size_t size = 0) {
  ASSERT_EQ(::mkdir(tree.c_str(), 0755), 0);
  std::vector<Fd> above;
  Fd at = open_at(AT_FDCWD, tree, O_RDONLY | O_DIRECTORY);
  for (int level = 1; level < levels; ++level) {
    ASSERT_EQ(::mkdirat(at.get(), "d", 0755), 0);
    Fd next = open_at(at.get(), "d", O_RDONLY | O_DIRECTORY);
    if (mode != 0755) ::fchmod(at.get(), mode);
    at = std::move(next);
  }
  write_all(open_at(at.get(), "file", O_WRONLY | O_CREAT, 0600).get(), std::string(size, 'x'), "file");
}

/// Processor time: what the machine does besides does not count.
double seconds(const std::function<void()>& work) {
  auto now = [] {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    auto of = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return of(usage.ru_utime) + of(usage.ru_stime);
  };
  auto before = now();
  work();
  return now() - before;
}

constexpr int levels = 30'000;

TEST(DeepTreeTest, IsRefusedByAScanAtTheFirstLongPath) {
  MemoryDirectory temporary;
  make_deep(temporary.path() / "tree", levels);
  std::string error;
  EXPECT_LT(seconds([&] { error = error_of([&] { store::scan_path(temporary.path() / "tree"); }); }), 20.0);
  EXPECT_TRUE(error.starts_with(
      "tree: a path is longer than 3072 bytes, which nothing can work with: make it shorter; it begins with \"/d/d/"))
      << error;
}

TEST(DeepTreeTest, IsRemovedInTimeThatGrowsWithItsDepth) {
  MemoryDirectory temporary;
  make_deep(temporary.path() / "tree", levels);
  EXPECT_LT(seconds([&] { remove_tree(temporary.path() / "tree"); }), 20.0);
  EXPECT_FALSE(std::filesystem::exists(temporary.path() / "tree"));
}

TEST(DeepTreeTest, ManyAreRemovedWithFewDescriptors) {
  MemoryDirectory temporary;
  std::filesystem::create_directory(temporary.path() / "many");
  for (int i = 0; i < 20; ++i) make_deep(temporary.path() / "many" / std::to_string(i), 2000);
  auto work = [&] {
    const rlimit few{300, 300};
    if (::setrlimit(RLIMIT_NOFILE, &few) != 0) return 1;
    remove_tree(temporary.path() / "many");
    return std::filesystem::exists(temporary.path() / "many") ? 2 : 0;
  };
  EXPECT_EQ(wait_for(fork_child(work)), 0);
}

TEST(DeepTreeTest, IsMeasuredToItsBottom) {
  MemoryDirectory temporary;
  make_deep(temporary.path() / "tree", levels, 0755, 1234);
  std::vector<Survey> surveys;
  EXPECT_LT(seconds([&] { surveys = survey_trees({temporary.path() / "tree"}, 1); }), 20.0);
  EXPECT_EQ(surveys.at(0).bytes, 1234u);
  EXPECT_TRUE(surveys[0].obstacle.empty());
}

TEST(DeepTreeTest, IsRemovedWhateverItsModesAndNamesAre) {
  MemoryDirectory temporary;
  if (::geteuid() == 0) ::chown(temporary.path().c_str(), 65534, 65534);
  auto work = [&] {
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) return 1;
    auto tree = temporary.path() / "tree";
    make_deep(tree, 1000, 0500);
    ::chmod(tree.c_str(), 0700);
    // What removal might call things itself.
    ::mkdir((tree / ".karapace-deep-0").c_str(), 0755);
    ::mkdir((tree / ".karapace-deep-0/full").c_str(), 0755);
    write_file_atomically(tree / ".karapace-deep-1", "", Durable::no);
    ::chmod(tree.c_str(), 0500);
    remove_tree(tree);
    return std::filesystem::exists(tree) ? 2 : 0;
  };
  EXPECT_EQ(wait_for(fork_child(work)), 0);
}

}  // namespace
}  // namespace karapace
