// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/mount_plan.hpp"

#include <sys/mount.h>

namespace karapace::runtime {
namespace {

using Kind = MountOperation::Kind;

constexpr std::uint64_t quiet = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

MountOperation file_system(std::string type, std::string target, std::vector<std::string> options,
                           std::uint64_t attributes) {
  return {Kind::file_system, std::move(type), std::move(target), std::move(options), attributes};
}

void add_process_view(std::vector<MountOperation>& plan) {
  plan.push_back(file_system("proc", "/proc", {}, quiet));
  // runc's default lists: what tells about or steers the host.
  for (const char* name : {"acpi", "asound", "interrupts", "kcore", "keys", "latency_stats", "timer_list",
                           "timer_stats", "sched_debug", "scsi"})
    plan.push_back({Kind::mask, {}, std::string("/proc/") + name, {}, quiet | MOUNT_ATTR_RDONLY});
  for (const char* name : {"bus", "fs", "irq", "sys", "sysrq-trigger"})
    plan.push_back({Kind::protect, {}, std::string("/proc/") + name, {}, quiet | MOUNT_ATTR_RDONLY});
}

void add_system_view(std::vector<MountOperation>& plan, Network network) {
  // A new sysfs can be had with a network namespace of one's own only.
  if (network == Network::none)
    plan.push_back(file_system("sysfs", "/sys", {}, quiet | MOUNT_ATTR_RDONLY));
  else
    plan.push_back({Kind::bind, "/sys", "/sys", {}, quiet | MOUNT_ATTR_RDONLY});
  plan.back().refused = MountOperation::Refused::is_skipped;
  for (const char* name : {"firmware", "devices/virtual/powercap"})
    plan.push_back({Kind::mask, {}, std::string("/sys/") + name, {}, quiet | MOUNT_ATTR_RDONLY});
}

void add_devices(std::vector<MountOperation>& plan, IdMode mode) {
  plan.push_back(file_system("tmpfs", "/dev", {"mode=0755"}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC));
  for (const char* name : {"null", "zero", "full", "random", "urandom", "tty"}) {
    const auto path = std::string("/dev/") + name;
    plan.push_back({Kind::device, path, path, {}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC});
  }
  const std::pair<const char*, const char*> links[] = {{"/dev/fd", "/proc/self/fd"},
                                                       {"/dev/stdin", "/proc/self/fd/0"},
                                                       {"/dev/stdout", "/proc/self/fd/1"},
                                                       {"/dev/stderr", "/proc/self/fd/2"},
                                                       {"/dev/ptmx", "pts/ptmx"}};
  for (const auto& [target, source] : links) plan.push_back({Kind::link, source, target, {}, 0});
  std::vector<std::string> pts{"newinstance", "ptmxmode=0666", "mode=0620"};
  // Group tty (5) has no meaning where only one id is mapped.
  if (mode != IdMode::single) pts.emplace_back("gid=5");
  plan.push_back(file_system("devpts", "/dev/pts", std::move(pts), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC));
  plan.push_back(file_system("tmpfs", "/dev/shm", {"mode=1777"}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
  plan.push_back(file_system("mqueue", "/dev/mqueue", {}, quiet));
}

void add_scratch(std::vector<MountOperation>& plan) {
  constexpr std::uint64_t scratch = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  plan.push_back(file_system("tmpfs", "/tmp", {"mode=1777"}, scratch));
  plan.push_back(file_system("tmpfs", "/run", {"mode=0755"}, scratch));
  plan.push_back({Kind::directory, {}, "/run/lock", {}, 0, 01777});
}

}  // namespace

std::vector<MountOperation> mount_plan(const SandboxPlan& plan) {
  std::vector<MountOperation> operations;
  operations.reserve(64);
  add_process_view(operations);
  add_system_view(operations, plan.network);
  add_devices(operations, plan.id_mode);
  add_scratch(operations);
  for (const auto& bind : plan.binds) {
    std::uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    if (bind.access == BindAccess::read_only) attributes |= MOUNT_ATTR_RDONLY;
    operations.push_back({Kind::bind, bind.source.string(), bind.target, {}, attributes});
  }
  for (const auto& path : plan.hidden) operations.push_back({Kind::mask, {}, path, {}, quiet | MOUNT_ATTR_RDONLY});
  for (const auto& file : plan.given_files)
    operations.push_back({Kind::given_file, file.text, file.target, {}, quiet | MOUNT_ATTR_RDONLY});
  for (const auto& file : plan.filled_files) operations.push_back({Kind::filled_file, file.text, file.target, {}, 0});
  return operations;
}

std::vector<MountOperation> process_view_plan() {
  std::vector<MountOperation> operations;
  add_process_view(operations);
  return operations;
}

}  // namespace karapace::runtime
