// SPDX-License-Identifier: Apache-2.0
// Gives files away by paths that mean something else to every process: links of procfs, a root and a working directory
// of its own. Run inside a sandbox; each file in /owned then has the owner that its name says. Prints what it sees.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

int make(const std::string& name) { return ::open(("/owned/" + name).c_str(), O_CREAT | O_RDWR, 0644); }

std::string numbered(const char* before, int fd) { return before + std::to_string(fd); }

void tell(const char* what, int result) { std::printf("%s: %s\n", what, result == 0 ? "done" : std::strerror(errno)); }

/// Gives `path` to 5:6 and prints whose it is then, followed and not.
void give(const char* what, const std::string& path) {
  struct stat followed{};
  struct stat itself{};
  if (::chown(path.c_str(), 5, 6) != 0) return tell(what, -1);
  ::stat(path.c_str(), &followed);
  ::lstat(path.c_str(), &itself);
  std::printf("%s: %u:%u %u\n", what, followed.st_uid, followed.st_gid, itself.st_uid);
}

void by_descriptors() {
  give("self", numbered("/proc/self/fd/", make("self")));
  give("dev-fd", numbered("/dev/fd/", make("dev-fd")));
  give("thread-self", numbered("/proc/thread-self/fd/", make("thread-self")));
  give("own-id", numbered(("/proc/" + std::to_string(::getpid()) + "/fd/").c_str(), make("own-id")));
  give("dots", numbered("/usr/../proc/./self//fd/../fd/", make("dots")));
  ::symlink(numbered("/proc/self/fd/", make("linked")).c_str(), "/owned/link");
  give("linked", "/owned/link");
  std::thread([] { give("of-a-thread", numbered("/proc/thread-self/fd/", make("of-a-thread"))); }).join();
  const int fds = ::open("/proc/self/fd", O_RDONLY | O_DIRECTORY);
  tell("relative", ::fchownat(fds, std::to_string(make("relative")).c_str(), 5, 6, 0));
  const int proc = ::open("/proc", O_RDONLY | O_DIRECTORY);
  tell("below-proc", ::fchownat(proc, numbered("self/fd/", make("below-proc")).c_str(), 5, 6, 0));
}

void by_directories() {
  ::mkdir("/owned/inner", 0755);
  ::mkdir("/owned/inner/proc", 0755);
  ::close(make("cwd"));
  ::close(make("root"));
  ::close(make("inner/up"));
  ::chdir("/owned");
  give("cwd", "/proc/self/cwd/cwd");
  give("root", "/proc/self/root/owned/root");
  const int fd = ::open("/owned/inner", O_PATH | O_DIRECTORY);
  give("up", numbered("/proc/self/fd/", fd) + "/../inner/up");
}

void what_must_not_work() {
  const int fd = make("untouched");
  tell("link itself", ::lchown(numbered("/proc/self/fd/", fd).c_str(), 5, 6));
  tell("file as directory", ::chown((numbered("/proc/self/fd/", fd) + "/").c_str(), 5, 6));
  tell("no descriptor", ::chown("/proc/self/fd/999", 5, 6));
  // Whatever process 1 has open or stands in is not to be reached through it.
  for (const char* path :
       {"/proc/1/root/owned/untouched", "/proc/1/cwd/owned/untouched", "/proc/1/task/1/root/owned/untouched"})
    tell(path, ::chown(path, 5, 6));
  const int one = ::open("/proc/1", O_PATH | O_DIRECTORY);
  tell("from a directory", ::fchownat(one, "root/owned/untouched", 5, 6, 0));
}

/// In a root of its own, which has no /proc: ".." and absolute links end there.
void in_a_chroot() {
  ::close(make("inner/owned"));
  ::close(make("inner/absolute"));
  ::symlink("/absolute", "/owned/inner/to-absolute");
  ::chroot("/owned/inner");
  ::chdir("/");
  tell("chroot", ::chown("/../../owned", 5, 6));
  tell("absolute", ::chown("to-absolute", 5, 6));
  tell("outside", ::chown("/usr/untouched", 5, 6));
}

}  // namespace

int main() {
  ::mkdir("/owned", 0755);
  by_descriptors();
  by_directories();
  what_must_not_work();
  in_a_chroot();
  return 0;
}
