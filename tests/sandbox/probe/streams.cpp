// SPDX-License-Identifier: Apache-2.0
// stream.*: descriptors that a command starts with. A directory among them is a door: CVE-2024-21626, and closed
// standard streams whose numbers a runtime's own descriptors take.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attempt.hpp"

namespace karapace::probe {
namespace {

bool is_a(int fd, mode_t type) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && (status.st_mode & S_IFMT) == type;
}

Outcome climb_stream(int fd, const Facts& facts) {
  if (!is_a(fd, S_IFDIR)) return contained("not a directory");
  return climb_attempt(fd, facts);
}

/// A magic link leads past every mount and mask.
Outcome climb_magic_link(const Facts& facts) {
  for (int fd = 0; fd < 3; ++fd) {
    const int directory = ::open(("/proc/self/fd/" + std::to_string(fd) + "/..").c_str(), O_PATH | O_CLOEXEC);
    if (directory < 0) continue;
    const auto outcome = climb_attempt(directory, facts);
    if (outcome.result == Result::allowed) return outcome;
  }
  return contained();
}

/// 3 and up were open in the caller. 100 is the probe's own, and what opendir(3) takes.
Outcome inherited(const Facts&) {
  for (int fd = 3; fd < 100; ++fd) {
    char target[256];
    const auto length = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), target, sizeof target);
    if (length <= 0) continue;
    const std::string_view where(target, static_cast<std::size_t>(length));
    const bool own = where.starts_with("pipe:") || where.find("probe-results") != std::string_view::npos;
    if (!own) return allowed(std::to_string(fd) + " " + std::string(where));
  }
  return contained();
}

/// A step's output goes to a file of the store, whose mode and bytes are not the step's.
Outcome change_mode_of_output(const Facts&) {
  if (!is_a(STDOUT_FILENO, S_IFREG)) return contained("not a file");
  struct stat status{};
  ::fstat(STDOUT_FILENO, &status);
  if (::fchmod(STDOUT_FILENO, 0666) != 0) return failed();
  ::fchmod(STDOUT_FILENO, status.st_mode & 07777);
  return allowed("a file of the caller");
}

Outcome truncate_output(const Facts&) {
  if (!is_a(STDOUT_FILENO, S_IFREG)) return contained("not a file");
  return judged(::ftruncate(STDOUT_FILENO, 0));
}

Outcome reopen_output(const Facts&) {
  if (!is_a(STDOUT_FILENO, S_IFREG)) return contained("not a file");
  return judged(::open("/proc/self/fd/1", O_RDWR | O_CLOEXEC));
}

/// A number that is free is taken by what a program opens next, and then written to.
Outcome is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0 ? contained() : Outcome{Result::absent, "closed"}; }

}  // namespace

Attempts stream_attempts() {
  return {
      {"stream.input-is-open", [](const Facts&) { return is_open(0); }},
      {"stream.output-is-open", [](const Facts&) { return is_open(1); }},
      {"stream.error-is-open", [](const Facts&) { return is_open(2); }},
      {"stream.climb-input", [](const Facts& facts) { return climb_stream(0, facts); }},
      {"stream.climb-output", [](const Facts& facts) { return climb_stream(1, facts); }},
      {"stream.climb-error", [](const Facts& facts) { return climb_stream(2, facts); }},
      {"stream.climb-magic-link", climb_magic_link},
      {"stream.inherited", inherited},
      {"stream.mode-of-output", change_mode_of_output},
      {"stream.truncate-output", truncate_output},
      {"stream.reopen-output", reopen_output},
  };
}

}  // namespace karapace::probe
