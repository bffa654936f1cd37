// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/mount_executor.hpp"

#include <cerrno>
#include <cstring>

#include <climits>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/sys/small_text.hpp"
#include "runtime/sys/syscalls.hpp"

namespace karapace::sandbox {

namespace {

using Kind = MountOperation::Kind;
using Place = MountOperation::Place;
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
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

/// Nothing of an image's, however it is spelled, may be passed on the way.
constexpr std::uint64_t plain = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;

bool is_process_view(const MountOperation& operation) noexcept {
  return operation.kind == Kind::file_system && operation.source == "proc";
}

Fd first_cover(bool is_directory) noexcept {
  constexpr std::uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY;
  if (is_directory) return new_file_system("tmpfs", {}, attributes);
  Fd cover = sys::open_tree_clone(AT_FDCWD, "/dev/null", Recursive::no);
  // Else the mode and owner of the host's /dev/null could be changed through it.
  if (cover && sys::mount_setattr(cover.get(), MOUNT_ATTR_RDONLY, Recursive::no) != 0) cover.reset();
  return cover;
}

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

Fd Covers::make(bool is_directory) noexcept {
  Fd& first = first_[is_directory ? 1 : 0];
  if (first) return sys::open_tree_clone(first.get(), "", Recursive::no);
  Fd cover = first_cover(is_directory);
  if (cover) first = Fd(::fcntl(cover.get(), F_DUPFD_CLOEXEC, 0));
  return cover;
}

Fd Covers::make_empty_file() noexcept {
  constexpr const char* name = "empty";
  constexpr std::uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  if (!files_) {
    files_ = new_file_system("tmpfs", {}, attributes);
    Fd(sys::openat2(files_.get(), name, O_CREAT | O_EXCL | O_WRONLY, 0444, plain)).reset();
  }
  Fd cover = sys::open_tree_clone(files_.get(), name, Recursive::no);
  if (cover && sys::mount_setattr(cover.get(), MOUNT_ATTR_RDONLY, Recursive::no) == 0) return cover;
  return make(false);
}

Fd new_file_system(const char* type, const std::vector<std::string>& options, std::uint64_t attributes) noexcept {
  Fd context = sys::fsopen(type);
  if (!context) return Fd();
  for (const auto& option : options)
    if (!set_option(context.get(), option.c_str())) return Fd();
  if (sys::fsconfig_create(context.get()) != 0) return Fd();
  return sys::fsmount(context.get(), attributes);
}

void MountExecutor::take_from_store(const std::vector<MountOperation>& plan) noexcept {
  for (const auto& operation : plan) {
    if (operation.kind != Kind::bind || operation.origin != BindSource::store) continue;
    if (taken_count_ == taken_.size()) return;  // then nothing is hidden (sandbox.cpp)
    taken_[taken_count_++] = copy_of(operation);
  }
}

void MountExecutor::run(const std::vector<MountOperation>& plan) noexcept {
  for (const auto& operation : plan) run(operation);
}

void MountExecutor::run(const MountOperation& operation) noexcept {
  if (operation.place == Place::within && !within_) return;
  switch (operation.kind) {
    case Kind::file_system: return mount_file_system(operation);
    case Kind::bind: return bind(operation);
    case Kind::device: return add_device(operation);
    case Kind::directory: return make_directory(operation);
    case Kind::link: return make_link(operation);
    case Kind::mask: return mask(operation);
    case Kind::protect: return protect(operation);
    case Kind::given_file: return give_file(operation);
    case Kind::filled_file: return fill_file(operation);
  }
}

Fd MountExecutor::own_directory(const char* path) const noexcept {
  const char* name = path + 1;
  Fd found = sys::openat2(root_, name, O_PATH | O_DIRECTORY, 0, plain);
  if (!found && errno == ENOENT && ::mkdirat(root_, name, 0755) == 0)
    found = sys::openat2(root_, name, O_PATH | O_DIRECTORY, 0, plain);
  if (!found && (errno == ELOOP || errno == ENOTDIR))
    reporter_.fail("mount on what the image has instead of a directory at", path, ENOTDIR);
  if (!found) reporter_.fail("make the mount target", path);
  return found;
}

Fd MountExecutor::target(const MountOperation& operation, bool is_directory) const noexcept {
  const char* path = operation.target.c_str();
  if (operation.place == Place::own) return own_directory(path);
  Fd found;
  if (operation.place == Place::image) {
    found = open_or_make_target(root_, path, is_directory ? TargetKind::directory : TargetKind::file);
    if (found && is_directory != sandbox::is_directory(found.get()))
      reporter_.fail(
          is_directory ? "mount a directory on what the image has at" : "mount a file on what the image has at", path,
          is_directory ? ENOTDIR : EISDIR);
  } else {
    // The file system is ours and new.
    if (is_directory)
      ::mkdirat(within_.get(), path, 0755);
    else
      Fd(sys::openat2(within_.get(), path, O_CREAT | O_EXCL | O_WRONLY, 0644, plain)).reset();
    found = sys::openat2(within_.get(), path, O_PATH, 0, plain);
  }
  if (!found) reporter_.fail("make the mount target", path);
  return found;
}

void MountExecutor::attach(Fd mount, const MountOperation& operation, bool is_directory) noexcept {
  if (sys::move_mount(mount.get(), target(operation, is_directory).get()) != 0)
    reporter_.fail("mount", operation.target.c_str());
  if (operation.place == Place::own) within_ = std::move(mount);
}

Fd MountExecutor::process_view(const std::vector<MountOperation>& plan, const init::Reporter& reporter) noexcept {
  Fd mount;
  for (const auto& operation : plan) {
    if (!is_process_view(operation)) continue;
    mount = new_file_system("proc", operation.options, operation.attributes);
    break;
  }
  if (!mount) reporter.fail("mount", "/proc");
  return mount;
}

void MountExecutor::mount_file_system(const MountOperation& operation) noexcept {
  const bool is_made = process_view_ && is_process_view(operation);
  Fd mount = is_made ? std::move(process_view_)
                     : new_file_system(operation.source.c_str(), operation.options, operation.attributes);
  if (!mount && operation.refused == MountOperation::Refused::is_skipped) return within_.reset();
  if (!mount) reporter_.fail("mount", operation.target.c_str());
  attach(std::move(mount), operation, true);
}

Fd MountExecutor::copy_of(const MountOperation& operation) const noexcept {
  const char* path = operation.source.c_str();
  // The way to the store may have links; in any other path somebody could have put one since it was checked.
  const bool checked = operation.origin == BindSource::host;
  Fd source = sys::openat2(AT_FDCWD, path, O_PATH, 0, checked ? RESOLVE_NO_SYMLINKS : 0);
  if (!source) reporter_.fail("open the mount source", path);
  Fd mount = sys::open_tree_clone(source.get(), "", Recursive::yes);
  if (!mount && operation.refused == MountOperation::Refused::is_skipped) return mount;
  if (!mount || sys::mount_setattr(mount.get(), operation.attributes, Recursive::yes) != 0)
    reporter_.fail("bind", path);
  return mount;
}

void MountExecutor::bind(const MountOperation& operation) noexcept {
  const bool taken = operation.origin == BindSource::store && taken_used_ < taken_count_;
  Fd mount = taken ? std::move(taken_[taken_used_++]) : copy_of(operation);
  if (!mount) return within_.reset();
  const bool directory = is_directory(mount.get());
  attach(std::move(mount), operation, directory);
}

void MountExecutor::add_device(const MountOperation& operation) const noexcept {
  Fd mount = sys::open_tree_clone(AT_FDCWD, operation.source.c_str(), Recursive::no);
  if (!mount || sys::mount_setattr(mount.get(), operation.attributes, Recursive::no) != 0)
    reporter_.fail("bind", operation.source.c_str());
  if (sys::move_mount(mount.get(), target(operation, false).get()) != 0)
    reporter_.fail("mount", operation.target.c_str());
}

void MountExecutor::make_directory(const MountOperation& operation) const noexcept {
  Fd made = target(operation, true);
  // chmod(2) takes no O_PATH descriptors, but their links.
  if (::chmod(sys::descriptor_path(made.get()).text(), operation.mode) != 0)
    reporter_.fail("set the mode of", operation.target.c_str());
}

void MountExecutor::make_link(const MountOperation& operation) const noexcept {
  if (::symlinkat(operation.source.c_str(), within_.get(), operation.target.c_str()) != 0)
    reporter_.fail("make the link", operation.target.c_str());
}

void MountExecutor::mask(const MountOperation& operation) noexcept {
  Fd place = sys::openat2(within_.get(), operation.target.c_str(), O_PATH, 0, plain);
  if (!place && errno == ENOENT) return;
  Fd cover = place ? covers_.make(is_directory(place.get())) : Fd();
  if (!cover || sys::move_mount(cover.get(), place.get()) != 0) reporter_.fail("mask", operation.target.c_str());
}

void MountExecutor::protect(const MountOperation& operation) const noexcept {
  Fd place = sys::openat2(within_.get(), operation.target.c_str(), O_PATH, 0, plain);
  if (!place && errno == ENOENT) return;
  Fd view = place ? sys::open_tree_clone(place.get(), "", Recursive::yes) : Fd();
  if (!view || sys::mount_setattr(view.get(), operation.attributes, Recursive::yes) != 0 ||
      sys::move_mount(view.get(), place.get()) != 0)
    reporter_.fail("protect", operation.target.c_str());
}

void MountExecutor::give_file(const MountOperation& operation) noexcept {
  // A mount needs a file to show: one on the sandbox's own /run, mounted last, which then loses its name.
  constexpr const char* name = ".karapace";
  Fd file = sys::openat2(within_.get(), name, O_CREAT | O_EXCL | O_WRONLY, 0444, plain);
  const auto size = operation.source.size();
  if (!file || ::write(file.get(), operation.source.data(), size) != static_cast<ssize_t>(size))
    reporter_.fail("write", operation.target.c_str());
  Fd mount = sys::open_tree_clone(within_.get(), name, Recursive::no);
  if (!mount || sys::mount_setattr(mount.get(), operation.attributes, Recursive::no) != 0)
    reporter_.fail("mount", operation.target.c_str());
  attach(std::move(mount), operation, false);
  ::unlinkat(within_.get(), name, 0);
}

void MountExecutor::fill_file(const MountOperation& operation) const noexcept {
  Fd file = sys::openat2(root_, operation.target.c_str(), O_CREAT | O_WRONLY | O_NOFOLLOW | O_NONBLOCK, 0444,
                         RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
  struct stat status{};
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_size != 0) return;
  const auto size = operation.source.size();
  if (::write(file.get(), operation.source.data(), size) != static_cast<ssize_t>(size))
    reporter_.fail("write", operation.target.c_str());
}

Fd open_or_make_target(int root, const char* path, TargetKind kind) noexcept {
  int links = 0;
  return make_target(root, path, kind, links);
}

Fd open_plain_target(int root, const char* path) noexcept {
  while (*path == '/') ++path;
  return sys::openat2(root, path, O_PATH, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

}  // namespace karapace::sandbox
