// SPDX-License-Identifier: Apache-2.0
// capability.*: rights that commands must not have, in any of their sets, and ways to win them back. Sets that were not
// empty: CVE-2018-10856 (podman), CVE-2022-24769, CVE-2022-27649 to 27652 and CVE-2022-29162 (inheritable),
// CVE-2021-20188.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "attempt.hpp"

namespace karapace::probe {
namespace {

struct Capability {
  const char* name;
  unsigned number;
};

constexpr Capability dangerous[] = {{"dac-read-search", CAP_DAC_READ_SEARCH},  // the "shocker" of open_by_handle_at
                                    {"linux-immutable", CAP_LINUX_IMMUTABLE},
                                    {"net-admin", CAP_NET_ADMIN},
                                    {"net-broadcast", CAP_NET_BROADCAST},
                                    {"ipc-lock", CAP_IPC_LOCK},
                                    {"ipc-owner", CAP_IPC_OWNER},
                                    {"sys-module", CAP_SYS_MODULE},
                                    {"sys-rawio", CAP_SYS_RAWIO},
                                    {"sys-ptrace", CAP_SYS_PTRACE},
                                    {"sys-pacct", CAP_SYS_PACCT},
                                    {"sys-admin", CAP_SYS_ADMIN},
                                    {"sys-boot", CAP_SYS_BOOT},
                                    {"sys-nice", CAP_SYS_NICE},
                                    {"sys-resource", CAP_SYS_RESOURCE},
                                    {"sys-time", CAP_SYS_TIME},
                                    {"sys-tty-config", CAP_SYS_TTY_CONFIG},
                                    {"lease", CAP_LEASE},
                                    {"audit-control", CAP_AUDIT_CONTROL},
                                    {"mac-override", CAP_MAC_OVERRIDE},
                                    {"mac-admin", CAP_MAC_ADMIN},
                                    {"syslog", CAP_SYSLOG},
                                    {"wake-alarm", CAP_WAKE_ALARM},
                                    {"block-suspend", CAP_BLOCK_SUSPEND},
                                    {"audit-read", CAP_AUDIT_READ},
                                    {"perfmon", 38},
                                    {"bpf", 39},
                                    {"checkpoint-restore", 40}};

std::uint64_t set_named(const char* name) {
  const auto status = read_text("/proc/self/status").bytes;
  const auto found = status.find(std::string("\n") + name + ":\t");
  return found == std::string::npos ? ~std::uint64_t{0}
                                    : std::strtoull(status.c_str() + status.find('\t', found), nullptr, 16);
}

Outcome in_no_set(unsigned number) {
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
    if ((set_named(set) >> number & 1) != 0) return allowed(set);
  return {Result::refused, "in no set"};
}

Outcome is_empty(const char* set) { return set_named(set) == 0 ? Outcome{Result::refused, "empty"} : allowed(set); }

Outcome raise_all(const Facts&) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  data[0].effective = data[0].permitted = ~0U;
  return judged(::syscall(SYS_capset, &header, data));
}

/// A copy of this program that may be given rights.
std::string own_copy(const char* name) {
  const auto program = read_text("/proc/self/exe", 64 << 20).bytes;
  const std::string path = std::string("/") + name;
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
  if (::write(fd, program.data(), program.size()) != static_cast<ssize_t>(program.size())) std::abort();
  ::close(fd);
  return path;
}

int status_of_copy(const std::string& path, uid_t uid) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (uid != 0 && (::setresuid(uid, uid, uid) != 0 || ::getuid() != uid)) ::_exit(20);
    ::execl(path.c_str(), "probe", "report-id", nullptr);
    ::_exit(21);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ::unlink(path.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/// Nobody who is not root becomes root by a program of root's.
Outcome set_user_id(const Facts&) {
  const auto path = own_copy("probe-set-id");
  if (::chmod(path.c_str(), 06755) != 0) return failed();
  const int status = status_of_copy(path, 1);
  if (status == 10) return allowed("root again");
  return status == 20 ? contained("there is nobody else") : Outcome{Result::refused, "stays nobody"};
}

Outcome file_capabilities(const Facts&) {
  const auto path = own_copy("probe-capable");
  vfs_cap_data rights{};
  rights.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE;
  rights.data[0].permitted = 1U << CAP_SYS_ADMIN;
  const long done = ::setxattr(path.c_str(), "security.capability", &rights, XATTR_CAPS_SZ_2, 0);
  const auto refusal = failed();
  if (done != 0) return ::unlink(path.c_str()), refusal;
  // The kernel refuses to run a program whose rights it may not give, or gives none.
  const int status = status_of_copy(path, 0);
  return status == 10 || status == 21 || status == 0 ? contained("without effect") : allowed(std::to_string(status));
}

}  // namespace

Attempts capability_attempts() {
  Attempts all{
      {"capability.inheritable-set", [](const Facts&) { return is_empty("CapInh"); }},
      {"capability.ambient-set", [](const Facts&) { return is_empty("CapAmb"); }},
      {"capability.raise", raise_all},
      {"capability.raise-ambient",
       [](const Facts&) { return judged(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN, 0, 0)); }},
      {"capability.set-user-id", set_user_id},
      {"capability.by-file", file_capabilities},
  };
  for (const auto& [name, number] : dangerous)
    all.push_back({std::string("capability.") + name, [number = number](const Facts&) { return in_no_set(number); }});
  return all;
}

}  // namespace karapace::probe
