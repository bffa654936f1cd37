// SPDX-License-Identifier: Apache-2.0
// Hosts for tests: real sshd on loopback, each with its own keys, port and directory. In the mount namespace of each,
// its directory lies where the source has its own, so that paths are the same everywhere, as on real hosts.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

namespace karapace::release {

class SshHosts;

class SshHost {
 public:
  enum class Room { usual, one_mebibyte };
  ~SshHost() { stop(); }
  SshHost(const SshHost&) = delete;
  SshHost& operator=(const SshHost&) = delete;
  const std::string& name() const { return name_; }
  /// What it has where the source's directory is.
  const std::filesystem::path& directory() const { return directory_; }
  void start(Room room = Room::usual);
  /// With all of its sessions, at once.
  void stop();

 private:
  friend class SshHosts;
  SshHost(const SshHosts& hosts, std::string name);
  void serve(Room room) const;
  const SshHosts& hosts_;
  std::string name_;
  std::filesystem::path directory_;
  unsigned port_;
  pid_t process_ = -1;
};

class SshHosts {
 public:
  /// Below `place`; on hosts, `shared` is the host's own directory. Puts an ssh first in PATH that knows the hosts.
  SshHosts(std::filesystem::path place, std::filesystem::path shared);
  SshHost& add(const std::string& name);
  /// Why there can be none; "" when there can.
  static std::string obstacle();

 private:
  friend class SshHost;
  std::filesystem::path place_;
  std::filesystem::path shared_;
  std::vector<std::unique_ptr<SshHost>> hosts_;
};

}  // namespace karapace::release
