// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/session.hpp"

#include <fstream>
#include <thread>

#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/sandbox/debug_state.hpp"
#include "runtime/sandbox/session_list.hpp"
#include "runtime/sandbox/session_mounts.hpp"
#include "runtime/sys/syscalls.hpp"
#include "sandbox_fixture.hpp"
#include "store/error.hpp"
#include "store/pins.hpp"
#include "store/shown.hpp"

namespace karapace::runtime::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

template <class Work>
std::string message_of(Work work) {
  try {
    work();
    return "nothing was thrown";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(SessionMounts, AProjectMayNotBeTheHomeOfEverything) {
  const fs::path home = fs::canonical(fs::temp_directory_path());
  EXPECT_EQ(project_bind(home / "project", home).target, (home / "project").string());
  for (const auto& project : {home, fs::path("/")})
    EXPECT_EQ(message_of([&] { project_bind(project, home); }),
              "the project directory " + project.string() +
                  " holds the whole home directory, which sessions must not see; "
                  "move karapace.toml into a directory of its own");
}

TEST(SessionMounts, JudgesComponentsAndNotText) {
  EXPECT_TRUE(lies_in("/home/user/x", "/home/user"));
  EXPECT_TRUE(lies_in("/home/user", "/home/user/"));
  EXPECT_FALSE(lies_in("/home/username", "/home/user"));
  EXPECT_FALSE(lies_in("/home", "/home/user"));
}

class SessionMountsOnDisk : public SandboxFixture {
 protected:
  void SetUp() override {
    SandboxFixture::SetUp();
    fs::create_directories(directory / "project/data");
    fs::create_directories(directory / "outside");
    fs::create_directory_symlink(directory / "outside", directory / "project/link");
    policy.project = directory / "project";
    policy.home = directory / "home";
  }
  MountPolicy policy;
};

TEST_F(SessionMountsOnDisk, AllowsTheProjectAndWhatTheUserAllows) {
  EXPECT_EQ(manifest_bind({"data", "./data", "/data"}, policy).source, directory / "project/data");
  policy.allowed = {directory / "outside"};
  EXPECT_EQ(manifest_bind({"out", (directory / "outside").string(), "/out"}, policy).source, directory / "outside");
  EXPECT_EQ(manifest_bind({"link", "link", "/out"}, policy).source, directory / "outside");
}

TEST_F(SessionMountsOnDisk, RefusesWaysOutWithTheRemedy) {
  for (const std::string& host : {std::string("../outside"), std::string("link"), (directory / "outside").string()})
    EXPECT_EQ(message_of([&] {
                manifest_bind({"m", host, "/m"}, policy);
              }),
              "mount m: \"" + host + "\" (really " + (directory / "outside").string() +
                  ") lies outside the project; to allow "
                  "it, add its directory to [mounts] allowed in ~/.config/karapace/config.toml");
}

TEST_F(SessionMountsOnDisk, FollowsNoLinkThatASessionMayHaveMadeForThePersonsWord) {
  const auto link = directory / "project/link";
  const auto refusal = "in \"" + link.string() + "\", \"" + link.string() +
                       "\" is a link, which what ran in a session may have made, so it is not followed: name the place that "
                       "it leads to (now \"" + (directory / "outside").string() + "\")";
  EXPECT_EQ(caller_binds(link, BindAccess::read_write, policy).front().source, directory / "outside");  // nobody says so
  policy.written_by_sessions = [&](const fs::path& place) { return place == directory / "project"; };
  EXPECT_EQ(message_of([&] { caller_binds(link, BindAccess::read_write, policy); }), "--bind: " + refusal);
  fs::create_directory_symlink("project", directory / "other");  // a person's
  EXPECT_EQ(caller_binds(directory / "other/data", BindAccess::read_write, policy).front().source,
            directory / "project/data");
  EXPECT_EQ(message_of([&] { caller_binds(directory / "other/link", BindAccess::read_write, policy); })
                .substr(0, 11),
            "--bind: in ");
  policy.allowed = {link};
  EXPECT_EQ(message_of([&] { manifest_bind({"m", "link", "/m"}, policy); }),
            "[mounts] allowed of config.toml: " + refusal);
}

TEST_F(SessionMountsOnDisk, RefusesTargetsThatAreNotPlacesForMounts) {
  EXPECT_EQ(message_of([&] {
              manifest_bind({"m", "data", "/"}, policy);
            }),
            "mount m: the target \"/\" is not an absolute path below /");
  EXPECT_EQ(message_of([&] { manifest_bind({"m", "data", "/x/../../srv"}, policy); }), "nothing was thrown");
  EXPECT_EQ(
      message_of([&] { manifest_bind({"m", "data", "/proc/self"}, policy); }),
      "mount m: the target \"/proc/self\" lies in /proc, which belongs to the sandbox; a session has its own; what "
      "is needed of the host's, copy elsewhere");
  for (const auto& [target, place] : std::map<std::string, std::string>{
           {"/run", "/run"}, {"/run/", "/run"}, {"/tmp", "/tmp"}, {"/etc", "/etc"}, {"/x/../run", "/run"}})
    EXPECT_EQ(message_of([&] { manifest_bind({"m", "data", target}, policy); }),
              "mount m: the target \"" + target + "\" belongs to the sandbox; name what is needed in it (\"" + place +
                  "/...\")");
  EXPECT_EQ(message_of([&] { manifest_bind({"m", "data", "/run/lock"}, policy); }),
            "mount m: the target \"/run/lock\" belongs to the sandbox; a session has its own; what is needed of the "
            "host's, copy elsewhere");
  for (const char* target : {"/run/user", "/tmp/x", "/usr"})
    EXPECT_EQ(manifest_bind({"m", "data", target}, policy).target, target);
}

TEST_F(SessionMountsOnDisk, BindsHaveTheAccessThatTheManifestGives) {
  EXPECT_EQ(manifest_bind({"m", "data", "/m"}, policy).access, BindAccess::read_write);
  EXPECT_EQ(manifest_bind({"m", "data", "/m", store::MountAccess::read_only}, policy).access, BindAccess::read_only);
  EXPECT_EQ(project_bind(*policy.project, policy.home).access, BindAccess::read_write);
  EXPECT_EQ(project_bind(*policy.project, policy.home, store::ProjectAccess::read_only).access, BindAccess::read_only);
}

TEST_F(SessionMountsOnDisk, TheCallerCanNotBindWhatTheSandboxNeeds) {
  EXPECT_EQ(message_of([&] { caller_binds("/", BindAccess::read_only, {}); }), "--bind: the target \"/\" is not an absolute path below /");
  EXPECT_EQ(
      message_of([&] { caller_binds("/dev/shm", BindAccess::read_only, {}); }),
      "--bind: the target \"/dev/shm\" lies in /dev, which belongs to the sandbox; a session has its own; what is "
      "needed of the host's, copy elsewhere");
  EXPECT_EQ(message_of([&] { caller_binds("/run", BindAccess::read_write, {}); }),
            "--bind: the target \"/run\" belongs to the sandbox; name what is needed in it (\"/run/...\")");
  EXPECT_EQ(message_of([&] { caller_binds("/not/there", BindAccess::read_only, {}); }),
            "--bind: cannot use \"/not/there\": No such file or directory");
}

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
  if (::geteuid() != 0) KARAPACE_SKIP_SANDBOX_TEST("a pid namespace alone needs root");
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

/// An environment of one layer, the fixture's image, that mounts the host's /usr.
class Sessions : public EveryUser {
 protected:
  void SetUp() override {
    EveryUser::SetUp();
    if (IsSkipped()) return;
    ASSERT_TRUE(as_user([this] { build(); })) << read_file(directory / "error");
  }
  fs::path store_root() const { return directory / "store"; }

  void build() const {
    const auto store = store::Store::open(store_root(), store::Store::Access::create);
    const auto staging = store.stage();
    const auto tree = staging.path() / "tree";
    fs::copy(lower, tree, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    const auto listing = store::scan(open_at(AT_FDCWD, tree, O_RDONLY | O_DIRECTORY).get(),
                                     {.owners = store::Owners::ignore, .label = "test", .include = {}});
    store::Environment environment;
    environment.id = environment_id();
    environment.layers = {store.add_layer(tree, listing, staging)};
    environment.runtime.mounts = {{"usr", "/usr", "/usr"}};
    environment.runtime.variables = {{"FROM_MANIFEST", "yes"}, {"LANG", "C"}};
    environment.runtime.network_isolation = true;
    store::add_environment(store, environment);
  }
  static EnvironmentId environment_id() { return EnvironmentId(blake3("an environment")); }

  /// In a process of its own: exit status of the script.
  pid_t start(const std::string& script, const SessionRequest& options = {}, const std::function<void()>& before = {}) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    try {
      if (before) before();
      become_user();
      const auto store = store::Store::open(store_root(), store::Store::Access::read_only);
      SessionRequest request = options;
      request.name = "test/env";
      request.argv = {"sh", "-c", script};
      request.allowed_mounts = {"/usr"};
      ::_exit(run_session(store, {environment_id(), {}}, request).status);
    } catch (const std::exception& error) {
      std::ofstream(directory / "error") << error.what();
      ::_exit(99);
    }
  }
  int finish(pid_t child) {
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WEXITSTATUS(status) == 99) ADD_FAILURE() << read_file(directory / "error");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
};

INSTANTIATE_TEST_SUITE_P(Users, Sessions, ::testing::Values(User::this_one, User::with_subids, User::without_subids),
                         [](const auto& kind) {
                           return kind.param == User::this_one      ? "ThisUser"
                                  : kind.param == User::with_subids ? "UserWithSubordinateIds"
                                                                    : "UserWithoutSubordinateIds";
                         });

/// What is no matter of id modes.
using AnySession = Sessions;
INSTANTIATE_TEST_SUITE_P(User, AnySession, ::testing::Values(User::this_one), [](const auto&) { return "ThisUser"; });

TEST_P(AnySession, BeginsAnewWhereTheListNamesAProcessThatCanNotBeJoined) {
  if (::geteuid() != 0) KARAPACE_SKIP_SANDBOX_TEST("a pid namespace alone needs root");
  EXPECT_EQ(finish(start("exit 3")), 3);
  const FirstProcess other;
  for (const auto& file : fs::recursive_directory_iterator(store_root() / "instances"))
    if (file.path().filename() == "session") std::ofstream(file.path()) << other.line(IdMode::root);
  EXPECT_EQ(finish(start("exit 4")), 4);
}

class ControlFiles : public Sessions {
 protected:
  void SetUp() override {
    Sessions::SetUp();
    fs::create_directory(project());
    std::ofstream(graph()) << "graph\n";
    request.binds = {project()};
    request.control_files = [this](const std::vector<fs::path>&) { return std::vector<fs::path>{graph()}; };
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
  const auto session = start("touch " + (project() / "begun").string() + "; while [ ! -e " + (project() / "end").string() +
                                 " ]; do sleep 0.05; done",
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

TEST_P(Sessions, SeeVariablesHostNameAndAMachineIdThatStays) {
  EXPECT_EQ(
      finish(start("[ $(hostname) = test-env ] && [ $HOME = /root ] && [ $FROM_MANIFEST = yes ] && [ $LANG = C ] && "
                   "[ $KARAPACE_ENV = 1 ] && grep -q test-env /etc/hosts && cp /etc/machine-id /saved")),
      0);
  EXPECT_EQ(finish(start("[ $(wc -c < /saved) = 33 ] && cmp /saved /etc/machine-id")), 0);
}

TEST_P(Sessions, RunAtOnceShareChangesAndOutliveEachOther) {
  const auto first = start("echo 1 > /one; while [ ! -e /two ]; do sleep 0.05; done");
  std::this_thread::sleep_for(300ms);
  const auto second = start(
      "while [ ! -e /one ]; do sleep 0.05; done; echo 2 > /two; while [ ! -e /three ]; do sleep 0.05; "
      "done; [ $(ls -d /proc/[0-9]* | wc -l) -lt 6 ] && echo 4 > /four");
  EXPECT_EQ(finish(first), 0);
  const auto third = start(
      "cat /one /two && echo 3 > /three && while [ ! -e /four ]; do sleep 0.05; done; ! mount -t tmpfs x /root "
      "2>/dev/null");
  EXPECT_EQ(finish(second), 0);
  EXPECT_EQ(finish(third), 0);
  EXPECT_EQ(finish(start("cat /one /two /three /four")), 0);
}

TEST_P(Sessions, LeaveTheBuildResultUntouched) {
  EXPECT_EQ(finish(start("rm -r /old /etc/passwd; chown 1:1 /etc/group; echo x > /etc/new")), 0);
  EXPECT_TRUE(as_user([&] {
    const auto store = store::Store::open(store_root(), store::Store::Access::read_only);
    const auto environment = store::find_environment(store, environment_id());
    const auto tree = store.layer_tree(environment->layers.front());
    const bool untouched = fs::exists(tree / "old/file") && fs::exists(tree / "etc/passwd") && !fs::exists(tree / "etc/new");
    if (!untouched) throw Error("the layer has changed");
  })) << read_file(directory / "error");
}

TEST_P(Sessions, ThatAreEphemeralFindTheBuildResultAndLeaveNothing) {
  EXPECT_EQ(finish(start("echo x > /kept")), 0);
  SessionRequest ephemeral;
  ephemeral.persistence = Persistence::ephemeral;
  EXPECT_EQ(finish(start("[ ! -e /kept ] && echo y > /kept && mkdir /d && chown 1:1 /d && rm -r /old", ephemeral)), 0);
  EXPECT_EQ(finish(start("[ -e /old/file ] && [ ! -e /d ] && [ $(cat /kept) = x ]")), 0);
  EXPECT_TRUE(fs::is_empty(store_root() / "staging"));
}

TEST_P(Sessions, ShowWhatTheCallerBindsAndNothingOfTheStore) {
  const auto shared = directory / "shared";
  ASSERT_TRUE(as_user([&] {
    fs::create_directory(shared);
    fs::create_directory_symlink("shared", directory / "link");
  }));
  SessionRequest request;
  request.persistence = Persistence::ephemeral;
  request.binds = {directory / "link"};
  request.working_directory = directory / "link";
  EXPECT_EQ(finish(start("echo x > file && cmp file " + (shared / "file").string(), request)), 0);
  EXPECT_EQ(read_file(shared / "file"), "x\n");
  request.binds = {directory};
  EXPECT_EQ(finish(start("[ -d " + store_root().string() + " ] && [ -z \"$(ls " + store_root().string() + ")\" ]",
                         request)),
            0);
}

TEST_P(Sessions, CanNotBindWhereAnotherSessionHasMountedAlready) {
  const auto first = start("while [ ! -e /stop ]; do sleep 0.05; done");
  std::this_thread::sleep_for(300ms);
  SessionRequest request;
  request.binds = {directory};
  const auto second = start("true", request);
  int status = 0;
  ::waitpid(second, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 99);
  EXPECT_EQ(read_file(directory / "error"),
            "another session runs in this instance, and its mounts hold: --bind needs a session of its own; end the other "
            "one, or add --ephemeral");
  EXPECT_EQ(finish(start("echo > /stop")), 0);
  EXPECT_EQ(finish(first), 0);
}

TEST_P(Sessions, CanBindAsSoonAsTheOneBeforeHasEnded) {
  SessionRequest request;
  request.binds = {directory};
  for (int round = 0; round < 20; ++round) {
    EXPECT_EQ(finish(start("exit 3")), 3);
    EXPECT_EQ(finish(start("exit 4", request)), 4);
  }
}

TEST_P(Sessions, ShowAnInnerBindWhereverItStandsInTheList) {
  const auto outer = directory / "outer";
  ASSERT_TRUE(as_user([&] { fs::create_directories(outer / "inner"); }));
  SessionRequest request;
  request.persistence = Persistence::ephemeral;
  const auto script = "cd " + outer.string() + " && ! echo x 2>/dev/null > file && echo x > inner/file";
  for (auto& [writable, read_only] : {std::pair{outer / "inner", outer}, std::pair{outer / "inner/", outer / "."}}) {
    request.binds = {writable};
    request.read_only_binds = {read_only};
    EXPECT_EQ(finish(start(script, request)), 0);
  }
  request.binds = {outer};
  request.read_only_binds = {outer / "inner"};
  EXPECT_EQ(finish(start("cd " + outer.string() + " && echo x > file && ! echo x 2>/dev/null > inner/other", request)),
            0);
}

TEST_P(Sessions, PassSignalsAndExitStatusesThrough) {
  EXPECT_EQ(finish(start("exit 42")), 42);
  const auto session = start("trap 'exit 7' TERM; echo x > /ready; while :; do sleep 0.05; done");
  std::this_thread::sleep_for(700ms);
  ::kill(session, SIGTERM);
  EXPECT_EQ(finish(session), 7);
}

TEST_P(Sessions, ThatOverlapAllSucceedFromTheFirstUseOn) {
  constexpr int rounds = 40;
  constexpr int at_once = 8;
  for (int round = 0; round < rounds / at_once; ++round) {
    std::vector<pid_t> sessions;
    for (int i = 0; i < at_once; ++i) sessions.push_back(start("exit 3"));
    for (const pid_t session : sessions) EXPECT_EQ(finish(session), 3);
  }
  // One always running while the next begins: each may find the other on its way out.
  pid_t earlier = start("exit 3");
  for (int i = 0; i < rounds; ++i) {
    const pid_t later = start("exit 3");
    EXPECT_EQ(finish(earlier), 3);
    earlier = later;
  }
  EXPECT_EQ(finish(earlier), 3);
}

TEST_P(Sessions, SignalsToTheirGroupReachNobodyOutside) {
  EXPECT_EQ(finish(start("kill -9 0", {}, [] { ::setpgid(0, 0); })), 137);
}

TEST_P(Sessions, HaveTheImagesRootWhateverTheUmask) {
  ASSERT_TRUE(as_user([&] { ::chmod((directory / "store").c_str(), 0700); }));
  EXPECT_EQ(finish(start("[ $(stat -c %a /) = 755 ] && [ $(umask) = 0077 ]", {}, [] { ::umask(077); })), 0);
}

TEST_P(Sessions, OfAStoreThatCanNotBeWrittenKeepTheirChangesInMemory) {
  EXPECT_EQ(finish(start("echo kept > /kept; rm /etc/group")), 0);
  const auto read_only = [this] {
    const auto root = store_root();
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount(root.c_str(), root.c_str(), nullptr, MS_BIND, nullptr) != 0 ||
        ::mount(nullptr, root.c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr) != 0)
      throw Error("cannot make the store read-only");
  };
  const std::string changes = "echo new > /new && rm -r /old && mkdir /old && [ -z \"$(ls /old)\" ] && cat /new > /kept";
  EXPECT_EQ(finish(start("[ $(cat /kept) = kept ] && [ ! -e /etc/group ] && " + changes, {}, read_only)), 0);
  SessionRequest ephemeral;
  ephemeral.persistence = Persistence::ephemeral;
  EXPECT_EQ(finish(start("[ ! -e /kept ] && [ -e /etc/group ] && " + changes, ephemeral, read_only)), 0);
  EXPECT_EQ(finish(start("[ $(cat /kept) = kept ] && [ ! -e /new ] && [ -e /old/file ]")), 0);
}

TEST_F(SessionFiles, AFailedStepCanBeLookedAtAgain) {
  const auto store = store::Store::open(directory / "store", store::Store::Access::create);
  const auto key = StepKey(blake3("a step"));
  const auto staging = store.stage();
  fs::create_directories(staging.path() / "upper");
  fs::create_directories(staging.path() / "composed/etc");
  fs::create_directories(store.root() / "layers/one/tree");
  std::ofstream(staging.path() / "upper/written") << "x";
  SandboxPlan failed;
  failed.lowers = {store.root() / "layers/one/tree", staging.path() / "composed"};
  failed.upper = staging.path() / "upper";
  failed.commands = {{{"true"}, {}, "/", {}}, {{"dpkg", "--configure", "-a"}, {{"A", "b c"}}, "/x", "configure"}};
  keep_debug_state(store, key, failed, {.command = 1, .status = 2, .not_started = {}}, staging.path());
  const auto state = find_debug_state(store, key.hex().substr(0, 8));
  EXPECT_EQ(state.failed.argv, failed.commands[1].argv);
  EXPECT_EQ(state.failed.variables, failed.commands[1].variables);
  ASSERT_EQ(state.lowers.size(), 3u);
  EXPECT_EQ(state.lowers[0], failed.lowers[0]);
  EXPECT_TRUE(fs::exists(state.lowers[1] / "etc"));
  EXPECT_TRUE(fs::exists(state.lowers[2] / "written"));
  const std::string layer = blake3("layer").hex();
  auto used = state;
  used.lowers[0] = store.root() / "layers" / layer / "tree";
  EXPECT_EQ(message_of([&] { use_debug_state(store, used, staging); }),
            "debug: gc has removed what step " + key.short_hex() + " left; run ninja again to fail anew");
  fs::create_directories(used.lowers[0]);
  {
    const auto in_use = use_debug_state(store, used, staging);
    EXPECT_TRUE(store::read_pins(store.staging_path()).layers.contains(*LayerId::from_hex(layer)));
    EXPECT_FALSE(FileLock::try_acquire_existing(state.lowers[2].parent_path() / "plan.json", LOCK_EX));
  }
  drop_debug_state(store, key, staging.path());
  EXPECT_EQ(message_of([&] { find_debug_state(store, "abcd"); }),
            "debug: no failed step's key begins with \"abcd\"; no step has failed");
}

}  // namespace
}  // namespace karapace::runtime::test
