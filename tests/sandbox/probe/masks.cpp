// SPDX-License-Identifier: Apache-2.0
// mask.*: what /proc and /sys tell about the host and steer in it. docker CVE-2017-16539 (/proc/scsi), CVE-2018-10892
// (/proc/acpi); runc CVE-2019-16884, CVE-2019-19921, CVE-2023-27561, CVE-2023-28642, CVE-2025-31133, CVE-2025-52565 and
// CVE-2025-52881: masks that an image could move aside; CVE-2023-25809: a cgroup tree left writable.
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attempt.hpp"

namespace karapace::probe {
namespace {

constexpr int most_files = 4000;

bool is_number(const std::string& name) { return name.find_first_not_of("0123456789") == std::string::npos; }

/// Whether a file takes bytes; none are given. Most files of /proc open for root and then have nothing to write to.
bool takes_bytes(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return false;
  const bool taken = ::write(fd, "", 0) >= 0 || (errno != EIO && errno != EINVAL);
  ::close(fd);
  return taken;
}

/// The first regular file below that can be written. /proc/pressure is for anybody by the kernel's own rule.
std::string writable_below(const std::string& directory, int depth, int& left) {
  for (const auto& name : names_in(directory)) {
    const auto path = directory + "/" + name;
    struct stat status{};
    if (--left < 0 || ::lstat(path.c_str(), &status) != 0) continue;
    const bool own_process = directory == "/proc" && (is_number(name) || name == "self" || name == "thread-self");
    if (own_process || path == "/proc/pressure") continue;
    if (S_ISDIR(status.st_mode) && depth > 0) {
      if (auto found = writable_below(path, depth - 1, left); !found.empty()) return found;
    } else if (S_ISREG(status.st_mode) && takes_bytes(path)) {
      return path;
    }
  }
  return {};
}

Outcome walk(const char* directory, int depth) {
  int left = most_files;
  const auto found = writable_below(directory, depth, left);
  return found.empty() ? Outcome{Result::refused, std::to_string(most_files - left) + " files"} : allowed(found);
}

/// 'h' prints the list of keys to the kernel's log and does nothing else.
Outcome press_sysrq(const Facts&) {
  const int fd = ::open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return failed();
  return judged(::write(fd, "h", 1));
}

Outcome register_format(const Facts&) {
  const int fd = ::open("/proc/sys/fs/binfmt_misc/register", O_WRONLY | O_CLOEXEC);
  return fd < 0 ? failed() : allowed("open");
}

/// Addresses that are not zero tell where the kernel lies.
Outcome addresses(const char* path) {
  const auto read = read_text(path, 4096);
  if (!read.ok) return failed();
  const auto first = read.bytes.substr(0, read.bytes.find_first_of(" -"));
  return first.find_first_not_of('0') == std::string::npos || first.empty() ? contained("zeroes") : allowed(first);
}

void add_reads(Attempts& all) {
  for (const char* name :
       {"kcore", "keys", "timer_list", "latency_stats", "timer_stats", "sched_debug", "interrupts", "kmsg",
        "kpagecount", "kpageflags", "kpagecgroup", "slabinfo", "vmallocinfo", "pagetypeinfo"})
    all.push_back(
        {"mask.read-" + label(name), [name](const Facts&) { return read_attempt(std::string("/proc/") + name); }});
  const std::pair<const char*, const char*> directories[] = {{"acpi", "/proc/acpi"},
                                                             {"asound", "/proc/asound"},
                                                             {"scsi", "/proc/scsi"},
                                                             {"firmware", "/sys/firmware"},
                                                             {"powercap", "/sys/devices/virtual/powercap"},
                                                             {"debugfs", "/sys/kernel/debug"},
                                                             {"tracefs", "/sys/kernel/tracing"},
                                                             {"securityfs", "/sys/kernel/security"},
                                                             {"bpffs", "/sys/fs/bpf"}};
  for (const auto& [name, path] : directories)
    all.push_back(
        {std::string("mask.list-") + name, [path = std::string(path)](const Facts&) { return list_attempt(path); }});
}

/// What the kernel runs or obeys. As root in root mode only the mount's flag stands between.
void add_writes(Attempts& all) {
  const std::pair<const char*, const char*> files[] = {
      {"core-pattern", "/proc/sys/kernel/core_pattern"},  // a command that the host runs
      {"core-pipe-limit", "/proc/sys/kernel/core_pipe_limit"},
      {"modprobe", "/proc/sys/kernel/modprobe"},
      {"hotplug", "/proc/sys/kernel/hotplug"},
      {"poweroff", "/proc/sys/kernel/poweroff_cmd"},
      {"sysrq", "/proc/sys/kernel/sysrq"},
      {"randomize", "/proc/sys/kernel/randomize_va_space"},
      {"domain-name", "/proc/sys/kernel/domainname"},
      {"host-name", "/proc/sys/kernel/hostname"},
      {"panic", "/proc/sys/vm/panic_on_oom"},
      {"overcommit", "/proc/sys/vm/overcommit_memory"},
      {"drop-caches", "/proc/sys/vm/drop_caches"},
      {"suid-dumpable", "/proc/sys/fs/suid_dumpable"},
      {"protected-links", "/proc/sys/fs/protected_symlinks"},
      {"forwarding", "/proc/sys/net/ipv4/ip_forward"},
      {"message-limit", "/proc/sys/fs/mqueue/queues_max"},
      {"shared-memory-limit", "/proc/sys/kernel/shmmax"},
      {"user-namespaces", "/proc/sys/user/max_user_namespaces"},
      {"irq-affinity", "/proc/irq/default_smp_affinity"},
      {"memory-types", "/proc/mtrr"},
      {"uevent-helper", "/sys/kernel/uevent_helper"},
      {"power-state", "/sys/power/state"},
      {"cgroup-processes", "/sys/fs/cgroup/cgroup.procs"},
      {"cgroup-subtree", "/sys/fs/cgroup/cgroup.subtree_control"},
      {"cgroup-release-agent", "/sys/fs/cgroup/memory/release_agent"},
      {"pci-rescan", "/sys/bus/pci/rescan"},
      {"loopback-mtu", "/sys/class/net/lo/mtu"},
      {"event-of-device", "/sys/class/mem/null/uevent"},
      {"block-size", "/sys/module/kernel/parameters/panic"},
  };
  for (const auto& [name, path] : files)
    all.push_back({std::string("mask.write-") + name,
                   [path = std::string(path)](const Facts&) { return rewrite_attempt(path); }});
}

}  // namespace

Attempts mask_attempts() {
  Attempts all{
      {"mask.sysrq", press_sysrq},
      {"mask.binary-format", register_format},
      {"mask.addresses-kallsyms", [](const Facts&) { return addresses("/proc/kallsyms"); }},
      {"mask.addresses-iomem", [](const Facts&) { return addresses("/proc/iomem"); }},
      {"mask.addresses-ioports", [](const Facts&) { return addresses("/proc/ioports"); }},
      {"mask.any-of-proc", [](const Facts&) { return walk("/proc", 6); }},
      {"mask.any-of-sys", [](const Facts&) { return walk("/sys", 6); }},
      {"mask.make-in-sys", [](const Facts&) { return judged(::mkdir("/sys/probe", 0755)); }},
      {"mask.make-cgroup", [](const Facts&) { return judged(::mkdir("/sys/fs/cgroup/probe", 0755)); }},
      // A mask is a mount: it can neither be renamed nor removed (CVE-2025-31133 replaced what masks).
      {"mask.rename-null", [](const Facts&) { return judged(::rename("/dev/null", "/dev/nothing")); }},
      {"mask.remove-null", [](const Facts&) { return judged(::unlink("/dev/null")); }},
      {"mask.rename-proc", [](const Facts&) { return judged(::rename("/proc", "/crop")); }},
      {"mask.rename-dev", [](const Facts&) { return judged(::rename("/dev", "/ved")); }},
  };
  add_reads(all);
  add_writes(all);
  return all;
}

}  // namespace karapace::probe
