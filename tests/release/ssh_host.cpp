// SPDX-License-Identifier: Apache-2.0
#include "ssh_host.hpp"

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.hpp"
#include "base/durable_file.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"

namespace karapace::release {

namespace {

namespace fs = std::filesystem;

constexpr const char* sshd = "/usr/sbin/sshd";

sockaddr_in loopback(unsigned port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

unsigned free_port() {
  const Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  auto address = loopback(0);
  socklen_t size = sizeof address;
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return 0;
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

bool listens(unsigned port) {
  const Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  auto address = loopback(port);
  return ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

void make_key(const fs::path& path) {
  const auto made = capture_child({.argv = {"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path}});
  if (made.status != 0) throw std::runtime_error("ssh-keygen: " + made.errors);
}

std::string user() { return ::getpwuid(::getuid())->pw_name; }

/// A mount namespace of our own; of an ordinary user, in a user namespace where he is who he is.
bool enter_mount_namespace() {
  const auto uid = ::getuid(), gid = ::getgid();
  if (::unshare(CLONE_NEWNS | (uid == 0 ? 0 : CLONE_NEWUSER)) != 0) return false;
  if (uid != 0) {
    std::ofstream("/proc/self/setgroups") << "deny";
    std::ofstream("/proc/self/uid_map") << fmt::format("{0} {0} 1", uid);
    std::ofstream("/proc/self/gid_map") << fmt::format("{0} {0} 1", gid);
  }
  return ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

}  // namespace

SshHost::SshHost(const SshHosts& hosts, std::string name)
    : hosts_(hosts), name_(std::move(name)), directory_(hosts.place_ / name_ / "shared"), port_(free_port()) {
  const auto own = hosts.place_ / name_;
  fs::create_directories(directory_);
  make_key(own / "host_key");
  write_file_atomically(
      own / "sshd_config",
      fmt::format(
          "Port {}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\n"
          "StrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\n"
          "SetEnv HOME={} PATH={}/bin:/usr/local/bin:/usr/bin:/bin\n",  // the user's start-up files are no part of this
          port_, (own / "host_key").native(), (hosts.place_ / "key.pub").native(), own.native(), own.native()),
      Durable::no);
  std::ofstream(hosts.place_ / "known_hosts", std::ios::app)
      << fmt::format("[127.0.0.1]:{} {}", port_, read_file(own / "host_key.pub"));
  std::ofstream(hosts.place_ / "config", std::ios::app) << fmt::format(
      "Host {}\n HostName 127.0.0.1\n Port {}\n User {}\n IdentityFile {}\n IdentitiesOnly yes\n UserKnownHostsFile "
      "{}\n"
      " GlobalKnownHostsFile /dev/null\n",
      name_, port_, user(), (hosts.place_ / "key").native(), (hosts.place_ / "known_hosts").native());
}

void SshHost::serve(Room room) const {
  ::setsid();
  if (!enter_mount_namespace()) ::_exit(90);
  const auto* shared = hosts_.shared_.c_str();
  const int mounted = room == Room::one_mebibyte ? ::mount("tmpfs", shared, "tmpfs", 0, "size=1m")
                                                 : ::mount(directory_.c_str(), shared, nullptr, MS_BIND, nullptr);
  if (mounted != 0) ::_exit(91);
  if (::getuid() == 0) {  // the directory that sshd wants for its unprivileged part
    if (::mount("tmpfs", "/run", "tmpfs", 0, "size=1m") != 0) ::_exit(92);
    fs::create_directory("/run/sshd");
  }
  const int log = ::open((hosts_.place_ / name_ / "log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  for (int fd = 0; fd < 3; ++fd) ::dup2(log, fd);
  const auto config = (hosts_.place_ / name_ / "sshd_config").native();
  ::execl(sshd, sshd, "-D", "-e", "-f", config.c_str(), static_cast<char*>(nullptr));
  ::_exit(93);
}

void SshHost::start(Room room) {
  stop();
  process_ = ::fork();
  if (process_ == 0) serve(room);
  for (int i = 0; i < 1000 && !listens(port_); ++i) {
    if (::waitpid(process_, nullptr, WNOHANG) != 0) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  if (!listens(port_))
    throw std::runtime_error("sshd does not listen: " + read_end_of_file(hosts_.place_ / name_ / "log"));
}

void SshHost::stop() {
  if (process_ < 0) return;
  ::kill(-process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
  process_ = -1;
}

SshHosts::SshHosts(fs::path place, fs::path shared) : place_(std::move(place)), shared_(std::move(shared)) {
  fs::create_directories(place_ / "bin");
  fs::create_directories(shared_);
  make_key(place_ / "key");
  write_file_atomically(place_ / "bin/ssh",
                        fmt::format("#!/bin/sh\nexec /usr/bin/ssh -F '{}' \"$@\"\n", (place_ / "config").native()),
                        Durable::no, 0755);
  ::setenv("PATH", fmt::format("{}:/usr/local/bin:/usr/bin:/bin", (place_ / "bin").native()).c_str(), 1);
}

SshHost& SshHosts::add(const std::string& name) {
  hosts_.push_back(std::unique_ptr<SshHost>(new SshHost(*this, name)));
  return *hosts_.back();
}

std::string SshHosts::obstacle() {
  for (const auto* program : {sshd, "/usr/bin/ssh", "/usr/bin/rsync", "/usr/bin/ssh-keygen"})
    if (::access(program, X_OK) != 0) return fmt::format("there is no {}", program);
  const auto child = ::fork();
  if (child == 0) ::_exit(enter_mount_namespace() ? 0 : 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  return status == 0 ? "" : "mount namespaces are refused";
}

}  // namespace karapace::release
