// SPDX-License-Identifier: Apache-2.0
// mount.*: who can mount can uncover, cover and remount. Every call, old and new: flatpak's filter knew only the old
// ones (CVE-2021-41133), fsconfig(2) was a way into the kernel (CVE-2022-0185).
#include <cstdint>

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attempt.hpp"

namespace karapace::probe {
namespace {

// Newer than the headers of the oldest distribution that builds this.
constexpr long open_tree_attr_call = 467;
constexpr long statmount_call = 457;

Outcome mount_of(const char* source, const char* target, const char* type, unsigned long flags,
                 const char* options = nullptr) {
  return judged(::mount(source, target, type, flags, options));
}

Outcome clone_tree(const Facts&) { return judged(::syscall(SYS_open_tree, AT_FDCWD, "/proc", OPEN_TREE_CLONE)); }

Outcome clone_tree_with_attributes(const Facts&) {
  mount_attr attributes{};
  attributes.attr_clr = MOUNT_ATTR_RDONLY;
  return judged(::syscall(open_tree_attr_call, AT_FDCWD, "/proc/sys", OPEN_TREE_CLONE, &attributes, sizeof attributes));
}

Outcome make_writable(const char* path) {
  mount_attr attributes{};
  attributes.attr_clr = MOUNT_ATTR_RDONLY;
  return judged(::syscall(SYS_mount_setattr, AT_FDCWD, path, 0, &attributes, sizeof attributes));
}

/// The mounts of another namespace: whatever this shows is the sandbox's own, or it is refused.
Outcome see_root_mount(const Facts& facts) {
  struct {
    std::uint32_t size = 24, spare = 0;
    std::uint64_t id = ~std::uint64_t{0}, what = 0x10;  // LSMT_ROOT, STATMOUNT_MNT_POINT
  } request;
  char answer[4096] = {};
  if (::syscall(statmount_call, &request, answer, sizeof answer, 0) != 0) {
    if (errno != EINVAL) return failed();
    return {Result::absent, "not of this kernel"};
  }
  const std::string_view bytes(answer, sizeof answer);
  return bytes.find(facts.at("store")) == std::string_view::npos ? contained() : allowed();
}

}  // namespace

Attempts mount_attempts() {
  return {
      {"mount.tmpfs", [](const Facts&) { return mount_of("none", "/tmp", "tmpfs", 0); }},
      {"mount.proc", [](const Facts&) { return mount_of("proc", "/tmp", "proc", 0); }},
      {"mount.sysfs", [](const Facts&) { return mount_of("sysfs", "/tmp", "sysfs", 0); }},
      {"mount.cgroup",
       [](const Facts&) { return mount_of("cgroup", "/tmp", "cgroup", 0, "memory"); }},  // CVE-2022-0492
      {"mount.cgroup2", [](const Facts&) { return mount_of("cgroup2", "/tmp", "cgroup2", 0); }},
      {"mount.overlay",  // CVE-2021-3493, CVE-2023-0386
       [](const Facts&) { return mount_of("overlay", "/tmp", "overlay", 0, "lowerdir=/etc:/usr,userxattr"); }},
      {"mount.devpts", [](const Facts&) { return mount_of("devpts", "/tmp", "devpts", 0); }},
      {"mount.fuse",
       [](const Facts&) { return mount_of("fuse", "/tmp", "fuse", 0, "fd=0,rootmode=40000,user_id=0,group_id=0"); }},
      {"mount.bind", [](const Facts&) { return mount_of("/", "/tmp", nullptr, MS_BIND); }},
      {"mount.bind-over-mask", [](const Facts&) { return mount_of("/tmp", "/proc/sys", nullptr, MS_BIND); }},
      {"mount.move", [](const Facts&) { return mount_of("/proc", "/tmp", nullptr, MS_MOVE); }},
      {"mount.remount-sysctl",
       [](const Facts&) { return mount_of(nullptr, "/proc/sys", nullptr, MS_REMOUNT | MS_BIND); }},
      {"mount.remount-root", [](const Facts&) { return mount_of(nullptr, "/", nullptr, MS_REMOUNT); }},
      {"mount.share",
       [](const Facts&) { return mount_of(nullptr, "/", nullptr, MS_SHARED | MS_REC); }},  // CVE-2024-9407
      {"mount.unmount-sysctl", [](const Facts&) { return judged(::umount2("/proc/sys", MNT_DETACH)); }},
      {"mount.unmount-mask", [](const Facts&) { return judged(::umount2("/proc/kcore", MNT_DETACH)); }},
      {"mount.unmount-proc", [](const Facts&) { return judged(::umount2("/proc", MNT_DETACH)); }},
      {"mount.unmount-sys", [](const Facts&) { return judged(::umount2("/sys", MNT_DETACH)); }},
      {"mount.unmount-dev", [](const Facts&) { return judged(::umount2("/dev", MNT_DETACH)); }},
      {"mount.unmount-root", [](const Facts&) { return judged(::umount2("/", MNT_DETACH)); }},
      {"mount.unmount-project",
       [](const Facts& facts) { return judged(::umount2(facts.at("project").c_str(), MNT_DETACH)); }},
      {"mount.pivot-root", [](const Facts&) { return judged(::syscall(SYS_pivot_root, ".", ".")); }},
      {"mount.fsopen", [](const Facts&) { return judged(::syscall(SYS_fsopen, "tmpfs", 0)); }},
      {"mount.fspick", [](const Facts&) { return judged(::syscall(SYS_fspick, AT_FDCWD, "/", 0)); }},
      {"mount.fsconfig",
       [](const Facts&) { return judged_by_filter(::syscall(SYS_fsconfig, 0, 6, nullptr, nullptr, 0)); }},
      {"mount.fsmount", [](const Facts&) { return judged_by_filter(::syscall(SYS_fsmount, 0, 0, 0)); }},
      {"mount.open-tree", clone_tree},
      {"mount.open-tree-attr", clone_tree_with_attributes},
      {"mount.move-mount",
       [](const Facts&) {
         return judged_by_filter(::syscall(SYS_move_mount, AT_FDCWD, "/proc", AT_FDCWD, "/tmp", 0));
       }},
      {"mount.setattr-sysctl", [](const Facts&) { return make_writable("/proc/sys"); }},
      {"mount.setattr-sys", [](const Facts&) { return make_writable("/sys"); }},
      {"mount.statmount", see_root_mount},
  };
}

}  // namespace karapace::probe
