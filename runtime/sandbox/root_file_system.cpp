// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/root_file_system.hpp"

#include <cerrno>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/sandbox/mount_executor.hpp"
#include "runtime/sys/small_text.hpp"
#include "runtime/sys/syscalls.hpp"

namespace karapace::sandbox {
namespace {

using init::Report;
using init::Reporter;
using sys::Recursive;

Fd open_directory(const std::string& path, const Reporter& reporter) noexcept {
  Fd fd = sys::openat2(AT_FDCWD, path.c_str(), O_PATH | O_DIRECTORY, 0, 0);
  if (!fd) reporter.fail("open the layer", path.c_str());
  return fd;
}

/// Where changes go: empty descriptors for a root that takes none.
struct Changes {
  Fd upper;
  Fd work;
};

Fd make_directory(int parent, const char* name, const Reporter& reporter) noexcept {
  if (::mkdirat(parent, name, 0755) != 0) reporter.fail("make the directory for changes", name);
  return sys::openat2(parent, name, O_RDONLY | O_DIRECTORY, 0, 0);
}

/// The overlay takes directories of attached mounts only, so the file system is mounted where nothing is needed.
Changes changes_in_memory(const std::string& place, const Reporter& reporter) noexcept {
  Fd memory = new_file_system("tmpfs", {"mode=0700"}, MOUNT_ATTR_NODEV);
  Fd target = open_directory(place, reporter);
  if (!memory || sys::move_mount(memory.get(), target.get()) != 0)
    reporter.fail("mount memory for changes on", place.c_str());
  return {make_directory(memory.get(), "upper", reporter), make_directory(memory.get(), "work", reporter)};
}

/// The overlay shows the upper directory's own mode and owner as the root's.
void copy_root_metadata(const RootFileSystem& root, int upper, const Reporter& reporter) noexcept {
  Fd top = open_directory(root.lowers.front(), reporter);
  struct stat status{};
  if (::fstat(top.get(), &status) != 0 || ::fchown(upper, status.st_uid, status.st_gid) != 0 ||
      ::fchmod(upper, status.st_mode & 07777) != 0)
    reporter.fail("set mode and owner of", "/");
}

Changes open_changes(const RootFileSystem& root, const Reporter& reporter) noexcept {
  if (is_read_only(root)) return {};
  Changes changes;
  if (!root.memory.empty()) {
    changes = changes_in_memory(root.memory, reporter);
  } else {
    changes.upper = sys::openat2(AT_FDCWD, root.upper.c_str(), O_RDONLY | O_DIRECTORY, 0, 0);
    changes.work = sys::openat2(AT_FDCWD, root.work.c_str(), O_RDONLY | O_DIRECTORY, 0, 0);
  }
  if (!changes.upper || !changes.work) reporter.fail("open the directory for changes", root.upper.c_str());
  if (root.is_fresh) copy_root_metadata(root, changes.upper.get(), reporter);
  return changes;
}

bool configure_directory(int context, const char* key, int directory) noexcept {
  return sys::fsconfig_string(context, key, sys::descriptor_path(directory).text()) == 0;
}

bool configure(int context, const RootFileSystem& root, const Changes& changes, const Reporter& reporter) noexcept {
  for (const auto& lower : root.lowers)
    if (!configure_directory(context, "lowerdir+", open_directory(lower, reporter).get())) return false;
  // Without userxattr opaque directories are lost in a user namespace.
  if (sys::fsconfig_flag(context, "userxattr") != 0) return false;
  if (!changes.upper) return true;
  if (!configure_directory(context, "upperdir", changes.upper.get())) return false;
  if (!configure_directory(context, "workdir", changes.work.get())) return false;
  return !root.is_volatile || sys::fsconfig_flag(context, "volatile") == 0;
}

Fd mount_overlay(const RootFileSystem& root, const Changes& changes, const Reporter& reporter) noexcept {
  Fd context = sys::fsopen("overlay");
  if (!context || !configure(context.get(), root, changes, reporter)) return Fd();
  if (sys::fsconfig_create(context.get()) != 0) return Fd();
  return sys::fsmount(context.get(), is_read_only(root) ? MOUNT_ATTR_RDONLY : 0);
}

Fd bind_single_tree(const RootFileSystem& root, const Reporter& reporter) noexcept {
  Fd tree = open_directory(root.lowers.front(), reporter);
  Fd mount = sys::open_tree_clone(tree.get(), "", Recursive::no);
  const auto attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  if (!mount || sys::mount_setattr(mount.get(), attributes, Recursive::no) != 0)
    reporter.fail("bind the layer", root.lowers.front().c_str());
  return mount;
}

Fd mount_fuse(const RootFileSystem& root, const Reporter& reporter) noexcept {
  if (root.fuse_device < 0)
    reporter.fail("mount the overlay by", "fuse-overlayfs, which needs /dev/fuse", root.fuse_error);
  if (!root.memory.empty()) reporter.fail("keep changes in memory with", "fuse-overlayfs", EOPNOTSUPP);
  Fd context = sys::fsopen("fuse");
  sys::SmallText<16> device;
  device.add_number(static_cast<unsigned long>(root.fuse_device));
  const bool configured = context && sys::fsconfig_string(context.get(), "source", "fuse-overlayfs") == 0 &&
                          sys::fsconfig_string(context.get(), "fd", device.text()) == 0 &&
                          sys::fsconfig_string(context.get(), "rootmode", "40000") == 0 &&
                          sys::fsconfig_string(context.get(), "user_id", "0") == 0 &&
                          sys::fsconfig_string(context.get(), "group_id", "0") == 0 &&
                          sys::fsconfig_flag(context.get(), "allow_other") == 0 &&
                          sys::fsconfig_flag(context.get(), "default_permissions") == 0 &&
                          sys::fsconfig_create(context.get()) == 0;
  Fd mount = configured ? sys::fsmount(context.get(), is_read_only(root) ? MOUNT_ATTR_RDONLY : 0) : Fd();
  if (!mount) reporter.fail("mount the overlay", "fuse");
  // The parent holds the connection; a copy here would keep it alive after the server's death.
  ::close(root.fuse_device);
  reporter.tell(Report::Kind::fuse);
  return mount;
}

/// Room for 500 descriptor numbers of up to four digits; mount(2) takes 4,096 bytes.
using Options = sys::SmallText<4000>;

void add_descriptor(Options& options, int fd) noexcept { options.add_number(static_cast<unsigned long>(fd)); }

}  // namespace

Fd mount_overlay_by_string(const RootFileSystem& root, int upper, int work) noexcept {
  Options options;
  Fd opened[most_layers];
  std::size_t count = 0;
  options.add("userxattr");
  for (const auto& lower : root.lowers) {
    Fd& fd = opened[count] = sys::openat2(AT_FDCWD, lower.c_str(), O_PATH | O_DIRECTORY, 0, 0);
    options.add(count++ == 0 ? ",lowerdir=" : ":");
    add_descriptor(options, fd.get());
  }
  if (upper >= 0) {
    add_descriptor(options.add(",upperdir="), upper);
    add_descriptor(options.add(",workdir="), work);
    if (root.is_volatile) options.add(",volatile");
  }
  // Names relative to /proc/self/fd: just the numbers.
  if (!options.whole() || ::chdir("/proc/self/fd") != 0) return Fd();
  const unsigned long flags = upper < 0 ? MS_RDONLY : 0;
  if (::mount("overlay", "/", "overlay", flags, options.text()) != 0) return Fd();
  // "/" is still the old root; ".." of a root leads to what is mounted over it.
  return sys::openat2(AT_FDCWD, "/..", O_PATH | O_DIRECTORY, 0, 0);
}

namespace {

Fd detached_root(const RootFileSystem& root, const Changes& changes, const Reporter& reporter) noexcept {
  if (is_read_only(root) && root.lowers.size() == 1) return bind_single_tree(root, reporter);
  if (root.overlay == OverlayKind::fuse) return mount_fuse(root, reporter);
  return mount_overlay(root, changes, reporter);
}

Fd attach(Fd mount, const Reporter& reporter) noexcept {
  Fd old_root = sys::openat2(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0, 0);
  if (!old_root || sys::move_mount(mount.get(), old_root.get()) != 0) reporter.fail("attach the new root to", "/");
  return mount;
}

}  // namespace

Fd mount_root(const RootFileSystem& root, const Reporter& reporter) noexcept {
  const Changes changes = open_changes(root, reporter);
  Fd mount = detached_root(root, changes, reporter);
  if (mount) return attach(std::move(mount), reporter);
  const int error = errno;
  Fd attached = mount_overlay_by_string(root, changes.upper.get(), changes.work.get());
  if (attached) return attached;
  const bool may_use_fuse = root.overlay == OverlayKind::kernel_or_fuse && root.fuse_device >= 0;
  if (may_use_fuse) return attach(mount_fuse(root, reporter), reporter);
  reporter.fail("mount the overlay", root.upper.empty() ? "(no directory for changes)" : root.upper.c_str(), error);
}

}  // namespace karapace::sandbox
