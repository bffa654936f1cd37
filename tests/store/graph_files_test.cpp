// SPDX-License-Identifier: Apache-2.0
// What edges read while they run outlives the graph that named it, and then goes with gc.
#include "store/graph_files.hpp"

#include <fmt/format.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "store/gc.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace::store {
namespace {

namespace fs = std::filesystem;

class GraphFilesTest : public StoreTest {
 protected:
  fs::path build() const { return temporary_.path() / "build"; }
  /// As gen does.
  fs::path generate(const std::vector<std::string>& names) {
    fs::create_directories(build());
    GraphFiles files(store_, build(), "build.ninja");
    for (const auto& name : names) files.add(name, "text of " + name);
    files.keep();
    files.finish();
    return files.path();
  }
  static void make_old(const fs::path& path) {
    fs::last_write_time(path, fs::file_time_type::clock::now() - graph_files_stay - std::chrono::hours(1));
  }
  static void make_all_old(const fs::path& directory) {
    for (const auto& name : names_in(directory)) make_old(directory / name);
  }
  std::vector<std::string> collect(DryRun dry_run = DryRun::no) {
    std::vector<std::string> gone;
    for (const auto& garbage : collect_garbage(store_, {.keep = {}, .dry_run = dry_run, .threads = 1}).garbage) {
      EXPECT_EQ(text(garbage.kind), "graph-file");
      EXPECT_GT(garbage.bytes, 0u);
      gone.push_back(garbage.name);
    }
    return gone;
  }
};

using Names = std::vector<std::string>;

TEST_F(GraphFilesTest, WhatAGraphNamesNoMoreStaysWhileANinjaMayRunWithIt) {
  const auto files = generate({"new", "old"});
  make_all_old(files);  // a graph of long ago that ninja has just begun with
  generate({"new"});
  EXPECT_EQ(collect(), Names{});
  EXPECT_EQ(read_file(files / "old"), "text of old");
  make_all_old(files);
  const auto dead = files.filename() / "old";
  EXPECT_EQ(collect(DryRun::yes), Names{dead});
  EXPECT_TRUE(fs::exists(files / "old"));
  EXPECT_EQ(collect(), Names{dead});
  EXPECT_EQ(names_in(files), (Names{"graph", "new"}));
}

TEST_F(GraphFilesTest, ThoseOfAGraphThatWasMovedStayWhileEdgesReadThem) {
  const auto files = generate({"one", "two"});
  make_all_old(files);
  fs::rename(build(), temporary_.path() / "moved");
  EXPECT_EQ(collect(), Names{});
  make_all_old(files);
  note_use_of_graph_file(files / "one");
  EXPECT_EQ(collect(), Names{});
  EXPECT_TRUE(fs::exists(files / "two"));
  make_all_old(files);
  EXPECT_EQ(collect(DryRun::yes), Names{files.filename()});
  EXPECT_EQ(collect(), Names{files.filename()});
  EXPECT_FALSE(fs::exists(files));
}

TEST_F(GraphFilesTest, ADirectoryThatComesBackIsCountedAnew) {
  const auto files = generate({"one"});
  const auto moved = temporary_.path() / "moved";
  fs::rename(build(), moved);
  EXPECT_EQ(collect(), Names{});
  make_all_old(files);
  fs::rename(moved, build());
  EXPECT_EQ(collect(), Names{});
  fs::rename(build(), moved);
  EXPECT_EQ(collect(), Names{});
  EXPECT_TRUE(fs::exists(files / "one"));
}

TEST_F(GraphFilesTest, ThoseThatAGenIsAtWorkWithStay) {
  fs::create_directories(build());
  GraphFiles files(store_, build(), "build.ninja");
  files.add("one", "text");
  files.keep();
  fs::remove(build());
  write_file_atomically(files.path() / "lost", "", Durable::no);
  make_all_old(files.path());
  EXPECT_EQ(collect(), Names{});
}

TEST_F(GraphFilesTest, OfADamagedListNothingGoesAndGenReplacesIt) {
  for (const bool is_cut : {false, true}) {
    const auto files = generate({"new", "old"});
    make_all_old(files);
    if (is_cut) {
      fs::resize_file(files / "graph", 0);
    } else {
      flip_byte(files / "graph");
    }
    EXPECT_EQ(collect(), Names{});
    generate({"new"});
    EXPECT_EQ(collect(), Names{}) << "a ninja of the old graph may run";
    make_all_old(files);
    EXPECT_EQ(collect(), Names{files.filename() / "old"});
  }
}

TEST_F(GraphFilesTest, OfADamagedListThatNobodyReplacesAllGoAfterAWeek) {
  const auto files = generate({"one"});
  flip_byte(files / "graph");
  EXPECT_EQ(collect(), Names{});
  make_all_old(files);
  note_use_of_graph_file(files / "one");
  EXPECT_EQ(collect(), Names{}) << "a ninja runs with it";
  make_all_old(files);
  EXPECT_EQ(collect(), Names{files.filename()});
}

TEST_F(GraphFilesTest, ThoseThatAnEarlierReleaseNamedByTheDirectoryGoAfterAWeek) {
  const auto files = generate({"one"});
  const auto old = files.parent_path() / blake3(fs::canonical(build()).native()).hex();
  fs::copy(files, old);
  EXPECT_EQ(collect(), Names{});
  make_all_old(old);
  EXPECT_EQ(collect(), Names{old.filename()});
  EXPECT_TRUE(fs::exists(files / "one"));
}

TEST_F(GraphFilesTest, TheTwoGraphsOfADirectoryHaveFilesOfTheirOwn) {
  fs::create_directories(build());
  for (const char* graph : {"build.ninja", "steps.cmake", "build.ninja"}) {
    GraphFiles files(store_, build(), graph);
    files.add("arguments", graph);
    files.keep();
    files.finish();
  }
  const GraphFiles ninja(store_, build(), "build.ninja"), cmake(store_, build(), "steps.cmake");
  EXPECT_EQ(read_file(ninja.path() / "arguments"), "build.ninja");
  EXPECT_EQ(read_file(cmake.path() / "arguments"), "steps.cmake");
}

TEST_F(GraphFilesTest, WhatCanNotBeLockedKeepsNothingElseFromBeingCollected) {
  generate({"one"});
  const auto lock = store_.root() / "locks" / ("graph-" + names_in(store_.root() / "graphs").front());
  fs::remove(lock);
  fs::create_directory(lock);
  fs::create_directory(store_.root() / "quarantine");
  write_file_atomically(store_.root() / "quarantine/old", "text", Durable::no);
  const auto report = collect_garbage(store_, {});
  ASSERT_EQ(report.garbage.size(), 1u);
  EXPECT_EQ(report.garbage.front().name, "old");
}

TEST_F(GraphFilesTest, DamagedFilesAreWrittenAgain) {
  const auto files = generate({"one"});
  flip_byte(files / "one");
  generate({"one"});
  EXPECT_EQ(read_file(files / "one"), "text of one");
}

}  // namespace
}  // namespace karapace::store
