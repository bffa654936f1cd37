// SPDX-License-Identifier: Apache-2.0
#include "tests/remote/faulty_server.hpp"

#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/durable_file.hpp"
#include "base/fd.hpp"

namespace karapace::remote {

FaultyServer::FaultyServer(const std::filesystem::path& directory, const std::string& payload)
    : log_(directory / "requests") {
  auto file = directory / "payload";
  write_file_atomically(file, payload, Durable::no);
  std::ofstream{log_};
  int in[2];
  int out[2];
  if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
  process_ = ::fork();
  if (process_ == 0) {
    ::dup2(in[0], 0);
    ::dup2(out[1], 1);
    ::execlp("python3", "python3", KARAPACE_FAULTY_SERVER, file.c_str(), log_.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(in[0]);
  ::close(out[1]);
  stop_ = in[1];
  Fd answer(out[0]);
  char digits[16] = {};
  if (::read(answer.get(), digits, sizeof digits - 1) <= 0) throw std::runtime_error("the server did not start");
  port_ = std::atoi(digits);
}

FaultyServer::~FaultyServer() {
  ::close(stop_);
  ::waitpid(process_, nullptr, 0);
}

std::string FaultyServer::url(const std::string& path) const {
  return fmt::format("http://127.0.0.1:{}/{}", port_, path);
}

std::vector<std::string> FaultyServer::requests() const {
  std::vector<std::string> lines;
  std::ifstream stream(log_);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

}  // namespace karapace::remote
