// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/caller_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "runtime/sys/small_text.hpp"
#include "runtime/sys/syscalls.hpp"

namespace karapace::init {

namespace {

constexpr int most_links = 40;          // as the kernel's limit, path_resolution(7)
constexpr ino_t procfs_root_inode = 1;  // PROC_ROOT_INO, fixed by the kernel's interface (linux/proc_fs.h)
constexpr int deepest_of_process = 8;   // more levels than /proc/PID/task/TID/map_files has

Fd open_path(int directory, const char* path, int flags = 0, std::uint64_t resolve = 0) noexcept {
  return sys::openat2(directory, path, static_cast<std::uint64_t>(O_PATH | flags), 0, resolve);
}

/// /proc/PID/NAME of the caller.
sys::SmallText<64> process_file(pid_t pid, const char* name) noexcept {
  sys::SmallText<64> path;
  path.add("/proc/").add_number(static_cast<unsigned long>(pid)).add("/").add(name);
  return path;
}

/// A string in the caller's memory. False with errno.
bool read_string(pid_t pid, std::uint64_t address, char (&text)[PATH_MAX]) noexcept {
  constexpr std::size_t page = 4096;
  std::size_t size = 0;
  while (size < sizeof text) {
    // No further than the end of a page: the next one may not be there.
    const std::size_t part = std::min(sizeof text - size, page - (address + size) % page);
    iovec here{text + size, part};
    iovec there{reinterpret_cast<void*>(address + size), part};
    const auto count = ::process_vm_readv(pid, &here, 1, &there, 1, 0);
    if (count <= 0) return false;
    if (std::memchr(text + size, '\0', static_cast<std::size_t>(count)) != nullptr) return true;
    size += static_cast<std::size_t>(count);
  }
  errno = ENAMETOOLONG;
  return false;
}

bool same_file(int left, int right) noexcept {
  struct stat a{};
  struct stat b{};
  return sys::own_fstat(left, a) == 0 && sys::own_fstat(right, b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/// Whether the caller's root is this process's: the name of any other one is longer.
bool shares_root(pid_t caller) noexcept {
  char root[2];
  return ::readlink(process_file(caller, "root").text(), root, sizeof root) == 1;
}

bool on_procfs(int file) noexcept {
  struct statfs system{};
  return ::fstatfs(file, &system) == 0 && system.f_type == PROC_SUPER_MAGIC;
}

/// Whether this lies below process 1's own directory in procfs. Its descriptors, root and memory are not what a caller
/// may be led to: the kernel would refuse it, too (PTRACE_MODE_READ, proc(5)).
bool belongs_to_this_process(int file) noexcept {
  const Fd own = open_path(AT_FDCWD, "/proc/self", O_DIRECTORY);
  if (!own) return true;
  Fd at = open_path(file, ".");
  for (int level = 0; at && level < deepest_of_process; ++level) {
    struct stat status{};
    if (sys::own_fstat(at.get(), status) != 0) return true;
    if (status.st_ino == procfs_root_inode) return false;
    if (same_file(at.get(), own.get())) return true;
    at = open_path(at.get(), "..");
  }
  return true;
}

/// One resolution of one path.
class Walk {
 public:
  Walk(pid_t caller, bool follows) noexcept
      : caller_(caller),
        shares_root_(shares_root(caller)),
        follows_(follows),
        root_(open_path(AT_FDCWD, shares_root_ ? "/" : process_file(caller, "root").text())) {}

  /// `start`: what a relative path begins at.
  FoundFile run(Fd start, const char* path) noexcept {
    if (!root_) return {Fd(), ESRCH};
    at_ = std::move(start);
    if (*path == '/') at_.reset();
    if (!prepend(path, std::strlen(path))) return {Fd(), errno};
    for (;;) {
      rest_ += std::strspn(rest_, "/");
      if (*rest_ == '\0') return {at_ ? std::move(at_) : std::move(root_)};
      int error = 0;
      if (std::exchange(may_leap_, false) && leap(error)) return {std::move(at_), error};
      error = step();
      if (error != 0) return {Fd(), error};
    }
  }

 private:
  int here() const noexcept { return at_ ? at_.get() : root_.get(); }

  /// Puts text before what is left of the path. The buffer is filled from its end.
  bool prepend(const char* text, std::size_t length) noexcept {
    if (length + 1 > static_cast<std::size_t>(rest_ - pending_)) return errno = ENAMETOOLONG, false;
    if (*rest_ != '\0') *--rest_ = '/';
    rest_ -= length;
    std::memcpy(rest_, text, length);
    return true;
  }

  /// Lets the kernel resolve all that is left. False when it can not; then it is not tried again in this mount.
  bool leap(int& error) noexcept {
    if (!shares_root_ || (at_ && on_procfs(at_.get()))) return false;
    Fd file = open_path(here(), rest_, follows_ ? 0 : O_NOFOLLOW, RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS);
    error = file ? 0 : errno;
    if (error == EXDEV || error == ELOOP) return false;
    at_ = std::move(file);
    return true;
  }

  int step() noexcept {
    char name[NAME_MAX + 1];
    const auto length = std::strcspn(rest_, "/");
    if (length >= sizeof name) return ENAMETOOLONG;
    std::memcpy(name, rest_, length);
    name[length] = '\0';
    rest_ += length;
    // The kernel stops ".." at this process's root, which need not be the caller's.
    if (!shares_root_ && std::strcmp(name, "..") == 0 && same_file(here(), root_.get())) return 0;
    Fd next = open_path(here(), name, O_NOFOLLOW);
    struct stat status{};
    if (!next || sys::own_fstat(next.get(), status) != 0) return errno;
    const bool must_be_directory = *rest_ == '/';
    if (S_ISLNK(status.st_mode) && (follows_ || must_be_directory)) return follow(name, next);
    return go(std::move(next));
  }

  int follow(const char* name, const Fd& link) noexcept {
    if (++links_ > most_links) return ELOOP;
    if (on_procfs(here())) {
      const int answer = follow_in_procfs(name);
      if (answer != is_plain_link) return answer;
    }
    char target[PATH_MAX];
    const auto size = ::readlinkat(link.get(), "", target, sizeof target);
    if (size < 0) return errno;
    if (size == 0) return ENOENT;
    if (static_cast<std::size_t>(size) == sizeof target) return ENAMETOOLONG;
    if (!prepend(target, static_cast<std::size_t>(size))) return errno;
    if (*target != '/') return 0;
    at_.reset();
    may_leap_ = true;
    return 0;
  }

  /// The links of procfs that are no text but lead somewhere by themselves, and those whose text depends on the reader.
  int follow_in_procfs(const char* name) noexcept {
    struct stat directory{};
    if (sys::own_fstat(here(), directory) != 0) return errno;
    if (directory.st_ino == procfs_root_inode) {
      const bool thread = std::strcmp(name, "thread-self") == 0;
      if (thread || std::strcmp(name, "self") == 0) return follow_self(thread);
    }
    const Fd plain = open_path(here(), name, 0, RESOLVE_NO_MAGICLINKS);
    if (plain || errno != ELOOP) return is_plain_link;
    if (belongs_to_this_process(here())) return EACCES;
    return go(open_path(here(), name));
  }

  int follow_self(bool thread) noexcept {
    const auto process = process_of(caller_);
    if (process == 0) return ESRCH;
    sys::SmallText<64> target;
    target.add_number(static_cast<unsigned long>(process));
    if (thread) target.add("/task/").add_number(static_cast<unsigned long>(caller_));
    return prepend(target.text(), target.size()) ? 0 : errno;
  }

  int go(Fd next) noexcept {
    struct stat before{};
    struct stat after{};
    if (!next || sys::own_fstat(here(), before) != 0 || sys::own_fstat(next.get(), after) != 0) return errno;
    if (*rest_ == '/' && !S_ISDIR(after.st_mode)) return ENOTDIR;
    if (before.st_dev != after.st_dev) may_leap_ = true;
    at_ = std::move(next);
    return 0;
  }

  static constexpr int is_plain_link = -1;
  pid_t caller_;
  bool shares_root_;
  bool follows_;
  bool may_leap_ = false;  // `find_at_once` was tried first
  int links_ = 0;
  Fd root_;
  Fd at_;  // none: at the root
  char pending_[2 * PATH_MAX] = {};
  char* rest_ = pending_ + sizeof pending_ - 1;
};

/// What the descriptor, or AT_FDCWD, stands for.
FoundFile open_base(pid_t caller, int directory) noexcept {
  auto path = process_file(caller, directory == AT_FDCWD ? "cwd" : "fd/");
  if (directory != AT_FDCWD) path.add_number(static_cast<unsigned>(directory));
  Fd base = open_path(AT_FDCWD, path.text());
  const int error = base ? 0 : (errno == ENOENT ? EBADF : errno);
  return {std::move(base), error};
}

constexpr int needs_a_walk = -1;

/// Most paths stay in one mount, and relative ones below where they begin: these mean the same here, whatever the
/// caller's root is. (What is found in procfs without its special links has no owner that could be recorded.)
FoundFile find_at_once(pid_t caller, const Fd& base, const char* path, bool follows) noexcept {
  if (!base && !shares_root(caller)) return {Fd(), needs_a_walk};
  const std::uint64_t inside = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | (base ? RESOLVE_BENEATH : 0);
  Fd file = open_path(base ? base.get() : AT_FDCWD, path, follows ? 0 : O_NOFOLLOW, inside);
  if (file) return {std::move(file)};
  const int error = errno;
  const bool final = error != EXDEV && error != ELOOP && !(base && on_procfs(base.get()));
  return {Fd(), final ? error : needs_a_walk};
}

/// `start`: what a relative path begins at.
FoundFile find_text(pid_t caller, Fd start, const char* path, bool follows) noexcept {
  FoundFile found = find_at_once(caller, start, path, follows);
  if (found.error != needs_a_walk) return found;
  return Walk(caller, follows).run(std::move(start), path);
}

FoundFile open_start(pid_t caller, int directory, const char* path) noexcept {
  return *path == '/' ? FoundFile{} : open_base(caller, directory);
}

bool ends_in_slash(const char* path) noexcept {
  const auto size = std::strlen(path);
  return size > 0 && path[size - 1] == '/';
}

/// Cuts the last name off. False when there is none that something could be made under.
bool take_name(char (&path)[PATH_MAX], char (&name)[NAME_MAX + 1]) noexcept {
  auto size = std::strlen(path);
  while (size > 1 && path[size - 1] == '/') path[--size] = '\0';
  auto begin = size;
  while (begin > 0 && path[begin - 1] != '/') --begin;
  if (size == begin || size - begin > NAME_MAX) return false;
  std::memcpy(name, path + begin, size - begin + 1);
  path[begin] = '\0';
  return std::strcmp(name, ".") != 0 && std::strcmp(name, "..") != 0;
}

/// What a link that dangles says, as the next path. False when it is none to follow.
bool read_link(const FoundPlace& place, char (&path)[PATH_MAX]) noexcept {
  struct stat status{};
  if (sys::own_fstat(place.existing.get(), status) != 0 || !S_ISLNK(status.st_mode)) return false;
  if (on_procfs(place.directory.get())) return false;
  const auto size = ::readlinkat(place.existing.get(), "", path, sizeof path - 1);
  if (size <= 0) return false;
  path[size] = '\0';
  return true;
}

}  // namespace

bool Waiting::still() const noexcept {
  auto notification = id;
  return ::ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &notification) == 0;
}

pid_t process_of(pid_t thread) noexcept { return static_cast<pid_t>(status_number(thread, "Tgid", 10, 0)); }

unsigned long status_number(pid_t thread, const char* name, unsigned base, unsigned long missing) noexcept {
  const Fd file(::open(process_file(thread, "status").text(), O_RDONLY | O_CLOEXEC));
  char text[1024];
  const auto size = file ? ::read(file.get(), text, sizeof text - 1) : -1;
  if (size <= 0) return missing;
  text[size] = '\0';
  // A process can not put a line of its own into its name: the kernel escapes it.
  sys::SmallText<32> key;
  key.add("\n").add(name).add(":\t");
  const char* digit = std::strstr(text, key.text());
  if (digit == nullptr) return missing;
  unsigned long number = 0;
  for (digit += key.size(); *digit >= '0' && *digit <= '9'; ++digit)
    number = number * base + static_cast<unsigned long>(*digit - '0');
  return number;
}

FoundFile find_as(pid_t caller, const CallerPath& wanted) noexcept {
  if (wanted.path == 0) return open_base(caller, wanted.directory);
  char path[PATH_MAX];
  if (!read_string(caller, wanted.path, path)) return {Fd(), errno};
  if (*path == '\0') return wanted.may_be_empty ? open_base(caller, wanted.directory) : FoundFile{Fd(), ENOENT};
  FoundFile start = open_start(caller, wanted.directory, path);
  if (start.error != 0) return start;
  return find_text(caller, std::move(start.file), path, wanted.follows);
}

FoundPlace find_place_as(pid_t caller, const CallerPath& wanted) noexcept {
  FoundPlace place;
  char path[PATH_MAX];
  if (!read_string(caller, wanted.path, path)) return place.error = errno, std::move(place);
  FoundFile start = open_start(caller, wanted.directory, path);
  place.asks_for_directory = ends_in_slash(path);
  for (int links = 0; start.error == 0 && links <= most_links; ++links) {
    if (!take_name(path, place.name)) break;
    if (*path != '\0') start = find_text(caller, std::move(start.file), path, true);
    if (start.error != 0) break;
    place.directory = std::move(start.file);
    place.existing = open_path(place.directory.get(), place.name, O_NOFOLLOW);
    if (!place.existing && errno != ENOENT) break;
    if (!place.existing || !wanted.follows || !read_link(place, path)) return place;
    place.asks_for_directory = place.asks_for_directory || ends_in_slash(path);
    start = *path == '/' ? FoundFile{} : FoundFile{std::move(place.directory)};
  }
  place.error = start.error != 0 ? start.error : ENOENT;
  return place;
}

}  // namespace karapace::init
