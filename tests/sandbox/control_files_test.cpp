// SPDX-License-Identifier: Apache-2.0
// What the host believes of a project, while sessions show it.
#include <thread>

#include <sys/file.h>

#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "session_fixture.hpp"
#include "store/shown.hpp"

namespace karapace::sandbox::test {
namespace {

using namespace std::chrono_literals;

class ControlFiles : public Sessions {
 protected:
  void SetUp() override {
    Sessions::SetUp();
    fs::create_directory(project());
    std::ofstream(graph()) << "graph\n";
    request.binds = {project()};
    request.control_files = [this](const std::vector<fs::path>&) { return sandbox::ControlFiles{{graph()}, {}}; };
  }
  fs::path project() const { return directory / "project"; }
  fs::path graph() const { return project() / "build.ninja"; }
  SessionRequest request;
};
INSTANTIATE_TEST_SUITE_P(User, ControlFiles, ::testing::Values(User::this_one), [](const auto&) { return "ThisUser"; });

TEST_P(ControlFiles, AreHeldHoweverLongTheirWriterTakes) {
  Fd writer = open_at(AT_FDCWD, graph(), O_RDONLY);
  ASSERT_EQ(::flock(writer.get(), LOCK_EX), 0);
  const auto session =
      start("touch " + (project() / "begun").string() + "; while [ ! -e " + (project() / "end").string() +
                " ]; do sleep 0.05; done; ! echo x > " + graph().string(),
            request);
  std::this_thread::sleep_for(1s);
  // As `gen` does: a new file, and then the lock is given back (here, as the session's process has the descriptor,
  // too).
  write_file_atomically(graph(), "a new graph\n", Durable::no);
  ::flock(writer.get(), LOCK_UN);
  for (int i = 0; i < 200 && !fs::exists(project() / "begun"); ++i) std::this_thread::sleep_for(50ms);
  writer = open_at(AT_FDCWD, graph(), O_RDONLY);
  EXPECT_NE(::flock(writer.get(), LOCK_EX | LOCK_NB), 0) << "nobody holds the graph";
  std::ofstream(project() / "end") << "";
  EXPECT_EQ(finish(session), 0);
  EXPECT_EQ(read_file(graph()), "a new graph\n");
}

TEST_P(ControlFiles, AndDirectoriesThatMayBeWrittenAreNotedWhileASessionRuns) {
  const auto looked_at = directory / "looked at";
  fs::create_directory(looked_at);
  request.read_only_binds = {looked_at};
  const auto session = start("touch " + (project() / "begun").string() + "; while [ ! -e " +
                                 (project() / "end").string() + " ]; do sleep 0.05; done",
                             request);
  for (int i = 0; i < 200 && !fs::exists(project() / "begun"); ++i) std::this_thread::sleep_for(50ms);
  const auto opened = store::Store::open(store_root(), store::Store::Access::read_only);
  EXPECT_EQ(store::shown_above(opened, project() / "deep/down"), project());
  EXPECT_EQ(store::shown_above(opened, looked_at), std::nullopt);
  EXPECT_TRUE(store::lock_graphs(opened, LOCK_EX, 1s)) << "it stands, so graphs may be written again";
  std::ofstream(project() / "end") << "";
  EXPECT_EQ(finish(session), 0);
  EXPECT_EQ(store::shown_above(opened, project()), std::nullopt);
}

TEST_P(ControlFiles, ThatSomebodyKeepsLockedKeepASessionFromBeginning) {
  const Fd writer = open_at(AT_FDCWD, graph(), O_RDONLY);
  ASSERT_EQ(::flock(writer.get(), LOCK_EX), 0);
  const auto session = start("touch " + (project() / "begun").string(), request);
  int status = 0;
  ::waitpid(session, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 99);
  EXPECT_FALSE(fs::exists(project() / "begun"));
  EXPECT_EQ(read_file(directory / "error"),
            "sandbox: cannot hold \"" + graph().string() +
                "\", so that sessions could write to it: for 10 seconds a process has had a lock on it, a karapace "
                "that writes it "
                "or what runs in another session of the project (`lslocks` lists them); end that and try again");
}

}  // namespace
}  // namespace karapace::sandbox::test
