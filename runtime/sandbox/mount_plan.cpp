// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/mount_plan.hpp"

#include <sys/mount.h>

namespace karapace::sandbox {
namespace {

using Kind = MountOperation::Kind;
using Place = MountOperation::Place;

constexpr std::uint64_t quiet = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
constexpr std::uint64_t hidden = quiet | MOUNT_ATTR_RDONLY;

MountOperation file_system(std::string type, std::string target, std::vector<std::string> options,
                           std::uint64_t attributes, Place place = Place::own) {
  return {.kind = Kind::file_system,
          .source = std::move(type),
          .target = std::move(target),
          .place = place,
          .options = std::move(options),
          .attributes = attributes};
}

void mask(std::vector<MountOperation>& plan, std::initializer_list<const char*> names) {
  for (const char* name : names) plan.push_back({.kind = Kind::mask, .target = name, .attributes = hidden});
}

void add_process_view(std::vector<MountOperation>& plan, IdMode mode) {
  plan.push_back(file_system("proc", "/proc", {}, quiet));
  // runc's default lists: what tells about or steers the host.
  mask(plan, {"acpi", "asound", "interrupts", "kcore", "keys", "latency_stats", "timer_list", "timer_stats",
              "sched_debug", "scsi"});
  // Readable by the host's root only, whom root inside is in this mode.
  if (mode == IdMode::root)
    mask(plan, {"kmsg", "kpagecgroup", "kpagecount", "kpageflags", "pagetypeinfo", "slabinfo", "vmallocinfo"});
  for (const char* name : {"bus", "fs", "irq", "sys", "sysrq-trigger"})
    plan.push_back({.kind = Kind::protect, .target = name, .attributes = hidden});
}

void add_system_view(std::vector<MountOperation>& plan, Network network) {
  // A new sysfs can be had with a network namespace of one's own only; the host's comes with all that is mounted on it.
  if (network == Network::none)
    plan.push_back(file_system("sysfs", "/sys", {}, hidden));
  else
    plan.push_back({.kind = Kind::bind, .source = "/sys", .target = "/sys", .place = Place::own, .attributes = hidden});
  plan.back().refused = MountOperation::Refused::is_skipped;
  mask(plan, {"firmware", "devices/virtual/powercap"});
  if (network == Network::host)
    mask(plan, {"fs/bpf", "fs/cgroup", "fs/fuse/connections", "fs/pstore", "fs/selinux", "kernel/config",
                "kernel/debug", "kernel/security", "kernel/tracing"});
}

MountOperation terminals(const char* target, IdMode mode, Place place) {
  std::vector<std::string> options{"newinstance", "ptmxmode=0666", "mode=0620"};
  // Group tty (5) has no meaning where only one id is mapped.
  if (mode != IdMode::single) options.emplace_back("gid=5");
  return file_system("devpts", target, std::move(options), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, place);
}

void add_devices(std::vector<MountOperation>& plan, IdMode mode) {
  plan.push_back(file_system("tmpfs", "/dev", {"mode=0755"}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC));
  for (const char* name : {"null", "zero", "full", "random", "urandom", "tty"})
    plan.push_back(
        {.kind = Kind::device,
         .source = std::string("/dev/") + name,
         .target = name,
         // Read-only is the inode of the host: its mode, owner and times. The device is written to all the same.
         .attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY});
  const std::pair<const char*, const char*> links[] = {{"fd", "/proc/self/fd"},
                                                       {"stdin", "/proc/self/fd/0"},
                                                       {"stdout", "/proc/self/fd/1"},
                                                       {"stderr", "/proc/self/fd/2"},
                                                       {"ptmx", "pts/ptmx"}};
  for (const auto& [target, source] : links) plan.push_back({.kind = Kind::link, .source = source, .target = target});
  plan.push_back(terminals("pts", mode, Place::within));
  plan.push_back(file_system("tmpfs", "shm", {"mode=1777"}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, Place::within));
  plan.push_back(file_system("mqueue", "mqueue", {}, quiet, Place::within));
}

void add_scratch(std::vector<MountOperation>& plan) {
  constexpr std::uint64_t scratch = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  plan.push_back(file_system("tmpfs", "/tmp", {"mode=1777"}, scratch));
  plan.push_back(file_system("tmpfs", "/run", {"mode=0755"}, scratch));
  plan.push_back({.kind = Kind::directory, .target = "lock", .mode = 01777});
}

void add_files(std::vector<MountOperation>& plan, const SandboxPlan& sandbox) {
  for (const auto& file : sandbox.given_files)
    plan.push_back({.kind = Kind::given_file,
                    .source = file.text,
                    .target = file.target,
                    .place = Place::image,
                    .attributes = hidden});
  for (const auto& file : sandbox.filled_files)
    plan.push_back({.kind = Kind::filled_file, .source = file.text, .target = file.target, .place = Place::image});
}

void add_binds(std::vector<MountOperation>& plan, const SandboxPlan& sandbox) {
  for (const auto& bind : sandbox.binds) {
    std::uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    if (bind.access == BindAccess::read_only) attributes |= MOUNT_ATTR_RDONLY;
    plan.push_back({.kind = Kind::bind,
                    .source = bind.source.string(),
                    .target = bind.target,
                    .place = Place::image,
                    .attributes = attributes,
                    .origin = bind.origin});
  }
}

}  // namespace

std::vector<MountOperation> mount_plan(const SandboxPlan& plan) {
  std::vector<MountOperation> operations;
  operations.reserve(64);
  add_process_view(operations, plan.id_mode);
  add_system_view(operations, plan.network);
  add_devices(operations, plan.id_mode);
  add_scratch(operations);
  // Files right after /run, where they lie, and before binds: a link of the image must not lead them into a directory
  // of the host.
  add_files(operations, plan);
  add_binds(operations, plan);
  return operations;
}

std::vector<MountOperation> process_view_plan(IdMode mode) {
  std::vector<MountOperation> operations;
  add_process_view(operations, mode);
  // Terminals of its own, too: others are root inside as well, and would read what is typed.
  operations.push_back(terminals("/dev/pts", mode, Place::own));
  return operations;
}

}  // namespace karapace::sandbox
