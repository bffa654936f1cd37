// SPDX-License-Identifier: Apache-2.0
// Climbs out of a root inside a sandbox, or changes owners in every way. Prints what happened, a line each. What else a
// program may try stands in probe/.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

void tell(const char* what, long result) {
  std::printf("%s: %s\n", what, result >= 0 ? "works" : std::strerror(errno));
}

/// The classic: a root below the current directory, and then up past it.
int escape(const char* witness) {
  ::mkdir("/tmp/cage", 0755);
  const int outside = ::open("/", O_RDONLY | O_DIRECTORY);
  if (::chroot("/tmp/cage") != 0) return std::printf("chroot refused\n"), 0;
  ::fchdir(outside);
  for (int i = 0; i < 64; ++i) ::chdir("..");
  ::chroot(".");
  std::printf("%s\n", ::access(witness, F_OK) == 0 ? "escaped" : "inside");
  return 0;
}

int make(const char* path, mode_t mode) {
  const int fd = ::open(path, O_CREAT | O_RDWR, 0600);
  ::fchmod(fd, mode);
  return fd;
}

/// Every form of changing an owner; the test looks at what is left in /owned.
int owners() {
  ::mkdir("/owned", 0755);
  ::mkdir("/owned/directory", 0755);
  const int directory = ::open("/owned", O_RDONLY | O_DIRECTORY);
  const int file = make("/owned/fchown", 0644);
  for (const char* name : {"chown", "at", "partly", "back", "renamed-from", "linked", "empty-path"})
    ::close(make((std::string("/owned/") + name).c_str(), 0644));
  ::close(make("/owned/set-id", 06755));
  ::close(make("/owned/mandatory", 02644));
  ::symlink("/owned/linked", "/owned/link");
  tell("chown", ::chown("/owned/chown", 1, 2));
  tell("fchown", ::fchown(file, 3, 4));
  tell("lchown", ::lchown("/owned/link", 5, 6));
  tell("chown through a link", ::chown("/owned/link", 7, 8));
  tell("fchownat", ::fchownat(directory, "at", 9, 10, 0));
  tell("fchownat up", ::fchownat(directory, "directory/../at", 11, static_cast<gid_t>(-1), AT_SYMLINK_NOFOLLOW));
  tell("directory", ::chown("/owned/directory", 12, 13));
  tell("partly", ::chown("/owned/partly", static_cast<uid_t>(-1), 14));
  tell("there", ::chown("/owned/back", 15, 15));
  tell("and back", ::chown("/owned/back", 0, 0));
  tell("before renaming", ::chown("/owned/renamed-from", 16, 17));
  tell("rename", ::rename("/owned/renamed-from", "/owned/renamed"));
  const int handle = ::open("/owned/empty-path", O_PATH);
  tell("empty path", ::fchownat(handle, "", 18, 19, AT_EMPTY_PATH));
  tell("set-id", ::chown("/owned/set-id", 0, 0));
  tell("mandatory", ::chown("/owned/mandatory", 0, 0));
  ::close(make("/owned/shadow", 0640));
  const int replacement = make("/owned/shadow+", 0640);
  tell("replaced", ::chown("/owned/shadow", 0, 42));
  struct stat shown{};
  ::stat("/owned/shadow", &shown);
  tell("replacement", ::fchown(replacement, shown.st_uid, shown.st_gid));
  tell("missing", ::chown("/owned/missing", 1, 1));
  tell("bad address", ::chown(reinterpret_cast<const char*>(8), 1, 1));
  tell("bad descriptor", ::fchown(999, 1, 1));
  tell("not mapped", ::chown("/owned/chown", 70000, 1));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string task = argc > 1 ? argv[1] : "";
  if (task == "escape" && argc > 2) return escape(argv[2]);
  if (task == "owners") return owners();
  return 2;
}
