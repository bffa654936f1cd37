// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/root_path.hpp"

#include <cerrno>
#include <cstring>

#include <climits>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/sys/syscalls.hpp"

namespace karapace::runtime {
namespace {

constexpr int most_links = 40;  // as the kernel's own limit

Fd open_in_image(int root, const char* path) noexcept {
  return sys::openat2(root, path, O_PATH, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

/// Cuts `path` into its parent, which stays in `path`, and its last name. Both are "" for the root itself.
const char* cut_last_name(char* path) noexcept {
  auto length = std::strlen(path);
  while (length > 0 && path[length - 1] == '/') path[--length] = '\0';
  char* slash = std::strrchr(path, '/');
  if (slash == nullptr) {
    std::memmove(path + 1, path, length + 1);
    path[0] = '\0';
    return path + 1;
  }
  *slash = '\0';
  return slash + 1;
}

/// Replaces `path` by where the link `target` found in directory `parent` leads.
bool follow(char* path, const char* parent, const char* target) noexcept {
  char joined[PATH_MAX];
  const bool absolute = target[0] == '/';
  const auto parent_length = absolute ? 0 : std::strlen(parent);
  const auto target_length = std::strlen(target);
  if (parent_length + target_length + 2 > sizeof joined) return errno = ENAMETOOLONG, false;
  std::memcpy(joined, parent, parent_length);
  joined[parent_length] = '/';
  std::memcpy(joined + parent_length + 1, target, target_length + 1);
  std::memcpy(path, joined, parent_length + target_length + 2);
  return true;
}

int make(int parent, const char* name, TargetKind kind) noexcept {
  if (kind == TargetKind::directory) return ::mkdirat(parent, name, 0755);
  const int fd = ::openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (fd < 0) return -1;
  return ::close(fd);
}

Fd make_target(int root, const char* path, TargetKind kind, int& links) noexcept {
  Fd found = open_in_image(root, path);
  if (found || errno != ENOENT) return found;
  char parent[PATH_MAX];
  const auto length = std::strlen(path);
  if (length + 2 > sizeof parent) return errno = ENAMETOOLONG, Fd();
  std::memcpy(parent, path, length + 1);
  const char* name = cut_last_name(parent);
  Fd directory = make_target(root, *parent == '\0' ? "/" : parent, TargetKind::directory, links);
  if (!directory) return directory;
  if (make(directory.get(), name, kind) == 0) return sys::openat2(directory.get(), name, O_PATH | O_NOFOLLOW, 0, 0);
  if (errno != EEXIST) return Fd();
  char target[PATH_MAX];
  const auto size = ::readlinkat(directory.get(), name, target, sizeof target - 1);
  if (size < 0) return errno = ENOENT, Fd();
  if (++links > most_links) return errno = ELOOP, Fd();
  target[size] = '\0';
  char next[PATH_MAX];
  if (!follow(next, parent, target)) return Fd();
  return make_target(root, next, kind, links);
}

}  // namespace

Fd open_or_make_target(int root, const char* path, TargetKind kind) noexcept {
  int links = 0;
  return make_target(root, path, kind, links);
}

Fd open_plain_target(int root, const char* path) noexcept {
  while (*path == '/') ++path;
  return sys::openat2(root, path, O_PATH, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

}  // namespace karapace::runtime
