// SPDX-License-Identifier: Apache-2.0
#include "remote/shared_transfers.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <climits>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/digest.hpp"
#include "base/sibling_programs.hpp"
#include "remote/transfer_program.hpp"

namespace karapace::remote {

namespace {

constexpr const char* socket_name = "socket";
constexpr int waiting_connections = 128;
constexpr int attempts = 200;
constexpr int starts = 3;  // of one that ends before it can be reached: it would never be
constexpr std::chrono::milliseconds pause_between{5};

void add(Blake3& digest, std::string_view word) { digest.update(fmt::format("{}:", word.size())).update(word); }

/// Which file this is; false when it can not be told.
bool add_file(Blake3& digest, const std::filesystem::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return false;
  bool is_program = S_ISREG(status.st_mode) && (status.st_mode & 0111) != 0;
  auto changed = is_program ? fmt::format("{}.{}", status.st_mtim.tv_sec, status.st_mtim.tv_nsec) : std::string();
  add(digest, fmt::format("{}:{}:{}", status.st_dev, status.st_ino, changed));
  return true;
}

/// Everything, as no list of variables that libcurl and what it is made of read is ever complete. One ninja gives its
/// edges one environment.
void add_environment(Blake3& digest) {
  std::vector<std::string_view> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) variables.emplace_back(*variable);
  std::sort(variables.begin(), variables.end());
  for (auto variable : variables) add(digest, variable);
}

/// Nothing without /proc.
std::optional<std::string> name_for_this_process() {
  Blake3 digest;
  for (const char* path : {"/", "/proc/self/ns/net", "/proc/self/ns/mnt", "/proc/self/ns/user"}) {
    if (!add_file(digest, path)) return std::nullopt;
  }
  if (!add_file(digest, find_program(transfer_program))) return std::nullopt;
  add(digest, fmt::format("{}:{}", ::geteuid(), ::getegid()));
  add_environment(digest);
  return digest.finish().hex().substr(0, 32);
}

/// The length of an address is 108 bytes; by way of a descriptor, any directory will do.
sockaddr_un address_in(int directory) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  auto path = fmt::format("/proc/self/fd/{}/{}", directory, socket_name);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

Fd new_socket(int flags) { return Fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0)); }

Fd open_directory(const std::filesystem::path& path) {
  return Fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

bool still_named(int fd, const std::filesystem::path& path) {
  struct stat held{};
  struct stat named{};
  return ::fstat(fd, &held) == 0 && ::lstat(path.c_str(), &named) == 0 && held.st_dev == named.st_dev &&
         held.st_ino == named.st_ino;
}

Fd listen_in(int directory) {
  ::unlinkat(directory, socket_name, 0);  // of one that was killed
  auto address = address_in(directory);
  auto listening = new_socket(SOCK_NONBLOCK);
  bool done = listening && ::bind(listening.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
              ::listen(listening.get(), waiting_connections) == 0;
  return done ? std::move(listening) : Fd();
}

/// Without waiting: one whose queue is full has been stopped.
std::optional<Fd> connect_in(int directory) {
  auto address = address_in(directory);
  auto connection = new_socket(SOCK_NONBLOCK);
  if (!connection) return std::nullopt;
  if (::connect(connection.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return std::nullopt;
  return connection;
}

}  // namespace

SharedTransfers::SharedTransfers(const std::filesystem::path& store) {
  if (auto name = name_for_this_process()) directory_ = store / "fetch" / *name;
}

std::optional<Fd> SharedTransfers::connect() const {
  if (directory_.empty()) return std::nullopt;
  int started = 0;
  for (int i = 0; i < attempts && started < starts; ++i) {
    if (auto directory = open_directory(directory_)) {
      if (auto connection = connect_in(directory.get())) return connection;
      if (errno == EAGAIN) return std::nullopt;
    }
    const auto begun = start();
    if (begun == Start::impossible) return std::nullopt;
    if (begun == Start::begun) ++started;
    if (begun == Start::busy || started > 1) std::this_thread::sleep_for(pause_between);
  }
  return std::nullopt;
}

SharedTransfers::Start SharedTransfers::start() const {
  // A store that is full or read-only would be waited for.
  for (const auto& path : {directory_.parent_path(), directory_})
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return Start::impossible;
  auto directory = open_directory(directory_);
  if (!directory) return errno == ENOENT ? Start::busy : Start::impossible;  // it may just have been removed
  if (::flock(directory.get(), LOCK_EX | LOCK_NB) != 0) return errno == EWOULDBLOCK ? Start::busy : Start::impossible;
  if (!still_named(directory.get(), directory_)) return Start::busy;
  auto listening = listen_in(directory.get());
  if (!listening) return Start::impossible;
  return start_shared_program(listening.get(), directory.get()) ? Start::begun : Start::impossible;
}

void SharedTransfers::retire() const {
  if (auto directory = open_directory(directory_)) remove_shared_socket(directory.get());
}

void remove_shared_socket(int directory) noexcept {
  std::array<char, PATH_MAX> path{};
  auto link = std::array<char, 32>{};
  *fmt::format_to_n(link.data(), link.size() - 1, "/proc/self/fd/{}", directory).out = '\0';
  ::unlinkat(directory, socket_name, 0);
  if (::readlink(link.data(), path.data(), path.size() - 1) > 0) ::rmdir(path.data());
}

}  // namespace karapace::remote
