// SPDX-License-Identifier: Apache-2.0
#include "base/child.hpp"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/directory.hpp"

namespace karapace {
namespace {

using std::chrono::milliseconds;

TEST(Child, ThatWaitsForEverIsKilled) {
  TemporaryDirectory directory;
  const auto fifo = directory.path() / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const auto pid_file = directory.path() / "pid";
  const ChildCommand reader{.argv = {"sh", "-c", "echo $$ > \"$1\"; exec cat \"$0\"", fifo, pid_file},
                            .working_directory = {},
                            .output = ChildOutput::inherit,
                            .patience = milliseconds(500)};
  EXPECT_EQ(capture_child(reader).status, out_of_patience);
  pid_t pid = 0;
  std::ifstream(pid_file) >> pid;
  EXPECT_TRUE(pid == 0 || ::kill(pid, 0) != 0) << "it runs on";
}

/// PATH while the value lives.
class SearchPath {
 public:
  explicit SearchPath(const std::string& entries) : before_(::getenv("PATH")) { ::setenv("PATH", entries.c_str(), 1); }
  ~SearchPath() { ::setenv("PATH", before_.c_str(), 1); }
  SearchPath(const SearchPath&) = delete;
  SearchPath& operator=(const SearchPath&) = delete;

 private:
  std::string before_;
};

TEST(Child, IsNoProgramOfTheDirectoryThatItWorksIn) {
  TemporaryDirectory directory;
  std::filesystem::create_directory(directory.path() / "bin");
  for (const char* name : {"tool", "bin/tool"}) {
    std::ofstream(directory.path() / name) << "#!/bin/sh\necho theirs\n";
    ASSERT_EQ(::chmod((directory.path() / name).c_str(), 0755), 0);
  }
  for (const char* entries : {"bin", ".", "", ":/usr/bin", "/usr/bin:", "bin:/usr/bin::/bin"}) {
    const SearchPath path(entries);
    EXPECT_EQ(capture_child({.argv = {"tool"}, .working_directory = directory.path()}).status, 127) << entries;
  }
  EXPECT_EQ(capture_child({.argv = {"./tool"}, .working_directory = directory.path()}).status, 127);
  EXPECT_EQ(capture_child({.argv = {"pwd"}, .working_directory = directory.path()}).output,
            std::filesystem::canonical(directory.path()).string() + "\n");
}

TEST(Child, IsFoundByARelativeEntryOfOurs) {
  TemporaryDirectory directory;
  std::ofstream(directory.path() / "tool") << "#!/bin/sh\necho ours\n";
  ASSERT_EQ(::chmod((directory.path() / "tool").c_str(), 0755), 0);
  const SearchPath path(std::filesystem::relative(directory.path()).string() + ":/usr/bin:/bin");
  EXPECT_EQ(capture_child({.argv = {"tool"}, .working_directory = "/"}).output, "ours\n");
}

TEST(Child, ThatEndsInTimeIsWaitedFor) {
  ChildCommand command{.argv = {"sh", "-c", "cat; exit 3"},
                       .working_directory = {},
                       .output = ChildOutput::inherit,
                       .patience = std::chrono::hours(1)};
  const auto captured = capture_child(command, "input");
  EXPECT_EQ(captured.status, 3);
  EXPECT_EQ(captured.output, "input");
  command.argv = {"no such program"};
  EXPECT_EQ(run_child(command), 127);
}

TEST(Child, ThatWritesWithoutEndIsKilled) {
  constexpr std::uint64_t most = 1 << 20;
  for (const char* to : {"", " >&2"}) {
    const auto captured = capture_child({.argv = {"sh", "-c", std::string("exec yes karapace") + to},
                                         .patience = std::chrono::seconds(30),
                                         .most_output = most});
    EXPECT_EQ(captured.status, too_much_output);
    EXPECT_EQ(captured.output.size() + captured.errors.size(), most);
  }
}

TEST(Child, ThatWritesTooMuchIsToldOfAlsoWhenItEndsAtOnce) {
  ChildCommand command{.argv = {"printf", "123456789"}, .most_output = 8};
  auto captured = capture_child(command);
  EXPECT_EQ(captured.status, too_much_output);
  EXPECT_EQ(captured.output, "12345678");
  command.most_output = 9;
  captured = capture_child(command);
  EXPECT_EQ(captured.status, 0);
  EXPECT_EQ(captured.output, "123456789");
}

/// How a process ends that is interrupted with the child that it waits for.
int status_after_interrupt(Interrupts interrupts, bool ignored) {
  const pid_t parent = ::fork();
  if (parent == 0) {
    ::setpgid(0, 0);
    ::signal(SIGINT, ignored ? SIG_IGN : SIG_DFL);
    const auto captured = capture_child(
        {.argv = {"sh", "-c", "kill -INT 0; sleep 0.3; echo on"}, .working_directory = {}, .interrupts = interrupts});
    ::_exit(captured.status == 128 + SIGINT ? 1 : captured.output == "on\n" ? 2 : 3);
  }
  int status = 0;
  ::waitpid(parent, &status, 0);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

TEST(Child, ThatIsInterruptedIsWaitedForOrEndsUsTooAsAsked) {
  EXPECT_EQ(status_after_interrupt(Interrupts::for_child, false), 1);
  EXPECT_EQ(status_after_interrupt(Interrupts::for_both, false), 128 + SIGINT);
  EXPECT_EQ(status_after_interrupt(Interrupts::for_both, true), 2) << "neither is interrupted where it is ignored";
}

TEST(Child, HasTheVariablesThatItIsGivenAndNoOthers) {
  const ChildCommand command{
      .argv = {"env"}, .working_directory = {}, .variables = std::vector<std::string>{"ONE=1", "TWO=a b"}};
  EXPECT_EQ(capture_child(command).output, "ONE=1\nTWO=a b\n");
}

struct Watched {
  std::string text;
  int ticks = 0;
  ChildWatch watch() {
    return {.output = [this](std::string_view bytes) { text += bytes; },
            .tick = [this] { ++ticks; },
            .every = milliseconds(20)};
  }
};

TEST(Child, ThatIsWatchedHasATerminalWhichChangesNothing) {
  Watched watched;
  const auto end = watch_child(
      {.argv = {"sh", "-c", "test -t 1 && test -t 2 && printf 'a\nb' && sleep 0.2; exit 3"}, .working_directory = {}},
      watched.watch());
  EXPECT_EQ(end.status, 3);
  EXPECT_EQ(watched.text, "a\nb");
  EXPECT_GE(watched.ticks, 3);
}

TEST(Child, ThatIsWatchedIsOverWhenItEndsThoughOthersKeepTheTerminal) {
  Watched watched;
  const auto begin = std::chrono::steady_clock::now();
  const auto end =
      watch_child({.argv = {"sh", "-c", "sleep 30 & echo done"}, .working_directory = {}}, watched.watch());
  EXPECT_EQ(end.status, 0);
  EXPECT_EQ(watched.text, "done\n");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST(Child, ThatIsWatchedIsGivenTheSignalsThatWouldEndUs) {
  Watched watched;
  const auto self = std::to_string(::getpid());
  const auto end = watch_child(
      {.argv = {"sh", "-c", "trap 'echo told; exit 5' TERM; kill -TERM " + self + "; while :; do sleep 0.1; done"},
       .working_directory = {}},
      watched.watch());
  EXPECT_EQ(end.status, 5);
  EXPECT_EQ(end.signal, std::optional(SIGTERM));
  EXPECT_EQ(watched.text, "told\n");
}

TEST(Child, ThatDoesNotExistIsNotWatched) {
  Watched watched;
  EXPECT_EQ(watch_child({.argv = {"/not/there"}, .working_directory = {}}, watched.watch()).status, 127);
}

}  // namespace
}  // namespace karapace
