// SPDX-License-Identifier: Apache-2.0
// Climbs out of a root inside a sandbox, or changes owners in every way. Prints what happened, a line each. What else a
// program may try stands in probe/.
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

#ifdef __x86_64__
/// One call of arch/x86/entry/syscalls/syscall_32.tbl.
long call_32(long number, long first, long second, long third = 0, long fourth = 0, long fifth = 0) {
  asm volatile("int $0x80"
               : "+a"(number)
               : "b"(first), "c"(second), "d"(third), "S"(fourth), "D"(fifth)
               : "memory", "r8", "r9", "r10", "r11");
  return static_cast<int>(number);
}

/// Gives a new file the owner that stat64(2) or statx(2) tells a 32-bit program of `path`. A kernel without such calls
/// kills the child.
void own_as_32_bit_programs_see_it(const char* path, const char* made, long number) {
  const int file = make(made, 0640);
  const pid_t child = ::fork();
  if (child == 0) {
    auto* low = static_cast<char*>(
        ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0));
    std::strcpy(low + 1024, path);
    const auto buffer = reinterpret_cast<long>(low);
    const bool is_statx = number == 383;
    const long result = is_statx ? call_32(number, AT_FDCWD, buffer + 1024, 0, STATX_BASIC_STATS, buffer)
                                 : call_32(number, buffer + 1024, buffer);
    std::uint32_t ids[2];
    std::memcpy(ids, low + (is_statx ? offsetof(struct statx, stx_uid) : 24), sizeof ids);
    ::_exit(result == 0 && ::fchown(file, ids[0], ids[1]) == 0 ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) ::fchown(file, 0, 42);
  ::close(file);
}
#else
void own_as_32_bit_programs_see_it(const char*, const char* made, long) {
  const int file = make(made, 0640);
  ::fchown(file, 0, 42);
  ::close(file);
}
#endif

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
  own_as_32_bit_programs_see_it("/owned/shadow", "/owned/stat64", 195);
  own_as_32_bit_programs_see_it("/owned/shadow", "/owned/statx", 383);
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
