// SPDX-License-Identifier: Apache-2.0
#include "tests/resolve/process.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.hpp"

namespace karapace::testing {
namespace {

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> list;
  for (auto& word : words) list.push_back(word.data());
  list.push_back(nullptr);
  return list;
}

}  // namespace

Outcome run(const std::vector<std::string>& arguments, const std::vector<std::string>& variables) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
  const Fd read_end(ends[0]);
  Fd write_end(ends[1]);
  std::vector<std::string> words = arguments;
  std::vector<std::string> environment = variables;
  for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
  posix_spawn_file_actions_t actions{};
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDERR_FILENO);
  pid_t child = 0;
  const int error = posix_spawnp(&child, words.front().c_str(), &actions, nullptr, pointers(words).data(),
                                 pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return {.status = 127, .output = {}};
  write_end.reset();
  Outcome outcome{.status = 0, .output = read_all(read_end.get(), "output")};
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

std::string must_run(const std::vector<std::string>& arguments, const std::vector<std::string>& variables) {
  Outcome outcome = run(arguments, variables);
  if (outcome.status != 0) {
    throw std::runtime_error(arguments.front() + " ended with " + std::to_string(outcome.status) + ":\n" +
                             outcome.output);
  }
  return std::move(outcome.output);
}

TemporaryDirectory::TemporaryDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "karapace-resolve-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
  // gpg's agent removes its own sockets while it ends: what vanishes under our hands is tried again.
  std::error_code error;
  for (int attempt = 0; attempt < 10; ++attempt) {
    std::filesystem::remove_all(path_, error);
    if (!error) return;
  }
}

}  // namespace karapace::testing
