// SPDX-License-Identifier: Apache-2.0
#include "release/unfinished.hpp"

#include <fstream>
#include <sstream>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/skipping.hpp"

namespace karapace::release {
namespace {

/// Field 22 of /proc/self/stat, counted as proc(5) does.
std::string own_start_time() {
  std::ifstream file("/proc/self/stat");
  std::stringstream text;
  text << file.rdbuf();
  std::stringstream rest(text.str().substr(text.str().rfind(')') + 2));
  std::string field;
  for (int number = 3; number <= 22; ++number) rest >> field;
  return field;
}

/// What a forked process answers that became somebody in a mount namespace of its own.
template <class Answer>
int answered(const Answer& answer) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(answer());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(ProcessMark, HoldsAsLongAsTheProcessWhateverBecomesOfIt) {
  const auto mark = own_mark();
  EXPECT_EQ(mark.substr(mark.rfind('-') + 1), own_start_time());
  EXPECT_EQ(lives(mark), true);
  constexpr std::size_t much = std::size_t{1} << 28;
  void* memory = ::mmap(nullptr, much, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  std::thread([&] { EXPECT_EQ(lives(mark), true); }).join();
  EXPECT_EQ(own_mark(), mark);
  ::munmap(memory, much);
}

TEST(ProcessMark, OfAProcessThatIsGoneIsNotAlive) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  answered([&] {
    const auto mark = own_mark();
    return ::write(ends[1], mark.data(), mark.size()) > 0 ? 0 : 1;
  });
  char mark[256];
  const auto size = ::read(ends[0], mark, sizeof mark);
  ASSERT_GT(size, 0);
  EXPECT_EQ(lives({mark, static_cast<std::size_t>(size)}), false);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(ProcessMark, OfAProcessThatEndsWhileItIsLookedAtIsNoError) {
  const auto world = own_mark().substr(0, own_mark().find('-') + 1);
  for (int round = 0; round < 400; ++round) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    std::jthread reaper([&] { ::waitpid(child, nullptr, 0); });
    const auto mark = fmt::format("{}{}-5", world, child);
    for (int looks = 0; looks < 50; ++looks) EXPECT_NO_THROW(lives(mark));
  }
}

// As in services of systemd with ProcSubset=pid.
TEST(ProcessMark, IsOfAWorldOfItsOwnWhereProcTellsNothingOfTheMachine) {
  if (::geteuid() != 0) KARAPACE_SKIP_TEST("mounting needs root");
  const int known = answered([&] {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return 10;
    if (::mount("proc", "/proc", "proc", 0, "subset=pid") != 0) return 11;
    if (lives("551b12fed48adf92-4194000-123").has_value()) return 1;
    if (lives(own_mark()).has_value()) return 2;
    return own_mark() == own_mark() ? 3 : 0;
  });
  EXPECT_EQ(known, 0);
}

// As clusters do, so that users do not see each other's processes.
TEST(ProcessMark, OfAnotherUsersProcessIsNotKnownWhereProcHidesIt) {
  if (::geteuid() != 0) KARAPACE_SKIP_TEST("mounting needs root");
  const auto mark = own_mark();
  const int known = answered([&] {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return 10;
    if (::mount("proc", "/proc", "proc", 0, "hidepid=2") != 0) return 11;
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) return 12;
    const auto alive = lives(mark);
    return alive ? (*alive ? 1 : 0) : 2;
  });
  EXPECT_EQ(known, 2);
}

}  // namespace
}  // namespace karapace::release
