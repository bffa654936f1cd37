// SPDX-License-Identifier: Apache-2.0
// FaultyServer: runs faulty_server.py for one test.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <sys/types.h>

namespace karapace::remote {

class FaultyServer {
 public:
  /// Serves `payload`; keeps its files in `directory`.
  FaultyServer(const std::filesystem::path& directory, const std::string& payload);
  ~FaultyServer();
  FaultyServer(const FaultyServer&) = delete;
  FaultyServer& operator=(const FaultyServer&) = delete;

  /// "http://127.0.0.1:PORT/PATH".
  std::string url(const std::string& path) const;
  /// One line per request: "PATH RANGE USER-AGENT CLIENT-PORT".
  std::vector<std::string> requests() const;

 private:
  std::filesystem::path log_;
  pid_t process_ = -1;
  int stop_ = -1;
  int port_ = 0;
};

}  // namespace karapace::remote
