// SPDX-License-Identifier: Apache-2.0
// What a session, or anybody, left where `karapace gen` and Ninja write.
#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "gen_fixture.hpp"

namespace karapace::tests {
namespace {

/// What a session left in the project in place of something of ours: a directory elsewhere with something dear in it.
class Traps : public Gen {
 protected:
  void SetUp() override {
    Gen::SetUp();
    fs::create_directories(victim());
    for (const char* name : {"dear", "local.ninja", "build.ninja"}) {
      write_file_atomically(victim() / name, "dear\n", Durable::no);
    }
  }
  fs::path victim() const { return directory_ / "victim"; }
  void set(const fs::path& name, const fs::path& target) const {
    fs::remove_all(project_ / name);
    fs::create_symlink(target, project_ / name);
  }
  void expect_victim_is_whole() const {
    EXPECT_EQ(files_in(victim()), (std::set<std::string>{"build.ninja", "dear", "local.ninja"}));
    for (const auto& entry : fs::directory_iterator(victim())) EXPECT_EQ(read_file(entry.path()), "dear\n");
  }
};

TEST_F(Traps, PathsThatLeadNowhereAreToldWithTheRemedy) {
  struct Case {
    std::string setup;
    std::string command;
    std::string said;
  };
  const auto place = project_.native();
  const std::string circle = "leads back to itself; remove it and try again";
  const std::string name(300, 'n');
  const std::vector<Case> cases = {
      {"ln -s .karapace .karapace", "build", "the link \"" + place + "/.karapace\" " + circle},
      {"mkdir .karapace && ln -s build .karapace/build", "build",
       "the link \"" + place + "/.karapace/build\" " + circle},
      {"ln -s loop loop", "gen -C loop", "the link \"" + place + "/loop\" " + circle},
      {"ln -s loop loop", "gen -C loop/build", "the link \"" + place + "/loop\" " + circle},
      {"ln -s loop loop", "build loop", "the link \"" + place + "/loop\" " + circle},
      {"ln -s loop loop", "explain ./loop", "the link \"./loop\" " + circle},
      {"ln -s loop loop", "new loop", "the link \"" + place + "/loop\" " + circle},
      {":", "gen -C " + name, "File name too long; choose a shorter path"},
      {":", "build " + name, "File name too long; choose a shorter path"},
      {":", "new " + name, "File name too long; choose a shorter path"},
      {"mkdir gone && cd gone && rmdir ../gone", "gen", "the working directory is gone: change into another"},
      {"mkdir gone && cd gone && rmdir ../gone", "lock", "the working directory is gone: change into another"},
  };
  for (const auto& [setup, command, said] : cases) {
    SCOPED_TRACE(command);
    auto result = shell("rm -rf loop .karapace && " + setup + " && karapace " + command);
    EXPECT_EQ(result.status, 1);
    EXPECT_NE(result.output.find(said), std::string::npos) << result.output;
    EXPECT_EQ(result.output.find("filesystem error"), std::string::npos) << result.output;
  }
}

TEST_F(Traps, NoPathBreaksALineOfAnError) {
  project_ = directory_ / "a\nb\x1b[1m";
  fs::create_directories(project_);
  write_manifest("");
  write_lock(project_ / "karapace.lock", lock_);
  const std::vector<std::string> cases = {
      "echo x > build.ninja; karapace gen",
      "ln -s x build.ninja; karapace gen",
      "mkdir .ninja_log; karapace gen",
      "karapace gen",  // ninja can not hold it
      "karapace gen \"$PWD/none\"",
      "cd .. && karapace gen a*",
      "printf x > karapace.toml; cd .. && karapace gen a*",
      "cd .. && karapace gen --check a*",
      "rm karapace.lock; karapace gen --frozen",
  };
  for (const auto& command : cases) {
    SCOPED_TRACE(command);
    auto result = shell("rm -rf build.ninja .ninja_log; " + command);
    EXPECT_NE(result.status, 0);
    EXPECT_EQ(result.output.find("a\nb"), std::string::npos) << result.output;
    EXPECT_EQ(result.output.find('\x1b'), std::string::npos) << result.output;
  }
}

TEST_F(Traps, NothingIsWrittenOrRemovedThroughALinkInPlaceOfADirectory) {
  for (const char* name : {".karapace", ".karapace/locks", ".karapace/build", ".karapace/build/.karapace",
                           ".karapace/build/.karapace/locks"}) {
    SCOPED_TRACE(name);
    fs::remove_all(project_ / ".karapace");
    fs::create_directories((project_ / name).parent_path());
    set(name, victim());
    bool in_build = std::string_view(name).find("build") != std::string_view::npos;
    auto result = shell(in_build ? "karapace build" : "karapace gen");
    EXPECT_EQ(result.status, 1);
    EXPECT_NE(result.output.find("\"" + (project_ / name).native() + "\" is a link or no directory"), std::string::npos)
        << result.output;
    expect_victim_is_whole();
  }
}

TEST_F(Traps, AFileInPlaceOfADirectoryIsNamed) {
  write_file_atomically(project_ / ".karapace", "", Durable::no);
  auto result = shell("karapace gen");
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.output.find("/.karapace\" is a link or no directory"), std::string::npos) << result.output;
}

TEST_F(Traps, ALinkInPlaceOfAFileIsReplacedItself) {
  ASSERT_EQ(shell("karapace gen").status, 0);
  auto lock = environment_id(lock_).hex() + ".json";
  for (const fs::path& name : {fs::path(".karapace/local.ninja"), fs::path(".karapace/locks") / lock}) {
    SCOPED_TRACE(name);
    auto text = read_file(project_ / name);
    set(name, victim() / "dear");
    EXPECT_EQ(shell("karapace gen").status, 0);
    EXPECT_FALSE(fs::is_symlink(fs::symlink_status(project_ / name)));
    EXPECT_EQ(read_file(project_ / name), text);
    // The very bytes elsewhere are not ours either.
    write_file_atomically(directory_ / "same", text, Durable::no);
    set(name, directory_ / "same");
    EXPECT_EQ(shell("karapace gen").status, 0);
    EXPECT_FALSE(fs::is_symlink(fs::symlink_status(project_ / name)));
    expect_victim_is_whole();
  }
  set(".karapace/locks/left", victim() / "dear");
  EXPECT_EQ(shell("karapace gen").status, 0);
  EXPECT_FALSE(fs::exists(fs::symlink_status(project_ / ".karapace/locks/left")));
  expect_victim_is_whole();
}

TEST_F(Traps, AFifoInPlaceOfAFileIsNotWaitedFor) {
  auto gen = "timeout 20 " + shell_quoted(KARAPACE_PROGRAM) + " gen";
  ASSERT_EQ(shell(gen).status, 0);
  EXPECT_EQ(shell("rm .karapace/local.ninja && mkfifo .karapace/local.ninja && " + gen).status, 0);
  EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(project_ / ".karapace/local.ninja")));
  auto result = shell("rm build.ninja && mkfifo build.ninja && " + gen);
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.output.find("build.ninja is not one of ours"), std::string::npos) << result.output;
}

TEST_F(Traps, LinksToWhichNinjaWouldWriteAreRefused) {
  for (const char* name : {"build.ninja", ".ninja_log", ".ninja_deps"}) {
    SCOPED_TRACE(name);
    set(name, victim() / "build.ninja");
    auto result = shell("karapace gen");
    EXPECT_EQ(result.status, 1);
    EXPECT_NE(result.output.find(std::string(name) + " is a link, so it is left alone"), std::string::npos)
        << result.output;
    EXPECT_FALSE(fs::exists(project_ / ".karapace"));
    expect_victim_is_whole();
    fs::remove(project_ / name);
  }
}

TEST_F(Traps, NinjaWritesNothingWhereASessionCouldPutALink) {
  ASSERT_EQ(shell("karapace gen").status, 0);
  // What was made before `.karapace` was shown read-only.
  for (const char* name : {".ninja_log", ".ninja_deps", ".ninja_log.recompact", ".ninja_deps.recompact"}) {
    set(fs::path(".karapace") / name, victim() / "dear");
  }
  ASSERT_EQ(shell("karapace gen && sleep 0.02 && touch karapace.toml && ninja build.ninja").status, 0);
  // And after it.
  for (const char* name : {".ninja_log", ".ninja_deps", ".ninja_log.recompact", ".ninja_deps.recompact"}) {
    set(name, victim() / "dear");
  }
  auto result = shell("timeout 20 ninja build.ninja && timeout 20 ninja -t recompact");
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(project_ / ".karapace/.ninja_log")));
  expect_victim_is_whole();
}

TEST_F(Traps, AFifoOrASecondNameInPlaceOfNinjasLogsIsFound) {
  auto gen = "timeout 20 " + shell_quoted(KARAPACE_PROGRAM) + " gen";
  ASSERT_EQ(shell(gen).status, 0);
  ASSERT_EQ(shell("mkfifo .karapace/.ninja_deps && ln ../victim/dear .karapace/.ninja_log && " + gen).status, 0);
  EXPECT_FALSE(fs::exists(fs::symlink_status(project_ / ".karapace/.ninja_deps")));
  EXPECT_FALSE(fs::exists(fs::symlink_status(project_ / ".karapace/.ninja_log")));
  for (const std::string make : {"mkfifo .ninja_log", "ln ../victim/dear .ninja_log"}) {
    auto result = shell(make + " && " + gen);
    EXPECT_EQ(result.status, 1);
    EXPECT_NE(
        result.output.find("/.ninja_log is no regular file, or has another name (a hard link), so it is left alone"),
        std::string::npos)
        << result.output;
    fs::remove(project_ / ".ninja_log");
  }
  expect_victim_is_whole();
}

TEST_F(Traps, ABuildDirectoryIsNotReachedThroughALinkInAProject) {
  fs::remove(victim() / "build.ninja");
  fs::create_directories(project_ / "real");
  set("out", victim());
  set("deep", "real");
  set("dangling", "../victim/new");
  for (const std::string directory : {"out", "out/below", "deep", "deep/below", "dangling", "./out/../out/x"}) {
    SCOPED_TRACE(directory);
    auto result = shell("karapace gen -C " + directory);
    EXPECT_EQ(result.status, 1);
    EXPECT_NE(
        result.output.find("\" is a link, which what ran in a session may have made, so it is not followed: name the "
                           "directory that it leads to, or remove it"),
        std::string::npos)
        << result.output;
  }
  EXPECT_EQ(files_in(victim()), (std::set<std::string>{"dear", "local.ninja"}));
  EXPECT_TRUE(fs::is_empty(project_ / "real"));
  // Another project's session may have made it as well.
  ASSERT_EQ(shell("karapace gen").status, 0);
  fs::create_directories(directory_ / "second");
  fs::copy_file(project_ / "karapace.toml", directory_ / "second/karapace.toml");
  fs::copy_file(project_ / "karapace.lock", directory_ / "second/karapace.lock");
  EXPECT_EQ(shell("cd ../second && karapace gen -C \"../my project/out\"").status, 1);
  // The user's own links elsewhere are followed.
  fs::create_directory_symlink("my project", directory_ / "link");
  EXPECT_EQ(shell("cd ../second && karapace gen -C ../link/real").status, 0);
  EXPECT_TRUE(fs::exists(project_ / "real/build.ninja"));
}

TEST_F(Traps, TheGraphOfCMakeFollowsNoLinkEither) {
  set(".karapace", victim());
  EXPECT_EQ(shell("karapace gen --cmake -C .").status, 1);
  fs::remove(project_ / ".karapace");
  set("steps.cmake", victim() / "dear");
  EXPECT_EQ(shell("karapace gen --cmake -C .").status, 0);
  EXPECT_FALSE(fs::is_symlink(fs::symlink_status(project_ / "steps.cmake")));
  expect_victim_is_whole();
}

TEST_F(Traps, ADirectoryOfSomebodyElseIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a directory away";
  for (const char* name : {".karapace", ".karapace/locks"}) {
    SCOPED_TRACE(name);
    fs::create_directories(project_ / name);
    ASSERT_EQ(::chown((project_ / name).c_str(), 4321, 4321), 0);
    auto result = shell("karapace gen");
    EXPECT_EQ(result.status, 1);
    EXPECT_NE(result.output.find("belongs to the user 4321"), std::string::npos) << result.output;
    fs::remove_all(project_ / ".karapace");
  }
}

}  // namespace
}  // namespace karapace::tests
