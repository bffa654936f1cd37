// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/root_file_system.hpp"

#include <cerrno>

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "runtime/sandbox/small_text.hpp"
#include "runtime/sandbox/syscalls.hpp"

namespace karapace::runtime {
namespace {

using sys::Recursive;

Fd open_directory(const std::string& path, const Reporter& reporter) noexcept {
  Fd fd = sys::openat2(AT_FDCWD, path.c_str(), O_PATH | O_DIRECTORY, 0, 0);
  if (!fd) reporter.fail("open the layer", path.c_str());
  return fd;
}

bool configure_directory(int context, const char* key, const std::string& path, const Reporter& reporter) noexcept {
  Fd directory = open_directory(path, reporter);
  return sys::fsconfig_string(context, key, descriptor_path(directory.get()).text()) == 0;
}

bool configure(int context, const RootFileSystem& root, const Reporter& reporter) noexcept {
  for (const auto& lower : root.lowers)
    if (!configure_directory(context, "lowerdir+", lower, reporter)) return false;
  // Without userxattr opaque directories are lost in a user namespace.
  if (sys::fsconfig_flag(context, "userxattr") != 0) return false;
  if (root.upper.empty()) return true;
  if (!configure_directory(context, "upperdir", root.upper, reporter)) return false;
  if (!configure_directory(context, "workdir", root.work, reporter)) return false;
  return !root.is_volatile || sys::fsconfig_flag(context, "volatile") == 0;
}

Fd mount_overlay(const RootFileSystem& root, const Reporter& reporter) noexcept {
  Fd context = sys::fsopen("overlay");
  if (!context || !configure(context.get(), root, reporter)) return Fd();
  if (sys::fsconfig_create(context.get()) != 0) return Fd();
  return sys::fsmount(context.get(), root.upper.empty() ? MOUNT_ATTR_RDONLY : 0);
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
  if (root.fuse_device < 0) reporter.fail("mount the overlay", "fuse-overlayfs needs /dev/fuse", ENODEV);
  Fd context = sys::fsopen("fuse");
  SmallText<16> device;
  device.add_number(static_cast<unsigned long>(root.fuse_device));
  const bool configured = context && sys::fsconfig_string(context.get(), "source", "fuse-overlayfs") == 0 &&
                          sys::fsconfig_string(context.get(), "fd", device.text()) == 0 &&
                          sys::fsconfig_string(context.get(), "rootmode", "40000") == 0 &&
                          sys::fsconfig_string(context.get(), "user_id", "0") == 0 &&
                          sys::fsconfig_string(context.get(), "group_id", "0") == 0 &&
                          sys::fsconfig_flag(context.get(), "allow_other") == 0 &&
                          sys::fsconfig_flag(context.get(), "default_permissions") == 0 &&
                          sys::fsconfig_create(context.get()) == 0;
  Fd mount = configured ? sys::fsmount(context.get(), root.upper.empty() ? MOUNT_ATTR_RDONLY : 0) : Fd();
  if (!mount) reporter.fail("mount the overlay", "fuse");
  // The parent holds the connection; a copy here would keep it alive after the server's death.
  ::close(root.fuse_device);
  reporter.tell(Report::Kind::fuse);
  return mount;
}

/// Room for 500 descriptor numbers of up to four digits; mount(2) takes 4,096 bytes.
using Options = SmallText<4000>;

void add_descriptor(Options& options, const Fd& fd) noexcept {
  options.add_number(static_cast<unsigned long>(fd.get()));
}

}  // namespace

Fd mount_overlay_by_string(const RootFileSystem& root) noexcept {
  Options options;
  Fd opened[most_layers + 2];
  std::size_t count = 0;
  options.add("userxattr");
  for (const auto& lower : root.lowers) {
    Fd& fd = opened[count] = sys::openat2(AT_FDCWD, lower.c_str(), O_PATH | O_DIRECTORY, 0, 0);
    options.add(count++ == 0 ? ",lowerdir=" : ":");
    add_descriptor(options, fd);
  }
  if (!root.upper.empty()) {
    Fd& upper = opened[count++] = sys::openat2(AT_FDCWD, root.upper.c_str(), O_PATH | O_DIRECTORY, 0, 0);
    Fd& work = opened[count++] = sys::openat2(AT_FDCWD, root.work.c_str(), O_PATH | O_DIRECTORY, 0, 0);
    add_descriptor(options.add(",upperdir="), upper);
    add_descriptor(options.add(",workdir="), work);
    if (root.is_volatile) options.add(",volatile");
  }
  // Names relative to /proc/self/fd: just the numbers.
  if (!options.whole() || ::chdir("/proc/self/fd") != 0) return Fd();
  const unsigned long flags = root.upper.empty() ? MS_RDONLY : 0;
  if (::mount("overlay", "/", "overlay", flags, options.text()) != 0) return Fd();
  // "/" is still the old root; ".." of a root leads to what is mounted over it.
  return sys::openat2(AT_FDCWD, "/..", O_PATH | O_DIRECTORY, 0, 0);
}

namespace {

Fd detached_root(const RootFileSystem& root, const Reporter& reporter) noexcept {
  if (root.upper.empty() && root.lowers.size() == 1) return bind_single_tree(root, reporter);
  if (root.overlay == OverlayKind::fuse) return mount_fuse(root, reporter);
  return mount_overlay(root, reporter);
}

Fd attach(Fd mount, const Reporter& reporter) noexcept {
  Fd old_root = sys::openat2(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0, 0);
  if (!old_root || sys::move_mount(mount.get(), old_root.get()) != 0) reporter.fail("attach the new root to", "/");
  return mount;
}

}  // namespace

Fd mount_root(const RootFileSystem& root, const Reporter& reporter) noexcept {
  Fd mount = detached_root(root, reporter);
  if (mount) return attach(std::move(mount), reporter);
  const int error = errno;
  Fd attached = mount_overlay_by_string(root);
  if (attached) return attached;
  const bool may_use_fuse = root.overlay == OverlayKind::kernel_or_fuse && root.fuse_device >= 0;
  if (may_use_fuse) return attach(mount_fuse(root, reporter), reporter);
  reporter.fail("mount the overlay", root.upper.empty() ? "(read-only)" : root.upper.c_str(), error);
}

}  // namespace karapace::runtime
