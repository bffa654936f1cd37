// SPDX-License-Identifier: Apache-2.0
// file.*: the host's files by every way of climbing, linking and reopening, and what may be made of files inside.
// docker CVE-2018-15664, crun CVE-2019-18837, runc CVE-2021-30465, flatpak CVE-2024-42472 and CVE-2026-34078.
#include <cstring>

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "attempt.hpp"

namespace karapace::probe {
namespace {

/// The classic: a root below the current directory, and then up past it.
Outcome climb_by_chroot(const Facts& facts) {
  ::mkdir("/tmp/cage", 0755);
  const int outside = ::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (::chroot("/tmp/cage") != 0) return failed();
  ::fchdir(outside);
  const auto outcome = climb_attempt(AT_FDCWD, facts);
  for (int level = 0; level < 64; ++level) ::chdir("..");
  ::chroot(".");
  return ::access(facts.at("outside").c_str(), F_OK) == 0 ? allowed("escaped") : outcome;
}

/// A directory moved out of a root that somebody is in.
Outcome climb_by_rename(const Facts& facts) {
  ::mkdir("/tmp/first", 0755);
  ::mkdir("/tmp/first/inner", 0755);
  if (::chdir("/tmp/first/inner") != 0) return failed();
  const int root = ::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (::chroot("/tmp/first") != 0) return failed();
  ::fchdir(root);
  ::rename("tmp/first/inner", "tmp/moved");
  return climb_attempt(AT_FDCWD, facts);
}

Outcome open_beyond(const Facts& facts) {
  open_how how{};
  how.flags = O_RDONLY;
  const auto path = "/../../../../../../.." + facts.at("outside");
  return judged(::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how));
}

Outcome link_to_host(const Facts& facts) {
  ::unlink("/tmp/link");
  if (::symlink(facts.at("outside").c_str(), "/tmp/link") != 0) return failed();
  return read_attempt("/tmp/link");
}

Outcome handle_of_root(const Facts&) {
  alignas(file_handle) char room[sizeof(file_handle) + 128] = {};
  auto* handle = reinterpret_cast<file_handle*>(room);
  handle->handle_bytes = 128;
  int mount = 0;
  return judged_as_own(::name_to_handle_at(AT_FDCWD, "/etc", handle, &mount, 0));
}

Outcome attribute(const char* name) {
  const int fd = ::open("/tmp/attribute", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  return judged(::fsetxattr(fd, name, "x", 1, 0));
}

/// Marks of the overlay in an upper directory would decide what the next session sees.
Outcome overlay_mark(const char* name, const char* value) {
  ::mkdir("/probe-mark", 0755);
  const long done = ::setxattr("/probe-mark", name, value, std::strlen(value), 0);
  const auto outcome = judged_as_own(done);
  ::rmdir("/probe-mark");
  return outcome;
}

Outcome immutable(const Facts&) {
  const int fd = ::open("/probe-immutable", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return failed();
  int flags = FS_IMMUTABLE_FL;
  const auto outcome = judged(::ioctl(fd, FS_IOC_SETFLAGS, &flags));
  ::unlink("/probe-immutable");
  return outcome;
}

/// The mode of the image's root is the image's, not what the caller's umask makes of it.
Outcome mode_of(const char* path, mode_t expected) {
  struct stat status{};
  if (::stat(path, &status) != 0) return failed();
  const auto mode = static_cast<mode_t>(status.st_mode & 07777);
  if (mode == expected) return contained();
  char text[16];
  std::snprintf(text, sizeof text, "%o", mode);
  return allowed(text);
}

}  // namespace

Attempts file_attempts() {
  return {
      {"file.host-path", [](const Facts& facts) { return read_attempt(facts.at("outside")); }},
      {"file.host-home", [](const Facts& facts) { return judged(::access(facts.at("home").c_str(), F_OK)); }},
      {"file.host-passwd", [](const Facts& facts) { return search_attempt("/etc/passwd", facts.at("user") + ":"); }},
      {"file.store-path", [](const Facts& facts) { return judged(::access(facts.at("store").c_str(), F_OK)); }},
      {"file.climb-by-chroot", climb_by_chroot},
      {"file.climb-by-rename", climb_by_rename},
      {"file.climb-from-root",
       [](const Facts& facts) { return climb_attempt(::open("/", O_PATH | O_CLOEXEC), facts); }},
      {"file.climb-from-working-directory", [](const Facts& facts) { return climb_attempt(AT_FDCWD, facts); }},
      {"file.climb-from-proc",
       [](const Facts& facts) { return climb_attempt(::open("/proc", O_PATH | O_CLOEXEC), facts); }},
      {"file.climb-from-dev",
       [](const Facts& facts) { return climb_attempt(::open("/dev", O_PATH | O_CLOEXEC), facts); }},
      {"file.climb-from-sys",
       [](const Facts& facts) { return climb_attempt(::open("/sys", O_PATH | O_CLOEXEC), facts); }},
      {"file.climb-from-own-root",
       [](const Facts& facts) { return climb_attempt(::open("/proc/self/root", O_PATH | O_CLOEXEC), facts); }},
      {"file.openat2-beyond", open_beyond},
      {"file.link-to-host", link_to_host},
      {"file.handle-of-root", handle_of_root},
      {"file.overwrite-own-program",
       [](const Facts&) { return judged(::open("/proc/self/exe", O_WRONLY | O_CLOEXEC)); }},
      {"file.trusted-attribute", [](const Facts&) { return attribute("trusted.overlay.opaque"); }},
      {"file.security-attribute", [](const Facts&) { return attribute("security.probe"); }},
      {"file.mark-opaque", [](const Facts&) { return overlay_mark("user.overlay.opaque", "y"); }},
      {"file.mark-redirect", [](const Facts&) { return overlay_mark("user.overlay.redirect", "/etc"); }},
      {"file.immutable", immutable},
      {"file.write-hosts", [](const Facts&) { return judged(::open("/etc/hosts", O_WRONLY | O_CLOEXEC)); }},
      {"file.write-resolv-conf", [](const Facts&) { return judged(::open("/etc/resolv.conf", O_WRONLY | O_CLOEXEC)); }},
      {"file.mode-of-root", [](const Facts&) { return mode_of("/", 0755); }},
      {"file.mode-of-run", [](const Facts&) { return mode_of("/run", 0755); }},
      {"file.mode-of-tmp", [](const Facts&) { return mode_of("/tmp", 01777); }},
      {"file.umask", [](const Facts&) { return ::umask(022) == 022 ? contained("022") : allowed("the caller's"); }},
  };
}

}  // namespace karapace::probe
