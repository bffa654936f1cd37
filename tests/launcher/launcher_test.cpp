// SPDX-License-Identifier: Apache-2.0
// The launcher as users meet it: the real program in a tree of real versions.
#include <filesystem>
#include <fstream>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/child.hpp"
#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "base/sibling_programs.hpp"
#include "tests/skipping.hpp"

namespace karapace {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

struct Launcher : ::testing::Test {
  TemporaryDirectory temporary;
  fs::path root = fs::canonical(temporary.path()) / "app";

  Launcher() {
    for (const auto* name : {"bin", "versions"}) fs::create_directories(root / name);
    write_file_atomically(root / "bin/.launcher-1", read_file(find_program("karapace-launcher")), Durable::no, 0755);
    for (const auto* name : {"1.0.0-rc1+1", "1.0.0+1", "1.0.0+10", "1.0.0+9", "nightly+1"}) add_version(name);
    link("stable", "latest");
    link("latest", "1");
    link("1", "1.0.0+10");
    link("old", "1.0.0+1");
    link("dangling", "2");
    link("outside", "../bin");
    fs::create_directory(root / "versions/junk");
    fs::create_directory(root / "versions/.new-1.0.0+3");
    for (const auto* name : {"app", "missing"}) fs::create_symlink(".launcher-1", root / "bin" / name);
  }

  void add_version(const std::string& name) const {
    fs::create_directories(root / "versions" / name / "bin");
    write_file_atomically(root / "versions" / name / "bin/app",
                          "#!/bin/sh\necho \"" + name + "\"; for word; do echo \"<$word>\"; done; exit 7\n",
                          Durable::no, 0755);
  }
  void link(const std::string& name, const std::string& target) const {
    fs::create_symlink(target, root / "versions" / name);
  }
  Captured run(std::vector<std::string> words, const std::string& version = {}) const {
    words.insert(words.begin(), root / "bin/app");
    ChildCommand command{.argv = std::move(words)};
    command.variables = {"PATH=/usr/bin:/bin"};
    if (!version.empty()) command.variables->push_back("KARAPACE_RELEASE_VERSION=" + version);
    return capture_child(command);
  }
};

TEST_F(Launcher, WhatIsRemovedWhileItStartsIsLookedForAgain) {
  // Opening the FIFO waits for the launcher, which has resolved the version by then.
  const auto mark = root / "versions/1.0.0+10/run-inside";
  ASSERT_EQ(::mkfifo(mark.c_str(), 0644), 0);
  std::jthread remover([&] {
    const auto fifo = open_at(AT_FDCWD, mark, O_WRONLY);
    fs::remove(root / "versions/1");
    link("1", "1.0.0+9");
    fs::remove_all(root / "versions/1.0.0+10");
    write_all(fifo.get(), std::string(64, 'a'), "the mark");
  });
  ChildCommand command{.argv = {root / "bin/app"}};
  command.variables = {"PATH=/usr/bin:/bin", "KARAPACE_ENVIRONMENT=aaaa"};
  const auto captured = capture_child(command);
  EXPECT_EQ(captured.errors, "");
  EXPECT_EQ(captured.output, "1.0.0+9\n");
}

TEST_F(Launcher, AVersionOfAnEnvironmentRunsInIt) {
  const auto id = std::string(64, 'a');
  write_file_atomically(root / "versions/1.0.0+10/run-inside", id + "\n", Durable::no);
  const auto tools = fs::canonical(temporary.path()) / "tools";
  fs::create_directory(tools);
  const auto path = "PATH=" + tools.native() + ":/usr/bin:/bin";
  ChildCommand command{.argv = {root / "bin/app", "a", "b c"}};
  command.variables = {path};
  const auto missing = capture_child(command);
  EXPECT_EQ(missing.status, 1);
  EXPECT_EQ(missing.errors,
            "app: the version \"stable\" runs in the environment that it was built in, for which `karapace` is needed, "
            "and there is none in PATH\n");
  write_file_atomically(tools / "karapace", "#!/bin/sh\nfor word; do echo \"<$word>\"; done; exit 9\n", Durable::no,
                        0755);
  const auto inside = capture_child(command);
  EXPECT_EQ(inside.status, 9);
  EXPECT_EQ(inside.output, "<release>\n<exec>\n<--here>\n<--destination>\n<" + root.native() +
                               ">\n<--release-version>\n<1.0.0+10>\n<-->\n<app>\n<a>\n<b c>\n");
  // There already, or of another version.
  command.variables = {path, "KARAPACE_ENVIRONMENT=" + id.substr(0, 12)};
  EXPECT_EQ(capture_child(command).output, "1.0.0+10\n<a>\n<b c>\n");
  command.variables = {path, "KARAPACE_RELEASE_VERSION=old"};
  EXPECT_EQ(capture_child(command).output, "1.0.0+1\n<a>\n<b c>\n");
  command.variables = {path};
  command.argv.front() = root / "bin/missing";
  EXPECT_THAT(capture_child(command).errors, HasSubstr("the version \"stable\" has no program \"missing\""));
}

struct Row {
  std::vector<std::string> words;
  std::string variable;
  std::string output;
};

TEST_F(Launcher, Table) {
  const std::vector<Row> rows = {
      {{}, "", "1.0.0+10\n"},
      {{"a", "b c", ""}, "", "1.0.0+10\n<a>\n<b c>\n<>\n"},
      {{"-v", "1.0.0+1", "x"}, "", "1.0.0+1\n<x>\n"},
      {{"--version", "old", "x"}, "", "1.0.0+1\n<x>\n"},
      {{"-v", "nightly+1"}, "", "nightly+1\n"},
      // Alone, or before an option, they are the program's own.
      {{"--version"}, "", "1.0.0+10\n<--version>\n"},
      {{"-v"}, "", "1.0.0+10\n<-v>\n"},
      {{"-v", "-x", "1"}, "", "1.0.0+10\n<-v>\n<-x>\n<1>\n"},
      // Only the first argument is looked at.
      {{"x", "-v", "old"}, "", "1.0.0+10\n<x>\n<-v>\n<old>\n"},
      {{"-v", "old", "-v", "1"}, "", "1.0.0+1\n<-v>\n<1>\n"},
      {{"x", "--print-versions"}, "", "1.0.0+10\n<x>\n<--print-versions>\n"},
      {{"-h"}, "", "1.0.0+10\n<-h>\n"},
      {{"--help"}, "", "1.0.0+10\n<--help>\n"},
      {{"--print-version-path"}, "", "1.0.0+10\n<--print-version-path>\n"},
      {{"--print-version-path", "-x"}, "", "1.0.0+10\n<--print-version-path>\n<-x>\n"},
      {{"--", "-v", "old"}, "", "1.0.0+10\n<-->\n<-v>\n<old>\n"},
      {{"x"}, "old", "1.0.0+1\n<x>\n"},
      {{"-v", "1"}, "old", "1.0.0+10\n"},
      {{"-v"}, "old", "1.0.0+1\n<-v>\n"},
  };
  for (const auto& row : rows) {
    const auto result = run(row.words, row.variable);
    const auto told = fmt::format("{} {}", fmt::join(row.words, " "), row.variable);
    EXPECT_EQ(result.output, row.output) << told;
    EXPECT_EQ(result.errors, "") << told;
    EXPECT_EQ(result.status, 7) << told;
  }
}

TEST_F(Launcher, ListsVersionsTheNewestFirst) {
  const auto result = run({"--print-versions"});
  EXPECT_EQ(result.output, "1.0.0+10\t(1, latest, stable)\n1.0.0+9\n1.0.0+1\t(old)\n1.0.0-rc1+1\nnightly+1\n");
  EXPECT_EQ(result.status, 0);
}

TEST_F(Launcher, TellsTheDirectoryOfAVersion) {
  EXPECT_EQ(run({"--print-version-path", "stable"}).output, (root / "versions/1.0.0+10\n").native());
}

TEST_F(Launcher, WhatIsNoVersionIsRefused) {
  for (const auto* name : {"2", "dangling", "outside", "../versions/1", "1/", ".", "..", ".new-1.0.0+3", ""})
    for (const auto* option : {"-v", "--print-version-path"}) {
      const auto result = run({option, name});
      EXPECT_THAT(result.errors, HasSubstr(fmt::format("app: there is no version \"{}\"", name)));
      EXPECT_EQ(result.output, "");
      EXPECT_EQ(result.status, 1);
    }
  EXPECT_THAT(run({}, "2").errors, HasSubstr("`app --print-versions` lists them"));
}

TEST_F(Launcher, NamesAreEscapedAndOnlyWordsAreListed) {
  add_version("\x1b[2Jevil+1");
  EXPECT_THAT(run({"--print-versions"}).output, Not(HasSubstr("evil")));
  EXPECT_THAT(run({"-v", "\x1b]0;x\a"}).errors, HasSubstr("no version \"\\x1b]0;x\\x07\""));
}

TEST_F(Launcher, WithTheRightsOfAnotherItObeysNoVariable) {
  if (::geteuid() != 0) KARAPACE_SKIP_TEST("only root gives files away");
  fs::permissions(temporary.path(), fs::perms(0755));
  const auto launcher = root / "bin/.launcher-1";
  ASSERT_EQ(::chown(launcher.c_str(), 12345, 12345), 0);
  ASSERT_EQ(::chmod(launcher.c_str(), 04755), 0);
  EXPECT_EQ(run({}, "old").output, "1.0.0+10\n");
}

TEST_F(Launcher, AProgramThatAVersionHasNotIsNamed) {
  const auto result = capture_child({.argv = {root / "bin/missing"}});
  EXPECT_EQ(result.errors, "missing: the version \"stable\" has no program \"missing\"\n");
  EXPECT_EQ(result.status, 1);
}

TEST_F(Launcher, AProgramThatCanNotStartIsTold) {
  fs::permissions(root / "versions/1.0.0+10/bin/app", fs::perms::owner_read);
  EXPECT_THAT(run({}).errors, HasSubstr("can not start"));
}

TEST_F(Launcher, AProgramSeesTheVersionItselfAndNoLink) {
  write_file_atomically(root / "versions/1.0.0+10/bin/app", "#!/bin/sh\necho \"$0\"\n", Durable::no, 0755);
  EXPECT_EQ(run({}).output, (root / "versions/1.0.0+10/bin/app\n").native());
}

TEST_F(Launcher, IsFoundThroughLinksAndTheWholeTreeMayMove) {
  fs::create_symlink(root / "bin/app", temporary.path() / "app-elsewhere");
  fs::create_symlink(root / "bin/missing", temporary.path() / "other");
  fs::rename(root, root.parent_path() / "moved");
  fs::create_symlink("moved", root);
  EXPECT_EQ(capture_child({.argv = {root / "bin/app"}}).output, "1.0.0+10\n");
  EXPECT_THAT(capture_child({.argv = {temporary.path() / "other"}}).errors, HasSubstr("no program \"missing\""));
}

TEST_F(Launcher, ALinkOfTheUsersOwnToAProgramMayHaveAnyName) {
  const auto home = temporary.path() / "home";
  fs::create_directory(home);
  fs::create_symlink(root / "bin/app", home / "mine");
  fs::create_symlink("mine", home / "again");
  for (const auto* name : {"mine", "again"}) {
    const auto said = capture_child({.argv = {home / name, "x"}});
    EXPECT_EQ(said.output, "1.0.0+10\n<x>\n") << said.errors;
  }
}

}  // namespace
}  // namespace karapace
