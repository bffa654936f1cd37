// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/mount_executor.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/sandbox/root_path.hpp"
#include "runtime/sandbox/small_text.hpp"
#include "runtime/sandbox/syscalls.hpp"

namespace karapace::runtime {
namespace {

using sys::Recursive;

bool set_option(int context, const char* option) noexcept {
  const char* equals = std::strchr(option, '=');
  if (equals == nullptr) return sys::fsconfig_flag(context, option) == 0;
  char key[32];
  const auto length = static_cast<std::size_t>(equals - option);
  if (length >= sizeof key) return errno = EINVAL, false;
  std::memcpy(key, option, length);
  key[length] = '\0';
  return sys::fsconfig_string(context, key, equals + 1) == 0;
}

bool is_directory(int fd) noexcept {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

}  // namespace

Fd new_file_system(const char* type, const std::vector<std::string>& options, std::uint64_t attributes) noexcept {
  Fd context = sys::fsopen(type);
  if (!context) return Fd();
  for (const auto& option : options)
    if (!set_option(context.get(), option.c_str())) return Fd();
  if (sys::fsconfig_create(context.get()) != 0) return Fd();
  return sys::fsmount(context.get(), attributes);
}

void MountExecutor::run(const std::vector<MountOperation>& plan) const noexcept {
  for (const auto& operation : plan) run(operation);
}

void MountExecutor::run(const MountOperation& operation) const noexcept {
  switch (operation.kind) {
    case MountOperation::Kind::file_system: return mount_file_system(operation);
    case MountOperation::Kind::bind:
    case MountOperation::Kind::device: return bind(operation);
    case MountOperation::Kind::directory: return make_directory(operation);
    case MountOperation::Kind::link: return make_link(operation);
    case MountOperation::Kind::mask: return mask(operation);
    case MountOperation::Kind::given_file: return give_file(operation);
    case MountOperation::Kind::filled_file: return fill_file(operation);
    case MountOperation::Kind::protect: return protect(operation);
  }
}

Fd MountExecutor::target(const MountOperation& operation, bool is_directory) const noexcept {
  const auto kind = is_directory ? TargetKind::directory : TargetKind::file;
  Fd found = open_or_make_target(root_, operation.target.c_str(), kind);
  if (!found) reporter_.fail("make the mount target", operation.target.c_str());
  return found;
}

void MountExecutor::attach(int mount, int target, const MountOperation& operation) const noexcept {
  if (sys::move_mount(mount, target) != 0) reporter_.fail("mount", operation.target.c_str());
}

void MountExecutor::mount_file_system(const MountOperation& operation) const noexcept {
  Fd mount = new_file_system(operation.source.c_str(), operation.options, operation.attributes);
  if (!mount && operation.refused == MountOperation::Refused::is_skipped) return;
  if (!mount) reporter_.fail("mount", operation.target.c_str());
  attach(mount.get(), target(operation, true).get(), operation);
}

void MountExecutor::bind(const MountOperation& operation) const noexcept {
  const char* path = operation.source.c_str();
  const bool checked = links_ == SourceLinks::refused && operation.kind == MountOperation::Kind::bind;
  Fd source = sys::openat2(AT_FDCWD, path, O_PATH, 0, checked ? RESOLVE_NO_SYMLINKS : 0);
  if (!source) reporter_.fail("open the mount source", path);
  Fd mount = sys::open_tree_clone(source.get(), "", Recursive::yes);
  if (!mount && operation.refused == MountOperation::Refused::is_skipped) return;
  if (!mount || sys::mount_setattr(mount.get(), operation.attributes, Recursive::yes) != 0)
    reporter_.fail("bind", path);
  attach(mount.get(), target(operation, is_directory(source.get())).get(), operation);
}

void MountExecutor::make_directory(const MountOperation& operation) const noexcept {
  Fd made = target(operation, true);
  // chmod(2) takes no O_PATH descriptors, but their links.
  if (::chmod(descriptor_path(made.get()).text(), operation.mode) != 0)
    reporter_.fail("set the mode of", operation.target.c_str());
}

void MountExecutor::make_link(const MountOperation& operation) const noexcept {
  // Only made on /dev, an empty file system of ours, so the parent is that directory and nothing can be there yet.
  const char* slash = std::strrchr(operation.target.c_str(), '/');
  const std::size_t length = static_cast<std::size_t>(slash - operation.target.c_str());
  char parent[64];
  if (length >= sizeof parent) reporter_.fail("make the link", operation.target.c_str(), ENAMETOOLONG);
  std::memcpy(parent, operation.target.c_str(), length);
  parent[length] = '\0';
  Fd directory = open_or_make_target(root_, parent, TargetKind::directory);
  if (!directory || ::symlinkat(operation.source.c_str(), directory.get(), slash + 1) != 0)
    reporter_.fail("make the link", operation.target.c_str());
}

void MountExecutor::mask(const MountOperation& operation) const noexcept {
  Fd place = open_plain_target(root_, operation.target.c_str());
  if (!place) return;
  Fd cover;
  if (is_directory(place.get())) {
    cover = new_file_system("tmpfs", operation.options, operation.attributes);
  } else {
    cover = sys::open_tree_clone(AT_FDCWD, "/dev/null", Recursive::no);
    if (cover && sys::mount_setattr(cover.get(), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, Recursive::no) != 0)
      cover.reset();
  }
  if (!cover) reporter_.fail("mask", operation.target.c_str());
  attach(cover.get(), place.get(), operation);
}

void MountExecutor::give_file(const MountOperation& operation) const noexcept {
  // A mount needs a file to show: one on the sandbox's own /run, which then loses its name.
  constexpr const char* name = ".karapace";
  Fd directory = open_or_make_target(root_, "/run", TargetKind::directory);
  Fd file = directory ? sys::openat2(directory.get(), name, O_CREAT | O_EXCL | O_WRONLY, 0444, 0) : Fd();
  const auto size = operation.source.size();
  if (!file || ::write(file.get(), operation.source.data(), size) != static_cast<ssize_t>(size))
    reporter_.fail("write", operation.target.c_str());
  Fd mount = sys::open_tree_clone(directory.get(), name, Recursive::no);
  if (!mount || sys::mount_setattr(mount.get(), operation.attributes, Recursive::no) != 0)
    reporter_.fail("mount", operation.target.c_str());
  attach(mount.get(), target(operation, false).get(), operation);
  ::unlinkat(directory.get(), name, 0);
}

void MountExecutor::fill_file(const MountOperation& operation) const noexcept {
  Fd file = sys::openat2(root_, operation.target.c_str(), O_CREAT | O_WRONLY | O_NOFOLLOW | O_NONBLOCK, 0444,
                         RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_size != 0) return;
  const auto size = operation.source.size();
  if (::write(file.get(), operation.source.data(), size) != static_cast<ssize_t>(size))
    reporter_.fail("write", operation.target.c_str());
}

void MountExecutor::protect(const MountOperation& operation) const noexcept {
  Fd place = open_plain_target(root_, operation.target.c_str());
  if (!place) return;
  Fd view = sys::open_tree_clone(place.get(), "", Recursive::yes);
  if (!view || sys::mount_setattr(view.get(), operation.attributes, Recursive::yes) != 0)
    reporter_.fail("protect", operation.target.c_str());
  attach(view.get(), place.get(), operation);
}

}  // namespace karapace::runtime
