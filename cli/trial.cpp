// SPDX-License-Identifier: Apache-2.0
#include "cli/trial.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/remove_tree.hpp"
#include "runtime/sandbox/sandbox.hpp"

namespace karapace::cli {
namespace {

namespace fs = std::filesystem;

class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(const fs::path& place) {
    for (const auto& parent : {place, fs::temp_directory_path()}) {
      path_ = (parent / ".karapace-trial-XXXXXX").string();
      if (::mkdtemp(path_.data()) != nullptr) return;
    }
    throw Error(errno_message("doctor: cannot make a temporary directory", errno));
  }
  ~TemporaryDirectory() {
    try {
      remove_tree(path_);
    } catch (const Error&) {
      // Left behind: it is empty and named for what it was.
    }
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  fs::path path() const { return path_; }

 private:
  std::string path_;
};

/// A root with just the directories that are mounted on.
sandbox::SandboxPlan plan_in(const fs::path& directory, TrialRoot root) {
  sandbox::SandboxPlan plan;
  const auto lower = directory / "lower";
  fs::create_directory(lower);
  for (const char* target : {"proc", "sys", "dev", "tmp", "run"}) fs::create_directory(lower / target);
  plan.lowers.push_back(lower);
  if (root == TrialRoot::plain) return plan;
  plan.upper = directory / "upper";
  plan.work = directory / "work";
  fs::create_directory(plan.upper);
  fs::create_directory(plan.work);
  return plan;
}

/// What the child does; it leaves no trace in this process's ids and namespaces.
std::string try_here(const fs::path& place, TrialRoot root) {
  try {
    const auto ids = sandbox::plan_ids();
    sandbox::enter_user_namespace(ids);
    const TemporaryDirectory directory(place);
    auto plan = plan_in(directory.path(), root);
    plan.id_mode = ids.mode;
    if (root == TrialRoot::plain)
      ::unsetenv("KARAPACE_OVERLAY");
    else
      ::setenv("KARAPACE_OVERLAY", root == TrialRoot::fuse_overlay ? "fuse" : "kernel", 1);
    sandbox::run(plan);
    return {};
  } catch (const std::exception& error) {
    return error.what();
  }
}

}  // namespace

std::optional<std::string> try_sandbox(const fs::path& place, TrialRoot root) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw Error(errno_message("doctor: cannot make a pipe", errno));
  Fd reader(ends[0]);
  Fd writer(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) throw Error(errno_message("doctor: cannot start a process", errno));
  if (child == 0) {
    const auto problem = try_here(place, root);
    const bool told = ::write(writer.get(), problem.data(), problem.size()) == static_cast<ssize_t>(problem.size());
    ::_exit(told ? 0 : 1);
  }
  writer.reset();
  auto problem = read_all(reader.get(), "the trial's result");
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0 && problem.empty()) problem = "the trial died";
  if (problem.empty()) return std::nullopt;
  return problem;
}

}  // namespace karapace::cli
