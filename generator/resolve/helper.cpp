// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/helper.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <vector>

#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "generator/resolve/protocol.hpp"

namespace karapace::resolve {
namespace {

constexpr std::string_view helper_name = "karapace-resolve-deb";

std::filesystem::path own_path() {
  std::error_code error;
  auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) throw Error("lock: cannot read /proc/self/exe: " + error.message());
  return path;
}

std::optional<std::filesystem::path> find_beside(const std::filesystem::path& directory, std::string_view name) {
  for (const auto& candidate : {directory / name, directory.parent_path() / "libexec" / "karapace" / name}) {
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return std::nullopt;
}

/// The request as a file without a name: unlike a pipe it can be larger than a buffer, and a helper that dies early
/// raises no SIGPIPE here.
Fd as_file(std::string_view text) {
  Fd file(memfd_create("karapace-request", MFD_CLOEXEC));
  if (!file) throw Error(errno_message("lock: cannot create a memory file", errno));
  write_all(file.get(), text, "the resolver's request");
  if (lseek(file.get(), 0, SEEK_SET) < 0) throw Error(errno_message("lock: cannot rewind a memory file", errno));
  return file;
}

struct Pipe {
  Fd read;
  Fd write;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw Error(errno_message("lock: cannot create a pipe", errno));
  return {Fd(ends[0]), Fd(ends[1])};
}

/// The caller's variables but those that would lead libapt-pkg to the host's configuration or change its messages.
std::vector<std::string> helper_environment() {
  std::vector<std::string> variables{"LC_ALL=C.UTF-8"};
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (text.starts_with("LC_") || text.starts_with("LANG") || text.starts_with("APT_CONFIG=")) continue;
    variables.emplace_back(text);
  }
  return variables;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> list;
  for (auto& word : words) list.push_back(word.data());
  list.push_back(nullptr);
  return list;
}

class SpawnActions {
 public:
  SpawnActions() { posix_spawn_file_actions_init(&actions_); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  ~SpawnActions() { posix_spawn_file_actions_destroy(&actions_); }
  void duplicate(int from, int to) {
    if (const int error = posix_spawn_file_actions_adddup2(&actions_, from, to); error != 0) {
      throw Error(errno_message("lock: cannot prepare the resolver", error));
    }
  }
  const posix_spawn_file_actions_t* get() const noexcept { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

pid_t spawn(const std::filesystem::path& program, std::string_view verb, int input, int output) {
  SpawnActions actions;
  actions.duplicate(input, STDIN_FILENO);
  actions.duplicate(output, STDOUT_FILENO);
  std::vector<std::string> arguments{program.string(), std::string(verb)};
  std::vector<std::string> variables = helper_environment();
  pid_t child = 0;
  const int error = posix_spawn(&child, program.c_str(), actions.get(), nullptr, pointers(arguments).data(),
                                pointers(variables).data());
  if (error != 0) throw Error(errno_message("lock: cannot run \"" + program.string() + "\"", error));
  return child;
}

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) throw Error(errno_message("lock: cannot wait for the resolver", errno));
  }
  return status;
}

}  // namespace

std::optional<std::filesystem::path> find_resolver() { return find_beside(own_path().parent_path(), helper_name); }

std::filesystem::path helper_path(std::string_view name) {
  const auto directory = own_path().parent_path();
  if (auto path = find_beside(directory, name)) return *path;
  throw Error("lock: the program " + std::string(name) + " is neither in " + directory.string() + " nor in " +
              (directory.parent_path() / "libexec" / "karapace").string() +
              "; it is built where libapt-pkg-dev is installed: install that and build Karapace again");
}

std::string ask_helper(std::string_view verb, std::string_view request) {
  const auto program = helper_path(helper_name);
  const Fd input = as_file(request);
  Pipe output = make_pipe();
  const pid_t child = spawn(program, verb, input.get(), output.write.get());
  output.write.reset();
  std::string answer;
  try {
    answer = read_all(output.read.get(), "the resolver's answer");
  } catch (...) {
    kill(child, SIGTERM);
    wait_for(child);
    throw;
  }
  const int status = wait_for(child);
  throw_if_error(answer);
  if (WIFSIGNALED(status)) {
    throw Error("lock: " + std::string(helper_name) + " was ended by signal " + std::to_string(WTERMSIG(status)));
  }
  if (WEXITSTATUS(status) != 0) {
    throw Error("lock: " + std::string(helper_name) + " failed with exit status " +
                std::to_string(WEXITSTATUS(status)));
  }
  return answer;
}

}  // namespace karapace::resolve
