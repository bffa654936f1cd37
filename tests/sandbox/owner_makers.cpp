// SPDX-License-Identifier: Apache-2.0
// Makes files and directories as others than root, and where directories give their group away. Run inside a sandbox;
// /made then has the same owners, and the same lines are printed, in every id mode.
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <thread>

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

void tell(const char* what, long result) {
  std::printf("%s: %s\n", what, result >= 0 ? "done" : std::strerror(errno));
  std::fflush(stdout);
}

void tell_identity(const char* what) {
  uid_t real = 0, effective = 0, saved = 0;
  ::getresuid(&real, &effective, &saved);
  std::printf("%s: user %u %u %u (%u %u)", what, real, effective, saved, ::getuid(), ::geteuid());
  gid_t groups[64];
  ::getresgid(&real, &effective, &saved);
  std::printf(" group %u %u %u (%u %u) and", real, effective, saved, ::getgid(), ::getegid());
  const int count = ::getgroups(64, groups);
  for (int i = 0; i < count; ++i) std::printf(" %u", groups[i]);
  std::printf("\n");
  std::fflush(stdout);
}

void in_child(const std::function<void()>& work) {
  std::fflush(stdout);
  const pid_t pid = ::fork();
  if (pid == 0) {
    work();
    std::fflush(stdout);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
}

void become_user() {
  const gid_t groups[] = {7, 8};
  tell("setgroups", ::setgroups(2, groups));
  tell("setgid", ::setgid(6));
  tell("setuid", ::setuid(5));
}

int make(const char* path, int flags = 0, mode_t mode = 0666) {
  const int fd = ::open(path, O_CREAT | O_RDWR | flags, mode);
  tell(path, fd);
  struct stat status{};
  if (fd >= 0 && ::fstat(fd, &status) == 0) std::printf("  %o %u:%u\n", status.st_mode, status.st_uid, status.st_gid);
  return fd;
}

void as_a_user() {
  become_user();
  tell_identity("user");
  ::close(make("/made/open/by-user"));
  ::umask(027);
  ::close(make("/made/open/by-user-masked"));
  tell("creat", ::creat("/made/open/creat", 0600));
  tell("exclusive again", ::open("/made/open/creat", O_CREAT | O_EXCL | O_WRONLY, 0600));
  tell("mkdir", ::mkdir("/made/open/directory", 0777));
  ::chdir("/made/open/directory");
  ::close(make("relative"));
  tell("mkdirat", ::mkdirat(AT_FDCWD, "below/", 0755));
  const int directory = ::open("below", O_PATH | O_DIRECTORY);
  tell("openat", ::openat(directory, "at", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
  tell("mknod", ::mknod("node", S_IFREG | 0640, 0));
  open_how how{};
  how.flags = O_CREAT | O_WRONLY;
  how.mode = 0640;
  tell("openat2", ::syscall(SYS_openat2, directory, "how", &how, sizeof how));
  ::symlink("below/through-link", "link");
  ::close(make("link"));
  tell("exclusive link", ::open("link", O_CREAT | O_EXCL | O_WRONLY, 0600));
  const int unnamed = ::open(".", O_TMPFILE | O_RDWR, 0604);
  tell("unnamed", unnamed);
  tell("named",
       ::linkat(AT_FDCWD, ("/proc/self/fd/" + std::to_string(unnamed)).c_str(), AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
  std::thread([] { ::close(make("of-a-thread")); }).join();
  in_child([] { ::close(make("of-a-child")); });
  tell("in a group's directory", make("/made/shared/by-user"));
  tell("make in a directory of the group", make("/made/of-group/by-user"));
  tell("make in root's", make("/made/by-user"));
  tell("write to root's", ::open("/made/file", O_CREAT | O_WRONLY, 0644));
  tell("read root's", ::open("/made/file", O_CREAT | O_RDONLY, 0644));
  tell("mkdir in root's", ::mkdir("/made/directory", 0755));
  tell("chown to the group", ::chown("relative", static_cast<uid_t>(-1), 8));
  tell("chown to another group", ::chown("relative", static_cast<uid_t>(-1), 9));
  tell("chown away", ::chown("relative", 9, static_cast<gid_t>(-1)));
  tell("chown root's", ::chown("/made/file", 5, 6));
  tell("file with a slash", ::open("/made/open/slash/", O_CREAT | O_WRONLY, 0644));
  // As pam_limits(8) does when somebody logs in.
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  tell("put limits back", ::setrlimit(__RLIMIT_LOCKS, &unlimited));
  tell("and again", ::prlimit(0, __RLIMIT_LOCKS, &unlimited, nullptr));
  tell_identity("still");
  tell("become root", ::setuid(0));
  tell("setgroups again", ::setgroups(0, nullptr));
}

void for_a_while() {
  tell("setegid", ::setegid(6));
  tell("seteuid", ::seteuid(5));
  tell_identity("effective");
  ::close(make("/made/open/effective"));
  tell("seteuid back", ::seteuid(0));
  tell("setegid back", ::setegid(0));
  ::close(make("/made/open/root-again"));
  std::printf("setfsuid: %d\n", ::setfsuid(5));
  std::printf("setfsuid again: %d\n", ::setfsuid(static_cast<uid_t>(-1)));
  ::close(make("/made/open/file-system-id"));
  ::setfsuid(0);
  tell("setresuid", ::setresuid(5, 9, 5));
  tell("setreuid", ::setreuid(static_cast<uid_t>(-1), 5));
  tell_identity("re");
  tell("not one of them", ::setresuid(11, static_cast<uid_t>(-1), static_cast<uid_t>(-1)));
}

/// As setpriv(1) does.
void with_capabilities() {
  tell("keep capabilities", ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
  tell("setresuid", ::setresuid(5, 5, 5));
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2] = {};
  tell("capget", ::syscall(SYS_capget, &header, sets));
  for (auto& set : sets) set.effective = set.permitted;
  tell("capset", ::syscall(SYS_capset, &header, sets));
  tell("setresgid", ::setresgid(6, 6, 6));
  const gid_t groups[] = {8};
  tell("setgroups", ::setgroups(1, groups));
  ::close(make("/made/with-capabilities"));
  tell("chown", ::chown("/made/with-capabilities", 9, 9));
}

/// ... and then runs a program.
void run_again() {
  with_capabilities();
  ::execl("/proc/self/exe", "after", nullptr);
  ::execl("/program", "after", nullptr);
}

/// Root in directories with set-group-id.
void by_directory() {
  ::mkdir("/made/shared", 0);
  ::chown("/made/shared", 5, 8);
  ::chmod("/made/shared", 02777);
  ::mkdir("/made/of-group", 0);
  ::chown("/made/of-group", 0, 7);
  ::chmod("/made/of-group", 0770);
  ::close(make("/made/shared/file"));
  tell("mkdir", ::mkdir("/made/shared/inner", 0755));
  ::close(make("/made/shared/inner/file"));
  ::close(make("/made/moved"));
  tell("rename", ::rename("/made/moved", "/made/shared/moved"));
  ::chown("/made/shared/inner", 0, 0);
  ::close(make("/made/shared/inner/roots"));
  struct stat status{};
  ::stat("/made/shared/inner", &status);
  std::printf("inner: %o\n", status.st_mode & 07777);
  const int kept = ::open("/made/shared/kept", O_CREAT | O_RDWR, 0400);
  tell("write to what only its maker may", ::write(kept, "text", 4));
  std::printf("close on exec: %d\n", ::fcntl(kept, F_GETFD));
  const int closed = ::open("/made/shared/closed", O_CREAT | O_RDWR | O_CLOEXEC | O_APPEND, 0644);
  std::printf("close on exec: %d, append: %d\n", ::fcntl(closed, F_GETFD), (::fcntl(closed, F_GETFL) & O_APPEND) != 0);
}

}  // namespace

int main(int, char** argv) {
  if (std::strcmp(argv[0], "after") == 0) {
    tell_identity("after");
    ::close(make("/made/open/after"));
    tell("make in root's", make("/made/after"));
    tell("become another", ::setuid(9));
    return 0;
  }
  ::umask(022);
  ::mkdir("/made", 0755);
  ::mkdir("/made/open", 0);
  ::chmod("/made/open", 01777);
  ::close(make("/made/file"));
  tell_identity("root");
  in_child(by_directory);
  in_child(as_a_user);
  in_child(for_a_while);
  in_child(with_capabilities);
  in_child(run_again);
  tell_identity("root");
  return 0;
}
