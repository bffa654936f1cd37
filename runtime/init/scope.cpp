// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/scope.hpp"

#include <cstdint>

#include <sys/syscall.h>
#include <unistd.h>

namespace karapace::init {
namespace {

// The headers of Debian 12 are older than these (linux/landlock.h).
struct Ruleset {
  std::uint64_t handled_access_fs = 0;
  std::uint64_t handled_access_net = 0;
  std::uint64_t scoped = 0;
};
constexpr std::uint64_t abstract_unix_socket = 1;
constexpr std::uint64_t signal = 2;
constexpr long first_with_scopes = 6;
constexpr unsigned ask_version = 1;

}  // namespace

Scope available_scope() noexcept {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0UL, ask_version);
  return version >= first_with_scopes ? Scope::signals_and_sockets : Scope::none;
}

bool limit_scope() noexcept {
  if (available_scope() == Scope::none) return true;
  const Ruleset ruleset{.scoped = abstract_unix_socket | signal};
  const long fd = ::syscall(SYS_landlock_create_ruleset, &ruleset, sizeof ruleset, 0UL);
  if (fd < 0) return false;
  const bool limited = ::syscall(SYS_landlock_restrict_self, fd, 0UL) == 0;
  ::close(static_cast<int>(fd));
  return limited;
}

}  // namespace karapace::init
