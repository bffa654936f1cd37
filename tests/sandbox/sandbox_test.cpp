// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.hpp"
#include "base/sibling_programs.hpp"
#include "sandbox_fixture.hpp"

namespace karapace::sandbox::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

bool is_whiteout(const fs::path& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == 0;
}

std::string attribute(const fs::path& path, const char* name) {
  char value[64];
  const auto size = ::lgetxattr(path.c_str(), name, value, sizeof value);
  return size < 0 ? "" : std::string(value, static_cast<std::size_t>(size));
}

INSTANTIATE_TEST_SUITE_P(Users, EveryUser, ::testing::Values(User::this_one, User::with_subids, User::without_subids),
                         [](const auto& kind) {
                           return kind.param == User::this_one      ? "ThisUser"
                                  : kind.param == User::with_subids ? "UserWithSubordinateIds"
                                                                    : "UserWithoutSubordinateIds";
                         });

TEST_P(EveryUser, RunsAsRootInARootOfItsOwn) {
  const auto outcome = run_shell("id -u; id -g; hostname; pwd; cat /old/file; umask; ulimit -c; echo $$");
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.output, "0\n0\nkarapace\n/\nold\n0022\n0\n2\n");
  EXPECT_EQ(outcome.status, 0);
}

TEST_P(EveryUser, ADoubleChrootEndsInsideTheImage) {
  const auto witness = directory / "witness";
  std::ofstream(witness) << "host";
  auto probe = plan();
  probe.commands = {{{"/probe", "escape", witness.string()}, {}, "/", {}}};
  EXPECT_EQ(run_plan(probe).output, "inside\n");
}

TEST_P(EveryUser, ProcHidesAndProtectsWhatBelongsToTheHost) {
  const auto outcome = run_shell(
      "for f in kcore keys timer_list; do [ -e /proc/$f ] && wc -c < /proc/$f; done; "
      "echo x > /proc/sys/kernel/hostname; echo b > /proc/sysrq-trigger; touch /sys/x; ls /proc/acpi /sys/firmware; "
      "true");
  EXPECT_EQ(outcome.output.find_first_of("123456789"),
            outcome.output.find_first_of("123456789", outcome.output.find(": ")))
      << outcome.output;
  EXPECT_NE(outcome.output.find("/proc/sys/kernel/hostname: Read-only file system"), std::string::npos)
      << outcome.output;
}

TEST_P(EveryUser, DeletionsBecomeWhiteoutsAndReplacedDirectoriesOpaque) {
  const auto outcome = run_shell("rm -r /old; mkdir /old; echo new > /old/new; rm /etc/group");
  EXPECT_EQ(outcome.status, 0) << outcome.output << outcome.error;
  EXPECT_TRUE(is_whiteout(upper / "etc/group"));
  EXPECT_EQ(attribute(upper / "old", "user.overlay.opaque"), "y");
  EXPECT_TRUE(fs::exists(lower / "etc/group"));
}

TEST_P(EveryUser, MountPointsOfTheImageLeaveNoTrace) {
  EXPECT_EQ(run_shell("echo x > /tmp/x; echo y > /run/y; mkdir -p /dev/shm/z").status, 0);
  std::vector<std::string> left;
  for (const auto& entry : fs::recursive_directory_iterator(upper)) left.push_back(entry.path().filename());
  EXPECT_EQ(left, (std::vector<std::string>{"probe"}));
}

TEST_P(EveryUser, ChangesOfOwnerSucceed) {
  auto probe = plan();
  probe.commands = {{{"/probe", "owners"}, {}, "/", {}}};
  const auto outcome = run_plan(probe);
  EXPECT_EQ(outcome.status, 0) << outcome.error;
  EXPECT_NE(outcome.output.find("missing: No such file or directory\nbad address: Bad address\n"
                                "bad descriptor: Bad file descriptor\n"),
            std::string::npos)
      << outcome.output;
  struct stat status{};
  ASSERT_EQ(::stat((upper / "owned/set-id").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0755u);
  ASSERT_EQ(::stat((upper / "owned/mandatory").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 02644u);
  if (user != User::without_subids) return;
  EXPECT_NE(outcome.output.find("not mapped: Invalid argument"), std::string::npos) << outcome.output;
  const std::pair<const char*, const char*> owners[] = {
      {"chown", "1:2"},    {"fchown", "3:4"},  {"linked", "7:8"},    {"at", "11:10"},         {"directory", "12:13"},
      {"partly", "0:14"},  {"back", ""},       {"renamed", "16:17"}, {"empty-path", "18:19"}, {"set-id", ""},
      {"shadow+", "0:42"}, {"stat64", "0:42"}, {"statx", "0:42"}};
  for (const auto& [name, owner] : owners)
    EXPECT_EQ(attribute(upper / "owned" / name, "user.karapace.owner"), owner) << name;
}

TEST_P(EveryUser, ToolsThatChangeOwnersWork) {
  const auto outcome = run_shell(
      "set -e; cd /root; echo x > a; chown 33:34 a; install -o 1 -g 1 a b; cp -a a c; tar cf t a; rm a; tar xf t; "
      "mkdir -p cage/usr cage/etc; chown -R 5:5 cage; echo done");
  EXPECT_EQ(outcome.output, "done\n") << outcome.error;
}

TEST_P(EveryUser, KillingTheCallerLeavesNoProcess) {
  auto sleeping = plan();
  sleeping.commands = {shell("echo $$ > /dev/null; exec sleep 31415")};
  const pid_t caller = ::fork();
  if (caller == 0) {
    run_plan(sleeping);
    ::_exit(0);
  }
  std::this_thread::sleep_for(300ms);
  // run_plan's own child runs the sandbox; find and kill exactly that one.
  std::ifstream children("/proc/" + std::to_string(caller) + "/task/" + std::to_string(caller) + "/children");
  pid_t runner = 0;
  ASSERT_TRUE(children >> runner);
  std::ifstream inside("/proc/" + std::to_string(runner) + "/task/" + std::to_string(runner) + "/children");
  pid_t one = 0;
  ASSERT_TRUE(inside >> one);
  ::kill(runner, SIGKILL);
  ::waitpid(caller, nullptr, 0);
  for (int i = 0; i < 100 && fs::exists("/proc/" + std::to_string(one)); ++i) std::this_thread::sleep_for(20ms);
  EXPECT_FALSE(fs::exists("/proc/" + std::to_string(one)));
}

TEST_P(EveryUser, AnImageCanNotMakeProcessOneItsCommand) {
  // Executed by process 1's child, this is what process 1 is: it must be nothing of the host's.
  fs::create_symlink("/proc/self/exe", lower / "self");
  ::lchown((lower / "self").c_str(), 0, 0);
  auto linked = plan();
  linked.commands = {{{"/self"}, {}, "/", {}}};
  const auto before = fs::status(find_program("karapace-init")).permissions();
  EXPECT_NE(run_plan(linked).status, 0);
  // A process of an earlier command looks through the later one's.
  linked.commands = {shell("(while :; do for p in /proc/[0-9]*; do chmod 7777 $p/exe; done; done) 2>/dev/null & true"),
                     {{"/self"}, {}, "/", {}}};
  for (int i = 0; i < 5; ++i) run_plan(linked);
  EXPECT_EQ(fs::status(find_program("karapace-init")).permissions(), before);
}

TEST_P(EveryUser, DevicesKeepTheirModesAndOwnersOutside) {
  const auto outcome = run_shell(
      "chmod 0640 /dev/full; chmod 0640 /dev/null; chown 7:7 /dev/zero; touch /dev/random; chmod 0640 /proc/self/fd/0; "
      "chmod 0640 /proc/keys; echo x > /dev/null && echo written");
  EXPECT_NE(outcome.output.find("/dev/full': Read-only file system"), std::string::npos) << outcome.output;
  EXPECT_NE(outcome.output.find("written"), std::string::npos) << outcome.output;
  struct stat status{};
  for (const char* device : {"/dev/full", "/dev/null", "/dev/zero"}) {
    ASSERT_EQ(::stat(device, &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0666u) << device;
    EXPECT_EQ(status.st_uid, 0u) << device;
  }
}

TEST_P(EveryUser, FindsCommandsLaterInThePathAndMissesOthers) {
  auto later = plan();
  later.commands = {{{"true"}, {{"PATH", "/nowhere:/etc:/usr/bin"}}, "/", {}},
                    {{"nothing-like-it"}, {{"PATH", "/nowhere:/usr/sbin:/usr/bin"}}, "/", {}}};
  const auto outcome = run_plan(later);
  EXPECT_EQ(outcome.command, 1u) << outcome.error;
  EXPECT_EQ(outcome.status, 127);
}

using Sandbox = SandboxFixture;

TEST_F(Sandbox, TellsHowCommandsEnded) {
  EXPECT_EQ(run_shell("exit 7").status, 7);
  EXPECT_EQ(run_shell("kill -9 $$").status, 137);
  auto failing = plan();
  failing.commands = {shell("true"), shell("exit 3"), shell("echo never")};
  const auto outcome = run_plan(failing);
  EXPECT_EQ(outcome.status, 3);
  EXPECT_EQ(outcome.command, 1u);
  EXPECT_EQ(outcome.output, "");
}

TEST_F(Sandbox, TellsWhatTheImageHasInPlaceOfAFileOrADirectory) {
  fs::create_directories(lower / "etc/hosts");
  auto odd = plan();
  odd.given_files = {{"/etc/hosts", "x\n"}};
  odd.commands = {shell("true")};
  EXPECT_EQ(run_plan(odd).error, "sandbox: cannot mount a file on what the image has at /etc/hosts: Is a directory");
  odd.given_files.clear();
  odd.binds.push_back({directory / "upper", "/etc/passwd"});
  EXPECT_EQ(run_plan(odd).error,
            "sandbox: cannot mount a directory on what the image has at /etc/passwd: Not a directory");
}

TEST_F(Sandbox, NeedsNoMoreOfTheCallersLimitOfFilesThanItsCommands) {
  rlimit own{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &own), 0);
  const rlimit few{20, own.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  const auto outcome = run_shell("ulimit -Sn; ulimit -Hn");
  ::setrlimit(RLIMIT_NOFILE, &own);
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.output, "20\n" + std::to_string(own.rlim_max) + "\n");
}

TEST_F(Sandbox, TellsWhyACommandDidNotStart) {
  auto missing = plan();
  missing.commands = {{{"nothing-like-it"}, {{"PATH", "/usr/bin"}}, "/", {}}};
  EXPECT_EQ(run_plan(missing).status, 127);
  EXPECT_EQ(run_plan(missing).not_started, "nothing-like-it: No such file or directory");
  missing.commands = {{{"/etc/passwd"}, {}, "/", {}}};
  EXPECT_EQ(run_plan(missing).status, 126);
  std::ofstream(lower / "script") << "#!/no/interpreter\n";
  ::chmod((lower / "script").c_str(), 0755);
  missing.commands = {{{"/script"}, {}, "/", {}}};
  EXPECT_EQ(run_plan(missing).not_started, "/script (its interpreter is missing): No such file or directory");
  missing.commands = {{{""}, {{"PATH", "/usr/bin"}}, "/", {}}};
  EXPECT_EQ(run_plan(missing).status, 127);
  EXPECT_EQ(run_plan(missing).not_started, "\"\" (a command's name can not be empty): No such file or directory");
  missing.commands = {{{"true"}, {{"PATH", "/usr/bin"}}, "/not/there", {}}};
  EXPECT_EQ(run_plan(missing).not_started, "/not/there: No such file or directory");
}

TEST_F(Sandbox, GivesExactlyTheVariablesOfTheCommand) {
  ::setenv("SECRET_OF_THE_HOST", "1", 1);
  auto env = plan();
  env.commands = {{{"/usr/bin/env"}, {{"A", "1"}, {"B", "two words\nand lines"}}, "/", {}}};
  EXPECT_EQ(run_plan(env).output, "A=1\nB=two words\nand lines\n");
}

TEST_F(Sandbox, InheritsNoDescriptor) {
  const int leaked = ::open("/", O_RDONLY | O_DIRECTORY);
  EXPECT_EQ(run_shell("ls /proc/self/fd").output, "0\n1\n2\n3\n");
  EXPECT_EQ(run_shell("readlink /proc/self/fd/0").output, "/dev/null\n");
  ::close(leaked);
}

TEST_F(Sandbox, NeverFollowsLinksOfTheImageOutside) {
  const auto victim = directory / "victim";
  fs::create_directories(victim);
  fs::create_directory_symlink(victim, lower / "trap");
  fs::create_symlink(directory / "passwd", lower / "etc/trap");
  fs::create_symlink("../../../../../../../../" + (victim / "dots").string(), lower / "dots");
  auto traps = plan();
  for (const char* target : {"/trap/below", "/dots"}) traps.binds.push_back({"/usr", target, BindAccess::read_only});
  traps.given_files = {{"/etc/trap", "given\n"}};
  traps.filled_files = {{"/trap/filled", "filled\n"}};
  traps.commands = {shell("cat /etc/trap; ls -d /trap/below/bin /dots/bin")};
  const auto outcome = run_plan(traps);
  EXPECT_EQ(outcome.output, "given\n/dots/bin\n/trap/below/bin\n") << outcome.error;
  EXPECT_TRUE(fs::is_empty(victim));
  EXPECT_EQ(read_file(directory / "passwd").substr(0, 6), "root:x");
}

TEST_F(Sandbox, TakesAnyCharacterInPathsOfLayers) {
  const auto odd = directory / "a:b,c\\d e=\"f\"";
  fs::rename(lower, odd);
  auto plan_of_odd = plan();
  plan_of_odd.lowers = {odd};
  plan_of_odd.upper = directory / "up:per,\\";
  plan_of_odd.work = directory / "wo:rk,\\";
  fs::create_directory(plan_of_odd.upper);
  fs::create_directory(plan_of_odd.work);
  plan_of_odd.commands = {shell("cat /old/file; echo x > /new")};
  const auto outcome = run_plan(plan_of_odd);
  EXPECT_EQ(outcome.output, "old\n") << outcome.error;
  EXPECT_TRUE(fs::exists(plan_of_odd.upper / "new"));
}

TEST_F(Sandbox, StacksManyLayersInOrderAndRefusesTooMany) {
  auto many = plan();
  many.lowers = {};
  for (int i = 0; i < 499; ++i) {
    many.lowers.push_back(directory / "layers" / std::to_string(i));
    fs::create_directories(many.lowers.back());
    std::ofstream(many.lowers.back() / "top") << i << '\n';
  }
  many.lowers.insert(many.lowers.begin(), lower);
  many.commands = {shell("cat /top")};
  EXPECT_EQ(run_plan(many).output, "498\n");
  many.lowers.push_back(lower);
  EXPECT_EQ(run_plan(many).error, "sandbox: 501 layers are too many; the kernel's overlay takes at most 500");
}

TEST_F(Sandbox, ARootWithoutUpperIsReadOnly) {
  auto fixed = plan();
  fixed.upper.clear();
  fixed.binds.pop_back();
  fixed.commands = {shell("touch /x; cat /old/file")};
  EXPECT_EQ(run_plan(fixed).output, "touch: cannot touch '/x': Read-only file system\nold\n");
  fixed.binds.push_back({"/usr", "/missing", BindAccess::read_only});
  EXPECT_EQ(run_plan(fixed).error, "sandbox: cannot make the mount target /missing: Read-only file system");
}

TEST_F(Sandbox, StreamsOutput) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  auto slow = plan();
  slow.output = ends[1];
  slow.commands = {shell("echo first; sleep 30")};
  const pid_t runner = ::fork();
  if (runner == 0) {
    run_plan(slow);
    ::_exit(0);
  }
  ::close(ends[1]);
  pollfd source{ends[0], POLLIN, 0};
  ASSERT_EQ(::poll(&source, 1, 10000), 1);
  char text[16] = {};
  EXPECT_EQ(::read(ends[0], text, sizeof text), 6);
  EXPECT_STREQ(text, "first\n");
  std::ifstream children("/proc/" + std::to_string(runner) + "/task/" + std::to_string(runner) + "/children");
  pid_t inner = 0;
  if (children >> inner) ::kill(inner, SIGKILL);
  ::waitpid(runner, nullptr, 0);
  ::close(ends[0]);
}

/// What a command that has a terminal of its own prints, and its exit status; `answer(output)` gives the keys to type
/// once.
struct OnATerminal {
  std::string output;
  int status = -1;
};
template <class Run, class Answer>
OnATerminal on_a_terminal(Run run, Answer answer) {
  int master = -1;
  const winsize size{33, 101, 0, 0};
  const pid_t runner = ::forkpty(&master, nullptr, nullptr, &size);
  if (runner == 0) ::_exit(run());
  OnATerminal result;
  char buffer[1024];
  bool answered = false;
  for (ssize_t count = 0; (count = ::read(master, buffer, sizeof buffer)) > 0;) {
    result.output.append(buffer, static_cast<std::size_t>(count));
    if (answered) continue;
    for (const std::string& keys : answer(result.output)) {
      answered = ::write(master, keys.data(), keys.size()) == static_cast<ssize_t>(keys.size());
      std::this_thread::sleep_for(200ms);  // a line is read anew after a signal's character
    }
  }
  int status = 0;
  ::waitpid(runner, &status, 0);
  ::close(master);
  result.status = WEXITSTATUS(status);
  return result;
}

SandboxPlan with_terminal(SandboxPlan plan, Command command) {
  plan.purpose = Purpose::session;
  plan.terminal = Terminal::pty;
  plan.commands = {std::move(command)};
  return plan;
}

/// `keys` as soon as `word` was printed.
auto once(std::string word, std::vector<std::string> keys) {
  return [word = std::move(word), keys = std::move(keys)](const std::string& output) {
    return output.find(word) == std::string::npos ? std::vector<std::string>{} : keys;
  };
}

TEST_F(Sandbox, TheTerminalInsideHasTheSizeOfTheOneOutside) {
  const auto ended = on_a_terminal(
      [&] {
        return run_plan(with_terminal(plan(), shell("tty; stty size; read line; echo \"got $line\"; exit 5"))).status;
      },
      once("33 101", {"hello\n"}));
  EXPECT_NE(ended.output.find("/dev/pts/0\r\n33 101\r\n"), std::string::npos) << ended.output;
  EXPECT_NE(ended.output.find("got hello"), std::string::npos) << ended.output;
  EXPECT_EQ(ended.status, 5);
}

TEST_F(Sandbox, CtrlZDoesNotStopACommandThatNobodyCouldContinue) {
  const auto ended =
      on_a_terminal([&] { return run_plan(with_terminal(plan(), shell("echo begun; read line; exit 6"))).status; },
                    once("begun", {"\x1a", "\n"}));
  EXPECT_EQ(ended.status, 6) << ended.output;
}

TEST_F(Sandbox, ATerminalThatNobodyReadsKeepsNoSignalFromPassing) {
  int master = -1;
  const pid_t runner = ::forkpty(&master, nullptr, nullptr, nullptr);
  if (runner == 0) {
    auto terminal = with_terminal(plan(), shell("touch /begun; exec yes"));
    const auto ids = plan_ids();
    terminal.id_mode = ids.mode;
    enter_user_namespace(ids);
    ::_exit(run(terminal).status);
  }
  for (int i = 0; i < 100 && !fs::exists(upper / "begun"); ++i) std::this_thread::sleep_for(50ms);
  std::this_thread::sleep_for(1s);  // every buffer is full
  ::kill(runner, SIGTERM);
  int status = 0;
  pid_t ended = 0;
  for (int i = 0; i < 100 && ended == 0; ++i) {
    ended = ::waitpid(runner, &status, WNOHANG);
    if (ended == 0) std::this_thread::sleep_for(100ms);
  }
  EXPECT_EQ(ended, runner) << "it did not end within ten seconds";
  if (ended == 0) ::kill(runner, SIGKILL), ::waitpid(runner, &status, 0);
  EXPECT_EQ(status, (128 + SIGTERM) << 8);
  ::close(master);
}

TEST_F(Sandbox, ATerminalThatIsReadSlowlyLosesNothing) {
  int master = -1;
  const int errors = ::dup(STDERR_FILENO);
  const pid_t runner = ::forkpty(&master, nullptr, nullptr, nullptr);
  if (runner == 0) {
    ::dup2(errors, STDERR_FILENO);  // what a sanitizer says is no output of the command
    const auto lines = shell("stty -opost; i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done");
    ::_exit(run_plan(with_terminal(plan(), lines)).status);
  }
  std::this_thread::sleep_for(1s);
  std::string output;
  char buffer[4096];
  for (ssize_t count = 0; (count = ::read(master, buffer, sizeof buffer)) > 0;)
    output.append(buffer, static_cast<std::size_t>(count));
  int status = 0;
  ::waitpid(runner, &status, 0);
  std::string expected;
  for (int i = 0; i < 20000; ++i) expected += "line " + std::to_string(i) + "\n";
  EXPECT_EQ(output.size(), expected.size());
  EXPECT_TRUE(output == expected);
  EXPECT_EQ(status, 0);
  ::close(master);
  ::close(errors);
}

TEST_F(Sandbox, FuseOverlayLeavesTheSameMarks) {
  if (::access("/dev/fuse", R_OK | W_OK) != 0 || ::access("/usr/bin/fuse-overlayfs", X_OK) != 0)
    KARAPACE_SKIP_TEST("fuse-overlayfs is not usable here");
  ::setenv("KARAPACE_OVERLAY", "fuse", 1);
  const auto outcome = run_shell(
      "mount | grep -c fuse-overlayfs; rm -r /old; mkdir /old; echo new > /old/new; rm /etc/group; "
      "mkdir -p /plain/inner; touch /plain/file");
  ::unsetenv("KARAPACE_OVERLAY");
  EXPECT_EQ(outcome.output, "1\n") << outcome.error;
  EXPECT_TRUE(is_whiteout(upper / "etc/group"));
  EXPECT_EQ(attribute(upper / "old", "user.overlay.opaque"), "y");
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(upper / "old")) names.push_back(entry.path().filename());
  EXPECT_EQ(names, (std::vector<std::string>{"new"}));
  for (const char* path : {"old", "plain", "plain/inner", "plain/file"})
    for (const char* mark : {"user.fuseoverlayfs.opaque", "user.fuseoverlayfs.origin"})
      EXPECT_EQ(attribute(upper / path, mark), "") << path;
}

}  // namespace
}  // namespace karapace::sandbox::test
