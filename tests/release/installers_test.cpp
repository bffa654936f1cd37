// SPDX-License-Identifier: Apache-2.0
// Many installers at once, killed at random, beside somebody who looks all the time.
#include <atomic>
#include <csignal>
#include <random>
#include <set>
#include <thread>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "release/install.hpp"
#include "release/installed_tree.hpp"
#include "release_fixture.hpp"

namespace karapace::release {
namespace {

/// Looks again and again; the first thing that is not whole is kept.
class Reader {
 public:
  explicit Reader(fs::path destination) : destination_(std::move(destination)), thread_([this] { look(); }) {}
  std::string stop() {
    go_on_ = false;
    thread_.join();
    return fault_ + (looks_ == 0 ? "never looked" : "");
  }

 private:
  void look() {
    while (go_on_ && fault_.empty()) {
      for (const auto& directory : {"versions", "bin"})
        for (const auto& name : names_in(destination_ / directory)) look_at(destination_ / directory / name);
      // What a user calls, once it is there, is always there.
      for (const auto* call : {"bin/app", "versions/stable/bin/app", "versions/latest/lib/libfoo.so"}) {
        const bool is_there = ::access((destination_ / call).c_str(), R_OK) == 0;
        if (is_there)
          seen_.insert(call);
        else if (seen_.contains(call))
          fault_ = std::string(call) + " is gone";
      }
      ++looks_;
    }
  }
  void look_at(const fs::path& path) {
    if (path.filename().native().starts_with(".new-")) return;
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) {
      if (::lstat(path.c_str(), &status) == 0) fault_ = path.native() + " does not resolve";
      return;
    }
    if (path.parent_path().filename() != "versions") return;
    for (const auto* name : {"release.json", "bin/app", "lib/libfoo.so"})
      if (::access((path / name).c_str(), R_OK) != 0) fault_ = path.native() + " has no " + name;
  }

  fs::path destination_;
  std::atomic<bool> go_on_ = true;
  std::atomic<int> looks_ = 0;
  std::string fault_;
  std::set<std::string> seen_;
  std::jthread thread_;
};

/// flock(2) and the locks of fcntl(2) fail from now on, as on some network file systems.
void refuse_file_locks() {
  const unsigned answer = SECCOMP_RET_ERRNO | (ENOLCK & SECCOMP_RET_DATA);
  sock_filter filter[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_flock, 4, 0),
                          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fcntl, 0, 4),
                          BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[1])),
                          BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, F_GETLK, 0, 2),
                          BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, F_SETLKW, 1, 0),
                          BPF_STMT(BPF_RET | BPF_K, answer),
                          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog program{.len = sizeof filter / sizeof *filter, .filter = filter};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    ::_exit(99);
}

/// Eight at once, of many builds of two versions, killed at random moments; then each once to the end.
struct Installers : ReleaseTest {
  static constexpr unsigned builds = 24;

  std::string run(unsigned kills, const std::function<void()>& before) {
    std::vector<Release> releases;
    for (unsigned i = 0; i < builds; ++i)
      releases.push_back(release_of(i % 2 == 0 ? "1.0.0" : "1.1.0", std::to_string(i)));
    std::mt19937 random(1);
    Destination::create(destination_);
    Reader reader(destination_);
    std::vector<pid_t> children;
    const auto start = [&](std::size_t i) {
      children.push_back(store::fork_child([&, i] {
        before();
        install(store_, releases[i % builds], options());
        return 0;
      }));
    };
    for (unsigned killed = 0; killed < kills;) {
      while (children.size() < 8) start(random());
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 12000));
      const auto victim = children.begin() + static_cast<long>(random() % children.size());
      ::kill(*victim, SIGKILL);
      if (store::wait_for(*victim) == -1) ++killed;
      children.erase(victim);
    }
    bool all = true;
    const auto finish = [&] {
      for (const auto child : std::exchange(children, {})) all = store::wait_for(child) == 0 && all;
    };
    for (unsigned i = 0; i < builds; ++i) {
      start(i);
      if (children.size() >= 8) finish();
    }
    finish();
    return reader.stop() + (all ? "" : " an installer failed");
  }

  void expect_all_whole() {
    const auto destination = Destination::open(destination_);
    const auto versions = destination.versions();
    ASSERT_EQ(versions.size(), builds);
    std::set<std::string> documents;
    for (std::size_t i = 0; i < builds; ++i) {
      EXPECT_EQ(versions[i], fmt::format("1.{}.0+{}", i / (builds / 2), i % (builds / 2) + 1));
      const auto document = destination.document(versions[i]);
      EXPECT_TRUE(documents.insert(store::text(document)).second) << versions[i] << " is there twice";
      EXPECT_THAT(
          faults_of_installed_tree(destination.version(versions[i]), *destination.version_listing(versions[i]), 1),
          IsEmpty());
      for (const auto& package : document.packages)
        EXPECT_THAT(faults_of_installed_tree(destination.entry(package.entry), store_.listing(package.layer), 1),
                    IsEmpty());
    }
    install_of("1.1.0", "1");
    EXPECT_THAT(unfinished(), IsEmpty());
  }
};

TEST_F(Installers, KilledAtRandomLeaveNothingHalf) {
  EXPECT_EQ(run(100, [] {}), "");
  expect_all_whole();
}

TEST_F(Installers, NeedNoLocksOfTheFileSystem) {
  EXPECT_EQ(run(20, refuse_file_locks), "");
  expect_all_whole();
}

}  // namespace
}  // namespace karapace::release
