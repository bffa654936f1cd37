// SPDX-License-Identifier: Apache-2.0
// System calls that the sandbox needs, under their own names.
//
// None of them throws or allocates, so a cloned child may call them. Those that make a descriptor return an owner,
// empty when the call failed; the others return -1. errno tells why. Every descriptor is close-on-exec.
#pragma once

#include <cstddef>
#include <cstdint>

#include <sys/stat.h>
#include <sys/types.h>

#include "base/fd.hpp"

namespace karapace::sys {

// Process 1 answers stat(2), openat2(2) and others for the other processes where owners are tracked, and the filter
// applies to itself too. Its own calls carry this in the unused upper half of the flags, or in an argument that the
// call does not have, which the filter lets pass and the kernel ignores.
constexpr std::uint64_t own_call = std::uint64_t{1} << 32;

/// openat2(2). `resolve` is made of RESOLVE_* of <linux/openat2.h>.
Fd openat2(int directory, const char* path, std::uint64_t flags, std::uint64_t mode, std::uint64_t resolve) noexcept;

/// clone3(2) without shared memory: returns 0 in the child. `pidfd` receives a descriptor of it in the parent. With
/// CLONE_PARENT the child's parent is this process's.
pid_t clone3(std::uint64_t flags, Fd& pidfd) noexcept;
Fd pidfd_open(pid_t pid) noexcept;
/// The other process's open file itself, not a file of its own at the same place.
Fd pidfd_getfd(int pidfd, int descriptor) noexcept;
/// setns(2) into the namespaces (CLONE_NEW*) of the process that `fd` is a pidfd of, or the one namespace that it is
/// open of.
int setns(int fd, int namespaces) noexcept;
int pidfd_send_signal(int pidfd, int signal) noexcept;
/// The same as by sigqueue(3), with a value.
int pidfd_queue_signal(int pidfd, int signal, int value) noexcept;
/// execveat(2) of an open program.
int execute(int program, char* const* argv, char* const* variables) noexcept;

/// memfd_create(2) of a file that can be executed and sealed.
Fd memory_program(const char* name) noexcept;
/// Seals it: neither its bytes nor, where the kernel knows that, its being executable can be changed.
int seal_program(int program) noexcept;

Fd fsopen(const char* type) noexcept;
int fsconfig_string(int context, const char* key, const char* value) noexcept;
int fsconfig_flag(int context, const char* key) noexcept;
int fsconfig_create(int context) noexcept;
/// A detached mount of the file system; `attributes` are MOUNT_ATTR_*.
Fd fsmount(int context, std::uint64_t attributes) noexcept;
/// A detached copy of the mount at `path` (with an empty path: of `directory` itself). `recursive` copies what is
/// mounted below it too.
enum class Recursive { no, yes };
Fd open_tree_clone(int directory, const char* path, Recursive recursive) noexcept;
int mount_setattr(int mount, std::uint64_t set, Recursive recursive) noexcept;
/// Attaches the detached mount `mount` at the place that the O_PATH descriptor `target` stands for.
int move_mount(int mount, int target) noexcept;
/// pivot_root(".", "."): the current directory becomes the root, the old root lies above it until it is unmounted.
int pivot_root_here() noexcept;

/// close_range(2): marks every descriptor from `first` up close-on-exec.
int close_range_on_exec(unsigned first) noexcept;
int close_range(unsigned first, unsigned last) noexcept;

struct Filter {
  const void* instructions = nullptr;  // struct sock_filter[]
  std::size_t count = 0;
};
/// seccomp(2) SECCOMP_SET_MODE_FILTER.
int seccomp_load(const Filter& filter) noexcept;
/// The same, with a descriptor on which SECCOMP_RET_USER_NOTIF calls are answered.
Fd seccomp_load_with_listener(const Filter& filter) noexcept;

/// fstat(2), also of an O_PATH descriptor.
int own_fstat(int fd, struct stat& status) noexcept;
/// statx(2) of a descriptor.
int own_statx(int fd, unsigned mask, struct statx& status) noexcept;
ssize_t own_getdents64(int fd, void* records, std::uint32_t size) noexcept;

}  // namespace karapace::sys
