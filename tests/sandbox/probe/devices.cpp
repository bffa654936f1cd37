// SPDX-License-Identifier: Apache-2.0
// device.*: nodes that lead to the machine, and making them. snapd CVE-2020-27352: devices of the host in reach;
// runc CVE-2025-52565: a device node that an image moved.
#include <algorithm>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "attempt.hpp"

namespace karapace::probe {
namespace {

struct Node {
  const char* name;
  mode_t type;
  unsigned major;
  unsigned minor;
};

constexpr Node nodes[] = {
    {"memory", S_IFCHR, 1, 1},      {"ports", S_IFCHR, 1, 4},     {"kernel-log", S_IFCHR, 1, 11},
    {"loop", S_IFBLK, 7, 0},        {"scsi-disk", S_IFBLK, 8, 0}, {"virtual-disk", S_IFBLK, 254, 0},
    {"nvme-disk", S_IFBLK, 259, 0}, {"fuse", S_IFCHR, 10, 229},   {"tunnel", S_IFCHR, 10, 200}};

constexpr const char* absent[] = {"mem",         "kmem",           "port",          "kmsg",      "fuse",
                                  "cuse",        "loop0",          "loop-control",  "sda",       "vda",
                                  "vda1",        "nvme0n1",        "kvm",           "vhost-net", "vhost-vsock",
                                  "vsock",       "net/tun",        "uinput",        "uhid",      "input/event0",
                                  "hwrng",       "cpu/0/msr",      "btrfs-control", "autofs",    "tty0",
                                  "tty1",        "ttyS0",          "hpet",          "rtc0",      "snapshot",
                                  "userfaultfd", "dri/card0",      "snd/timer",     "video0",    "watchdog",
                                  "vfio/vfio",   "mapper/control", "ppp",           "nvram",     "mcelog",
                                  "bus/usb",     "iommu"};

constexpr const char* expected[] = {"null",  "zero",   "full",   "random", "urandom", "tty", "fd",
                                    "stdin", "stdout", "stderr", "ptmx",   "pts",     "shm", "mqueue"};

/// Where a node can be made it must not work: on the root and on the writable file systems.
Outcome make(const Node& node, const char* directory) {
  const auto path = std::string(directory) + "/probe-node";
  if (::mknod(path.c_str(), node.type | 0600, makedev(node.major, node.minor)) != 0) return failed();
  const int fd = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  const auto outcome = fd < 0 ? contained("made, not usable") : allowed("open");
  ::unlink(path.c_str());
  return outcome;
}

Outcome only_expected(const Facts&) {
  std::string others;
  for (const auto& name : names_in("/dev"))
    if (std::find(std::begin(expected), std::end(expected), name) == std::end(expected)) others += name + " ";
  return others.empty() ? contained() : allowed(others);
}

}  // namespace

Attempts device_attempts() {
  Attempts all{{"device.only-expected", only_expected}};
  for (const auto& node : nodes) {
    all.push_back({std::string("device.make-") + node.name, [node](const Facts&) { return make(node, ""); }});
    all.push_back(
        {std::string("device.make-in-dev-") + node.name, [node](const Facts&) { return make(node, "/dev"); }});
  }
  for (const char* name : absent) {
    all.push_back({"device.open-" + label(name), [name](const Facts&) {
                     return judged(::open((std::string("/dev/") + name).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
                   }});
  }
  return all;
}

}  // namespace karapace::probe
