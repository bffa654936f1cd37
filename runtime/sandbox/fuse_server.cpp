// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/fuse_server.hpp"

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

#include "runtime/sandbox/id_helpers.hpp"
#include "runtime/sandbox/small_text.hpp"
#include "runtime/sandbox/syscalls.hpp"
#include "store/error.hpp"

namespace karapace::runtime {
namespace {

/// Directories handed to the server as descriptors, so that no character of their paths needs quoting.
class HandedDirectories {
 public:
  std::string path(const std::string& directory) {
    opened_.push_back(open_at(AT_FDCWD, directory, O_PATH | O_DIRECTORY));
    return descriptor_path(opened_.back().get()).text();
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
  ::setsid();  // the terminal's signals are not for it
  // It complains about options of its own; what goes wrong shows as an error of process 1.
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null.get(), fd);
  ::fcntl(device, F_SETFD, 0);
  directories.keep_on_exec();
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  char* const no_variables[] = {nullptr};
  ::execve(argv[0], argv, no_variables);
  ::_exit(127);
}

bool has_ended(pid_t pid) {
  int status = 0;
  return ::waitpid(pid, &status, WNOHANG) != 0;
}

struct CloseDirectory {
  void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

void make_opaque(int directory) {
  if (::fsetxattr(directory, "user.overlay.opaque", "y", 1, 0) != 0)
    throw SandboxError(errno_message("sandbox: cannot mark a directory as opaque", errno));
}

void drop_own_attributes(const char* path) {
  char names[4096];
  const auto size = ::llistxattr(path, names, sizeof names);
  for (const char* name = names; size > 0 && name < names + size; name += std::strlen(name) + 1)
    if (std::string_view(name).starts_with("user.fuseoverlayfs.")) ::lremovexattr(path, name);
}

/// ".wh.NAME" stands for a whiteout of NAME.
void make_whiteout(int directory, const char* mark) {
  ::unlinkat(directory, mark, 0);
  const char* name = mark + 4;
  if (::mknodat(directory, name, S_IFCHR, 0) != 0 && errno != EEXIST)
    throw SandboxError(errno_message(fmt::format("sandbox: cannot make a whiteout of {}", name), errno));
}

void translate_entry(int directory, const char* name);

void translate_directory(int directory) {
  if (::fgetxattr(directory, "user.fuseoverlayfs.opaque", nullptr, 0) > 0) make_opaque(directory);
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
    } else if (name.starts_with(".wh.")) {
      make_whiteout(directory, name.c_str());
    } else {
      translate_entry(directory, name.c_str());
    }
  }
}

void translate_entry(int directory, const char* name) {
  const Fd entry(::openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  if (!entry || ::fstat(entry.get(), &status) != 0) return;
  if (S_ISDIR(status.st_mode)) {
    const Fd inner(::openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (inner) translate_directory(inner.get());
  }
  // Links and special files can not have such attributes.
  if (S_ISDIR(status.st_mode) || S_ISREG(status.st_mode)) drop_own_attributes(descriptor_path(entry.get()).text());
}

}  // namespace

FuseServer::FuseServer(const RootFileSystem& root, int device) {
  const auto program = find_id_helper("fuse-overlayfs");
  if (!program)
    throw SandboxError(
        "sandbox: the kernel refuses its overlay here and fuse-overlayfs is missing; install it (Debian: "
        "apt install fuse-overlayfs), or put the store on ext4, xfs, btrfs or tmpfs");
  HandedDirectories directories;
  std::vector<std::string> words{*program, "-f", "-o", options(root, directories), fmt::format("/dev/fd/{}", device)};
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) throw SandboxError(errno_message("sandbox: cannot start fuse-overlayfs", errno));
  if (pid_ == 0) become_server(argv.data(), directories, device, parent);
}

FuseServer::~FuseServer() {
  const timespec moment{0, 5'000'000};
  for (int waited = 0; waited < 2000; ++waited) {
    if (has_ended(pid_)) return;
    ::nanosleep(&moment, nullptr);
  }
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void translate_fuse_marks(int upper) { translate_directory(upper); }

}  // namespace karapace::runtime
