// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/capabilities.hpp"

#include <cstdint>

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace karapace::init {
namespace {

constexpr std::uint64_t bit(unsigned capability) { return std::uint64_t{1} << capability; }

constexpr std::uint64_t default_set = bit(CAP_CHOWN) | bit(CAP_DAC_OVERRIDE) | bit(CAP_FSETID) | bit(CAP_FOWNER) |
                                      bit(CAP_MKNOD) | bit(CAP_NET_RAW) | bit(CAP_SETGID) | bit(CAP_SETUID) |
                                      bit(CAP_SETFCAP) | bit(CAP_SETPCAP) | bit(CAP_NET_BIND_SERVICE) |
                                      bit(CAP_SYS_CHROOT) | bit(CAP_KILL) | bit(CAP_AUDIT_WRITE);

bool set_capabilities(std::uint64_t set) noexcept {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  for (unsigned half = 0; half < 2; ++half) {
    const auto bits = static_cast<std::uint32_t>(set >> (32 * half));
    data[half].effective = bits;
    data[half].permitted = bits;
  }
  return ::syscall(SYS_capset, &header, data) == 0;
}

}  // namespace

bool limit_capabilities() noexcept {
  // Bounding set first, as that needs CAP_SETPCAP. The kernel answers EINVAL past its last capability.
  for (unsigned capability = 0; capability < 64; ++capability) {
    if ((default_set & bit(capability)) != 0) continue;
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) break;
  }
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return false;
  return set_capabilities(default_set | bit(CAP_SYS_PTRACE));
}

}  // namespace karapace::init
