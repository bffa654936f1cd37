// SPDX-License-Identifier: Apache-2.0
#include "store/toolchain.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "store/gc.hpp"
#include "store/root.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace::store {
namespace {

namespace fs = std::filesystem;

const ToolchainFiles two = {{"bin/gcc", "#!/bin/sh\n"}, {"toolchain.cmake", "set(A b)\n"}};

TEST_F(StoreTest, AToolchainIsFoundAgainByItsFiles) {
  auto environment = environment_of(store_, "x");
  auto path = add_toolchain(store_, environment.id, two);
  EXPECT_EQ(path.parent_path(), store_.root() / "toolchains");
  struct stat status{};
  ASSERT_EQ(::stat((path / "bin/gcc").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0555u);
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  auto inode = status.st_ino;
  EXPECT_EQ(add_toolchain(store_, environment.id, two), path);
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_ino, inode) << "made once";
  auto other = two;
  other["bin/gcc"] += "# another\n";
  EXPECT_NE(add_toolchain(store_, environment.id, other), path);
  EXPECT_TRUE(names_in(store_.staging_path()).empty());
}

TEST_F(StoreTest, ADamagedToolchainIsReplaced) {
  auto environment = environment_of(store_, "x");
  auto path = add_toolchain(store_, environment.id, two);
  auto damage = [&](auto change) {
    change();
    EXPECT_EQ(add_toolchain(store_, environment.id, two), path);
    EXPECT_EQ(read_file(path / "bin/gcc"), two.at("bin/gcc"));
    EXPECT_EQ(names_in(path / "bin"), std::vector<std::string>{"gcc"});
  };
  damage([&] { write_file_atomically(path / "bin/gcc", "#!/bin/sh\nevil\n", Durable::no, 0555); });
  damage([&] { write_file_atomically(path / "bin/cc", "", Durable::no); });
  damage([&] { fs::remove(path / "bin/gcc"); });
  damage([&] { ::chmod((path / "bin/gcc").c_str(), 0); });
}

TEST_F(StoreTest, AToolchainGoesWithItsEnvironment) {
  auto kept = environment_of(store_, "kept");
  add_root(store_, root_of(kept, "kept"));
  auto dead = environment_of(store_, "dead");
  auto stays = add_toolchain(store_, kept.id, two);
  auto goes = add_toolchain(store_, dead.id, two);
  ASSERT_NE(stays, goes);
  fs::create_directories(store_.root() / "toolchains/damaged");
  auto report = collect_garbage(store_, {.keep = {}, .dry_run = DryRun::no, .threads = 1});
  EXPECT_EQ(names_in(store_.root() / "toolchains"), std::vector<std::string>{stays.filename()});
  EXPECT_EQ(std::count_if(report.garbage.begin(), report.garbage.end(),
                          [](const Garbage& garbage) { return garbage.kind == GarbageKind::toolchain; }),
            2);
  EXPECT_THROW(add_toolchain(store_, dead.id, two), NotFoundError);
}

}  // namespace
}  // namespace karapace::store
