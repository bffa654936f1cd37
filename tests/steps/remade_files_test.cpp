// SPDX-License-Identifier: Apache-2.0
// Which files are made again after a build's commands, and how that is run. What the commands do is tested with the
// packages themselves (tests/e2e/file_systems.sh).
#include "runtime/steps/remade_files.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/remove_tree.hpp"
#include "runtime/steps/canonical_rules.hpp"

namespace karapace::steps {
namespace {

namespace fs = std::filesystem;

class RemadeFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "karapace-remade-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    path_ = name;
    for (const char* part : {"upper", "work"}) fs::create_directory(path_ / part);
  }
  void TearDown() override { remove_tree(path_); }

  /// A plan whose commands ended well.
  sandbox::SandboxPlan done() const {
    sandbox::SandboxPlan plan;
    plan.lowers = {path_ / "lower"};
    plan.upper = path_ / "upper";
    plan.work = path_ / "work";
    plan.binds.push_back({path_, "/run/karapace/package.deb"});
    plan.commands.push_back({{"/bin/false"}, {{"FIRST", "1"}}, "/", {}});
    plan.commands.push_back({{"/bin/true"}, {{"LAST", "1"}}, "/", {}});
    return plan;
  }

  fs::path place(std::string_view path) const {
    const auto place = path_ / "upper" / path;
    fs::create_directories(place.parent_path());
    return place;
  }
  void touch(std::string_view path) const { std::ofstream(place(path)) << "entries"; }

  fs::path path_;
};

constexpr const char* info = "usr/share/info/dir";
constexpr const char* ghc = "var/lib/ghc/package.conf.d/package.cache";

TEST_F(RemadeFiles, NothingRunsWhereNoneWasTouched) {
  touch("usr/share/info/wget.info.gz");
  EXPECT_FALSE(remaking(done()));
  EXPECT_FALSE(fs::exists(path_ / "work-again"));
}

TEST_F(RemadeFiles, OnlyWhatWasTouchedIsMadeAgain) {
  touch(ghc);
  const auto plan = remaking(done());
  ASSERT_TRUE(plan);
  ASSERT_EQ(plan->commands.size(), 1u);
  EXPECT_EQ(plan->commands[0].title, "making /var/lib/ghc/package.conf.d/package.cache again");
  touch(info);
  fs::remove(path_ / "work-again");
  EXPECT_EQ(remaking(done())->commands.size(), 2u);
}

TEST_F(RemadeFiles, APatternStandsForEachDirectoryThatHasTheFile) {
  for (const char* name : {"x86_64-linux-gnu", "i386-linux-gnu"})
    touch(fmt::format("usr/lib/{}/vlc/plugins/plugins.dat", name));
  touch("usr/lib/aarch64-linux-gnu/vlc/plugins/plugin.so");
  const auto plan = remaking(done());
  ASSERT_TRUE(plan);
  ASSERT_EQ(plan->commands.size(), 2u);
  EXPECT_EQ(plan->commands[0].argv.back(), "/usr/lib/i386-linux-gnu/vlc/plugins/plugins.dat");
  EXPECT_EQ(plan->commands[1].argv.back(), "/usr/lib/x86_64-linux-gnu/vlc/plugins/plugins.dat");
}

TEST_F(RemadeFiles, AreMadeInAnOrderOfTheirOwnOverWhatTheCommandsLeft) {
  touch(info);
  const auto before = done();
  const auto plan = remaking(before);
  ASSERT_TRUE(plan);
  EXPECT_NE(plan->directory_order, 0u);
  EXPECT_EQ(plan->lowers, before.lowers);
  EXPECT_EQ(plan->upper, before.upper);
  // The kernel does not mount a volatile overlay twice.
  EXPECT_EQ(plan->work, path_ / "work-again");
  EXPECT_TRUE(fs::is_directory(plan->work));
  EXPECT_TRUE(plan->binds.empty());
  EXPECT_EQ(plan->commands[0].variables, before.commands.back().variables);
}

TEST_F(RemadeFiles, TheOrderIsTheSameWhicheverTheCommandsHad) {
  touch(info);
  auto other = done();
  other.directory_order = 7;
  const auto order = remaking(done())->directory_order;
  fs::remove(path_ / "work-again");
  EXPECT_EQ(remaking(other)->directory_order, order);
}

TEST_F(RemadeFiles, WhatWasRemovedOrIsNoFileStaysSo) {
  fs::create_symlink("elsewhere", place(info));
  fs::create_directory(place(ghc));
  EXPECT_FALSE(remaking(done()));
}

TEST_F(RemadeFiles, ALinkOnTheWayLeadsNowhere) {
  fs::create_directories(path_ / "host/info");
  fs::create_directories(path_ / "host/x86_64-linux-gnu/vlc/plugins");
  std::ofstream(path_ / "host/info/dir") << "of the host";
  std::ofstream(path_ / "host/x86_64-linux-gnu/vlc/plugins/plugins.dat") << "of the host";
  fs::create_directories(path_ / "upper/usr");
  for (const char* name : {"share", "lib"}) fs::create_directory_symlink(path_ / "host", path_ / "upper/usr" / name);
  EXPECT_FALSE(remaking(done()));
}

TEST_F(RemadeFiles, NoneIsLeftOutOfLayers) {
  for (const auto& file : remade_files()) {
    EXPECT_EQ(rule_for(file.pattern), nullptr) << file.pattern;
    EXPECT_FALSE(file.reason.empty()) << file.pattern;
  }
}

}  // namespace
}  // namespace karapace::steps
