// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/fuse_server.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include <dirent.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "runtime/sandbox/id_helpers.hpp"
#include "runtime/sys/small_text.hpp"
#include "runtime/sys/syscalls.hpp"
#include "store/file_attributes.hpp"

namespace karapace::sandbox {
namespace {

/// Directories handed to the server as descriptors, so that no character of their paths needs quoting.
class HandedDirectories {
 public:
  std::string path(const std::string& directory) {
    opened_.push_back(open_at(AT_FDCWD, directory, O_PATH | O_DIRECTORY));
    return sys::descriptor_path(opened_.back().get()).text();
  }
  void keep_on_exec() const noexcept {
    for (const auto& fd : opened_) ::fcntl(fd.get(), F_SETFD, 0);
  }

 private:
  std::vector<Fd> opened_;
};

std::string options(const RootFileSystem& root, HandedDirectories& directories) {
  std::string text = "lowerdir=";
  for (std::size_t i = 0; i < root.lowers.size(); ++i) text += (i == 0 ? "" : ":") + directories.path(root.lowers[i]);
  if (!root.upper.empty())
    text += ",upperdir=" + directories.path(root.upper) + ",workdir=" + directories.path(root.work);
  if (root.is_volatile) text += ",volatile";
  return text;
}

[[noreturn]] void become_server(char* const* argv, const HandedDirectories& directories, int device,
                                pid_t parent) noexcept {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (::getppid() != parent) ::_exit(1);
  ::fcntl(device, F_SETFD, 0);
  directories.keep_on_exec();
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  char* const no_variables[] = {nullptr};
  ::execve(argv[0], argv, no_variables);
  ::_exit(127);
}

struct CloseDirectory {
  void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

/// Whether the kernel's overlay may have marked directories of the upper one before.
enum class KernelMarks { none, some };

void make_opaque(int directory) {
  if (::fsetxattr(directory, store::opaque_xattr, "y", 1, 0) != 0)
    throw SandboxError(errno_message("sandbox: cannot mark a directory as opaque", errno));
}

/// The server's own marks, and what it let commands set that the kernel would believe. It hides both.
bool goes(std::string_view name, KernelMarks before) {
  if (name == store::opaque_xattr) return before == KernelMarks::none;
  return store::is_foreign_mark(name);
}

/// `path` is a link below /proc, which these calls follow.
void drop_marks(const char* path, KernelMarks before) {
  std::string names(1024, '\0');
  ssize_t size = 0;
  while ((size = ::listxattr(path, names.data(), names.size())) < 0 && errno == ERANGE) names.resize(4 * names.size());
  if (size < 0 && errno == ENOTSUP) return;
  if (size < 0) throw SandboxError(errno_message("sandbox: cannot list attributes in the upper layer", errno));
  const char* end = names.data() + size;
  for (const char* name = names.data(); name < end; name += std::strlen(name) + 1)
    if (goes(name, before) && ::removexattr(path, name) != 0)
      throw SandboxError(errno_message("sandbox: cannot remove an attribute in the upper layer", errno));
}

/// ".wh.NAME" stands for a whiteout of NAME.
void make_whiteout(int directory, const char* mark) {
  ::unlinkat(directory, mark, 0);
  const char* name = mark + store::whiteout_prefix.size();
  if (::mknodat(directory, name, S_IFCHR, 0) != 0 && errno != EEXIST)
    throw SandboxError(errno_message(fmt::format("sandbox: cannot make a whiteout of {}", name), errno));
}

void translate_entry(int directory, const char* name, KernelMarks before);

void translate_directory(int directory, KernelMarks before) {
  const bool is_opaque = ::fgetxattr(directory, "user.fuseoverlayfs.opaque", nullptr, 0) > 0;
  drop_marks(sys::descriptor_path(directory).text(), before);
  if (is_opaque) make_opaque(directory);
  std::unique_ptr<DIR, CloseDirectory> stream(
      ::fdopendir(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
  if (!stream) throw SandboxError(errno_message("sandbox: cannot read a directory of the upper layer", errno));
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(stream.get())) names.emplace_back(entry->d_name);
  for (const auto& name : names) {
    if (name == "." || name == "..") continue;
    if (name == ".wh..wh..opq" || name == ".wh..opq") {
      make_opaque(directory);
      ::unlinkat(directory, name.c_str(), 0);
    } else if (name.starts_with(store::whiteout_prefix)) {
      make_whiteout(directory, name.c_str());
    } else {
      translate_entry(directory, name.c_str(), before);
    }
  }
}

void translate_entry(int directory, const char* name, KernelMarks before) {
  const Fd entry(::openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat status{};
  if (!entry || ::fstat(entry.get(), &status) != 0)
    throw SandboxError(errno_message("sandbox: cannot look at a file of the upper layer", errno));
  // Links and special files can not have such attributes.
  if (S_ISREG(status.st_mode)) return drop_marks(sys::descriptor_path(entry.get()).text(), before);
  if (!S_ISDIR(status.st_mode)) return;
  const Fd inner(::openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!inner) throw SandboxError(errno_message("sandbox: cannot open a directory of the upper layer", errno));
  translate_directory(inner.get(), before);
}

}  // namespace

namespace {

/// What the keeper has of its caller: the connection, the lock and nothing else.
void leave_caller(int device, int lock) {
  ::setsid();  // the terminal's signals are not for it
  // The server complains about options of its own; what goes wrong shows as an error of process 1.
  const Fd null = open_at(AT_FDCWD, "/dev/null", O_RDWR);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null.get(), fd);
  const unsigned first = static_cast<unsigned>(std::min(device, lock < 0 ? device : lock));
  const unsigned second = static_cast<unsigned>(std::max(device, lock));
  sys::close_range(STDERR_FILENO + 1, first - 1);
  sys::close_range(first + 1, second - 1);
  sys::close_range(second + 1, ~0U);
}

void serve(const RootFileSystem& root, const std::string& program, int device) {
  HandedDirectories directories;
  std::vector<std::string> words{program, "-f", "-o", options(root, directories), fmt::format("/dev/fd/{}", device)};
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t server = ::fork();
  if (server < 0) throw SandboxError(errno_message("sandbox: cannot start fuse-overlayfs", errno));
  if (server == 0) become_server(argv.data(), directories, device, parent);
  // The server has the connection now; a copy here would keep it alive after the server's death.
  ::close(device);
  while (::waitpid(server, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void translate(const std::string& upper, KernelMarks before) {
  if (!upper.empty()) translate_directory(open_at(AT_FDCWD, upper, O_RDONLY | O_DIRECTORY).get(), before);
}

[[noreturn]] void keep(const RootFileSystem& root, const std::string& program, int device, int lock) noexcept {
  try {
    leave_caller(device, lock);
    // In a new upper directory, a step's, every mark of the kernel's was made by a command.
    const bool is_new = !root.upper.empty() && names_in(root.upper).empty();
    serve(root, program, device);
    translate(root.upper, is_new ? KernelMarks::none : KernelMarks::some);
    ::_exit(0);
  } catch (const std::exception&) {
    ::_exit(1);
  }
}

}  // namespace

FuseServer::FuseServer(const RootFileSystem& root, Fd device, int lock) : upper_(root.upper) {
  const auto program = find_id_helper("fuse-overlayfs");
  if (!program)
    throw SandboxError(
        "sandbox: the kernel refuses its overlay here and fuse-overlayfs is missing; install it (Debian: "
        "apt install fuse-overlayfs), or put the store on ext4, xfs, btrfs or tmpfs");
  keeper_ = ::fork();
  if (keeper_ < 0) throw SandboxError(errno_message("sandbox: cannot start fuse-overlayfs", errno));
  if (keeper_ == 0) keep(root, *program, device.get(), lock);
}

void FuseServer::wait() {
  const timespec moment{0, 5'000'000};
  for (int waited = 0; waited < 2000; ++waited) {
    int status = 0;
    const pid_t ended = ::waitpid(keeper_, &status, WNOHANG);
    if (ended == keeper_ && status == 0) return;
    if (ended == keeper_) break;
    ::nanosleep(&moment, nullptr);
  }
  ::kill(-keeper_, SIGKILL);
  ::waitpid(keeper_, nullptr, 0);
  translate(upper_, KernelMarks::some);
}

}  // namespace karapace::sandbox
