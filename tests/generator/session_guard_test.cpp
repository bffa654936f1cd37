// SPDX-License-Identifier: Apache-2.0
// What sessions must not write to is known, and no graph is made where one could.
#include <algorithm>
#include <optional>

#include "gen_fixture.hpp"
#include "generator/project/control_files.hpp"
#include "store/root.hpp"
#include "store/shown.hpp"

namespace karapace::tests {

using namespace project;
namespace {

TEST_F(Gen, MakesNoNewGraphWhereASessionMayWrite) {
  auto opened = store::Store::open(store(), store::Store::Access::create);
  // As a session does with the directories that it shows: here the one above the project.
  std::optional shown = store::note_shown(opened, store::shown_name(directory_));
  for (const char* command :
       {"karapace gen --frozen", "karapace gen --frozen -C build", "karapace gen --frozen --cmake"}) {
    auto refused = shell(command);
    EXPECT_NE(refused.status, 0) << command;
    EXPECT_NE(refused.output.find("a session runs that may write to " + directory_.native()), std::string::npos)
        << refused.output;
  }
  EXPECT_FALSE(fs::exists(project_ / "build.ninja"));
  EXPECT_FALSE(fs::exists(project_ / "build/build.ninja"));
  EXPECT_FALSE(fs::exists(project_ / "build"));
  shown.reset();
  EXPECT_EQ(shell("karapace gen --frozen").status, 0);
  // What is known and there was covered when the session began; what it has made itself was not.
  shown = store::note_shown(opened, store::shown_name(directory_));
  EXPECT_EQ(shell("karapace gen --frozen").status, 0);
  fs::create_directory(project_ / "planted");
  fs::copy_file(project_ / "build.ninja", project_ / "planted/build.ninja");
  EXPECT_NE(shell("karapace gen --frozen -C planted").status, 0);
  EXPECT_FALSE(fs::exists(project_ / "planted/.karapace"));
  EXPECT_NE(shell("karapace gen --frozen --cmake -C .").status, 0) << "the other form was not there";
  EXPECT_EQ(shell("karapace gen --frozen -C .karapace/build").status, 0) << "that is covered as a whole";
}

TEST_F(Gen, GraphsThatAreGoneAreForgottenWhenASessionBegins) {
  ASSERT_EQ(shell("karapace gen --frozen -C out && karapace gen --frozen -C kept").status, 0);
  fs::remove(project_ / "out/build.ninja");
  auto opened = store::Store::open(store(), store::Store::Access::create);
  store::forget_lost_graphs(opened, *store::find_root(opened, project_ / "karapace.toml"));
  const auto graphs = store::find_root(opened, project_ / "karapace.toml")->graphs;
  ASSERT_EQ(graphs.size(), 2U);
  auto has = [](const store::GraphPlace& graph) {
    return std::count(graph.sources.begin(), graph.sources.end(), graph.directory / "build.ninja") == 1;
  };
  EXPECT_TRUE(has(graphs[0]));  // kept
  EXPECT_FALSE(has(graphs[1]));
  fs::remove_all(project_ / "kept/.karapace");  // which a session could make itself then
  store::forget_lost_graphs(opened, *store::find_root(opened, project_ / "karapace.toml"));
  EXPECT_FALSE(has(store::find_root(opened, project_ / "karapace.toml")->graphs[0]));
}

TEST_F(Gen, ControlFilesAreWhatTheHostBelieves) {
  fs::create_directories(project_ / "ci");
  fs::copy_file(project_ / "karapace.toml", project_ / "ci/ci.toml");
  Lock other = lock_;
  other.run = {"true"};
  write_lock(project_ / "ci/ci.lock", other);
  ASSERT_EQ(shell("karapace gen --frozen . ci/ci.toml -C out").status, 0);
  ASSERT_EQ(shell("karapace gen --frozen --cmake -C cmake/dev").status, 0);
  ASSERT_EQ(shell("karapace gen --frozen -C ../outside").status, 0);
  auto opened = store::Store::open(store(), store::Store::Access::read_only);
  auto files = [&](const fs::path& manifest) {
    std::set<std::string> all;
    for (const auto& path : control_files(*store::find_root(opened, manifest))) {
      all.insert(path.lexically_relative(project_).native());
    }
    return all;
  };
  auto of_graph = [](std::set<std::string>& all, const std::string& directory) {
    for (const char* name : {"build.ninja", ".ninja_log", ".ninja_deps", "steps.cmake", ".karapace"}) {
      all.insert((fs::path(directory) / name).lexically_normal().native());
    }
  };
  std::set<std::string> expected = {"karapace.toml", "karapace.lock", "ci/ci.toml", "ci/ci.lock"};
  for (const char* directory : {".", "out", "cmake/dev", "../outside"}) of_graph(expected, directory);
  EXPECT_EQ(files(project_ / "karapace.toml"), expected);

  std::set<std::string> of_ci = {"ci/ci.toml", "ci/ci.lock"};
  for (const char* directory : {"ci", "out"}) of_graph(of_ci, directory);
  EXPECT_EQ(files(project_ / "ci/ci.toml"), of_ci);

  fs::remove_all(directory_ / "outside");
  fs::remove_all(project_ / "cmake");
  ASSERT_EQ(shell("karapace gen --frozen -C out").status, 0);
  EXPECT_EQ(files(project_ / "karapace.toml").size(), 12u);
}

}  // namespace
}  // namespace karapace::tests
