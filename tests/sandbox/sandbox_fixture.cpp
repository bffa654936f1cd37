// SPDX-License-Identifier: Apache-2.0
#include "sandbox_fixture.hpp"

#include <cstdlib>
#include <fstream>

#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/remove_tree.hpp"

namespace karapace::sandbox::test {
namespace {

namespace fs = std::filesystem;

constexpr uid_t subid_user = 61002;
constexpr uid_t plain_user = 61001;

void require(bool done, const char* what) {
  if (!done) throw Error(errno_message(what, errno));
}

void write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

void make_image(const fs::path& root) {
  for (const char* name : {"usr", "etc", "proc", "sys", "dev", "tmp", "run", "root", "old"})
    fs::create_directories(root / name);
  for (const char* name : {"bin", "sbin", "lib", "lib64"}) fs::create_symlink(std::string("usr/") + name, root / name);
  write(root / "etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
  write(root / "etc/group", "root:x:0:\n");
  write(root / "old/file", "old\n");
}

uid_t uid_of(User user) { return user == User::with_subids ? subid_user : plain_user; }

void own(const fs::path& root, uid_t uid) {
  require(::lchown(root.c_str(), uid, uid) == 0, "chown");
  for (const auto& entry : fs::recursive_directory_iterator(root))
    require(::lchown(entry.path().c_str(), uid, uid) == 0, "chown");
}

}  // namespace

void SandboxFixture::SetUp() {
  std::string name = (fs::temp_directory_path() / "karapace-sandbox-XXXXXX").string();
  require(::mkdtemp(name.data()) != nullptr, "mkdtemp");
  directory = fs::canonical(name);
  ::chmod(directory.c_str(), 0755);
  lower = directory / "lower";
  upper = directory / "upper";
  fs::create_directories(upper);
  fs::create_directories(directory / "work");
  make_image(lower);
  // Copied, as an ordinary user may not reach the build directory.
  fs::copy_file(SANDBOX_PROBE, directory / "probe");
  write(directory / "passwd", "root:x:0:0::/root:/bin/sh\nordinary:x:61002:61002::/:/bin/sh\n");
  write(directory / "subids", "ordinary:300000:65536\n");
  write(directory / "no-subids", "");
  write(directory / "output", "");
}

void SandboxFixture::TearDown() {
  as_user([&] {
    const auto ids = plan_ids();
    enter_user_namespace(ids);
    for (const char* name : {"upper", "work"}) remove_tree(directory / name);
  });
  remove_tree(directory);
}

void SandboxFixture::become_user() const {
  if (user == User::this_one) return;
  const auto subids = directory / (user == User::with_subids ? "subids" : "no-subids");
  require(::unshare(CLONE_NEWNS) == 0, "unshare");
  require(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "mount");
  require(::mount((directory / "passwd").c_str(), "/etc/passwd", nullptr, MS_BIND, nullptr) == 0, "mount passwd");
  require(::mount(subids.c_str(), "/etc/subuid", nullptr, MS_BIND, nullptr) == 0, "mount subuid");
  require(::mount(subids.c_str(), "/etc/subgid", nullptr, MS_BIND, nullptr) == 0, "mount subgid");
  const auto uid = uid_of(user);
  require(::setgroups(0, nullptr) == 0 && ::setresgid(uid, uid, uid) == 0 && ::setresuid(uid, uid, uid) == 0, "setuid");
  // As after execve(2); else /proc/self would still belong to root.
  require(::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0, "prctl");
}

bool SandboxFixture::as_user(const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      become_user();
      work();
      ::_exit(0);
    } catch (const std::exception& error) {
      std::ofstream(directory / "error") << error.what();
      ::_exit(1);
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status == 0;
}

SandboxPlan SandboxFixture::plan() const {
  SandboxPlan plan;
  plan.lowers = {lower};
  plan.upper = upper;
  plan.work = directory / "work";
  plan.binds = {{"/usr", "/usr", BindAccess::read_only}, {directory / "probe", "/probe", BindAccess::read_only}};
  return plan;
}

Command SandboxFixture::shell(const std::string& script) const {
  return {{"sh", "-c", script}, {{"PATH", "/usr/sbin:/usr/bin"}}, "/", {}};
}

Outcome SandboxFixture::run_plan(const SandboxPlan& given) {
  Outcome outcome;
  write(directory / "error", "");
  write(directory / "result", "");
  ::chmod((directory / "error").c_str(), 0666);
  ::chmod((directory / "result").c_str(), 0666);
  const Fd output(::open((directory / "output").c_str(), O_RDWR | O_TRUNC | O_CLOEXEC));
  as_user([&] {
    auto run_plan = given;
    if (run_plan.output == -1 && run_plan.terminal == Terminal::inherit) run_plan.output = output.get();
    const auto ids = plan_ids();
    run_plan.id_mode = ids.mode;
    enter_user_namespace(ids);
    const auto result = run(run_plan);
    std::ofstream(directory / "result") << result.status << ' ' << result.command << ' ' << result.not_started;
  });
  outcome.error = read_file(directory / "error");
  outcome.output = read_file(directory / "output");
  std::ifstream result(directory / "result");
  result >> outcome.status >> outcome.command;
  std::getline(result >> std::ws, outcome.not_started);
  return outcome;
}

Outcome SandboxFixture::run_shell(const std::string& script) {
  auto shell_plan = plan();
  shell_plan.commands = {shell(script)};
  return run_plan(shell_plan);
}

void EveryUser::SetUp() {
  user = GetParam();
  if (user != User::this_one && ::geteuid() != 0) KARAPACE_SKIP_TEST("becoming another user needs root");
  SandboxFixture::SetUp();
  if (user != User::this_one) own(directory, uid_of(user));
}

}  // namespace karapace::sandbox::test
