// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/session_list.hpp"

#include <sched.h>
#include <sys/prctl.h>

#include "base/file.hpp"
#include "runtime/sys/syscalls.hpp"
#include "session_fixture.hpp"

namespace karapace::sandbox::test {
namespace {

using namespace std::chrono_literals;
using SessionFiles = SandboxFixture;

/// Process 1 of a new pid namespace, in the user namespace of this process; dies with the value.
class FirstProcess {
 public:
  FirstProcess() {
    Fd process;
    pid_ = sys::clone3(CLONE_NEWPID, process);
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      while (true) ::pause();
    }
  }
  ~FirstProcess() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  FirstProcess(const FirstProcess&) = delete;
  FirstProcess& operator=(const FirstProcess&) = delete;
  pid_t pid() const noexcept { return pid_; }
  /// As a list of sessions would name it.
  std::string line(IdMode mode) const { return line_of(pid_, mode); }
  static std::string line_of(pid_t process, IdMode mode) {
    const auto start = process_start_time(open_at(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY).get(), process);
    return std::to_string(process) + ' ' + std::to_string(start.value_or(0)) + ' ' + std::string(text(mode)) + '\n';
  }

 private:
  pid_t pid_ = -1;
};

TEST_F(SessionFiles, DeadSessionsDamagedLinesAndOtherProcessesAreNotJoined) {
  if (::geteuid() != 0) KARAPACE_SKIP_TEST("a pid namespace alone needs root");
  std::ofstream(directory / "session") << "garbage\n1 1 root\n"
                                       << ::getpid() << " 12 single\n99999999 5 subid\n"
                                       << FirstProcess::line_of(::getpid(), IdMode::single);
  SessionList list(directory);
  EXPECT_FALSE(list.find_running());
  const FirstProcess session;
  list.add_and_unlock(session.pid(), IdMode::single);
  const SessionList again(directory);
  ASSERT_TRUE(again.find_running());
  EXPECT_EQ(again.find_running()->pid, session.pid());
  EXPECT_EQ(again.find_running()->mode, IdMode::single);
}

TEST_F(SessionFiles, AListThatIsNeverGivenBackIsNotWaitedForForEver) {
  const SessionList stopped(directory);
  std::string told;
  const auto message =
      message_of([&] { const SessionList list(directory, [&](const std::string& line) { told += line; }, 3s); });
  EXPECT_EQ(told, "waiting for another session of this instance to stand");
  EXPECT_EQ(message,
            "sandbox: for 3 seconds a karapace has held the list of sessions \"" + (directory / "session").string() +
                "\": is it stopped? `lslocks` names it; continue it (kill -CONT) or end it, or add --ephemeral");
}

/// What is no matter of id modes.
using AnySession = Sessions;
INSTANTIATE_TEST_SUITE_P(User, AnySession, ::testing::Values(User::this_one), [](const auto&) { return "ThisUser"; });

TEST_P(AnySession, BeginsAnewWhereTheListNamesAProcessThatCanNotBeJoined) {
  if (::geteuid() != 0) KARAPACE_SKIP_TEST("a pid namespace alone needs root");
  EXPECT_EQ(finish(start("exit 3")), 3);
  const FirstProcess other;
  for (const auto& file : fs::recursive_directory_iterator(store_root() / "instances"))
    if (file.path().filename() == "session") std::ofstream(file.path()) << other.line(IdMode::root);
  EXPECT_EQ(finish(start("exit 4")), 4);
}

}  // namespace
}  // namespace karapace::sandbox::test
