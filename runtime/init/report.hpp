// SPDX-License-Identifier: Apache-2.0
// Reports: what process 1 of a sandbox tells the process outside, over a socket of whole messages.
//
// The process outside takes them for hostile input all the same (runtime/sandbox/report_reader.hpp).
#pragma once

#include <cstdint>

namespace karapace::init {

struct Report {
  enum class Kind : std::uint32_t {
    failure,      // the sandbox could not be made: stage, object, error
    fuse,         // a FUSE connection comes along as a descriptor: serve the root file system
    terminal,     // the master of a new pseudo terminal comes along as a descriptor
    ready,        // the sandbox stands and is shut
    not_started,  // the command could not be executed: error, object
    finished,     // a command ended: command, status
  };
  Kind kind{};
  std::int32_t error = 0;
  std::uint32_t command = 0;
  std::int32_t status = 0;
  char stage[64] = {};
  char object[900] = {};
};

/// The writing end, for use after clone: nothing here allocates or throws.
class Reporter {
 public:
  explicit Reporter(int socket) noexcept : socket_(socket) {}
  int socket() const noexcept { return socket_; }
  /// Tells what could not be done (errno says why) and ends the process.
  [[noreturn]] void fail(const char* stage, const char* object) const noexcept;
  [[noreturn]] void fail(const char* stage, const char* object, int error) const noexcept;
  void tell(Report::Kind kind) const noexcept;
  void tell_with(Report::Kind kind, int fd) const noexcept;
  void finished(std::uint32_t command, int status) const noexcept;
  void not_started(std::uint32_t command, int error, const char* object) const noexcept;

 private:
  int socket_;
};

}  // namespace karapace::init
