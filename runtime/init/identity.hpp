// SPDX-License-Identifier: Apache-2.0
// Who a process believes to be, where only one id is mapped (credentials(7)).
//
// setuid(2) and its kin change nothing in the kernel there. Process 1 keeps what they asked for, answers getuid(2) and
// its kin with it, and gives it to what the process makes (creation.hpp). Which of the kept identities a process has is
// its soft limit of RLIMIT_LOCKS: that is inherited by fork(2) and kept by execve(2) as credentials are, process 1 can
// set it (prlimit(2)), and since Linux 2.4.25 it limits nothing (getrlimit(2)). Unlimited is root.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include <linux/seccomp.h>
#include <sys/types.h>

namespace karapace::init {

struct IdSet {
  std::uint32_t real = 0;
  std::uint32_t effective = 0;
  std::uint32_t saved = 0;
  std::uint32_t file_system = 0;
  bool operator==(const IdSet&) const = default;
};

struct Identity {
  static constexpr std::size_t most_groups = 64;
  static constexpr std::uint32_t unchanged = ~std::uint32_t{0};
  static constexpr std::uint32_t largest_id = 65535;  // as with subordinate ids, where others are EINVAL

  IdSet user;
  IdSet group;
  std::uint32_t groups = 0;  // how many of the next are meant
  std::uint32_t group_ids[most_groups] = {};

  bool keeps_capabilities = false;  // over changes of users, until execve(2) (PR_SET_KEEPCAPS)
  bool has_capabilities = true;

  /// Whether modes of files do not count: capabilities(7), "Effect of user ID changes".
  bool passes_modes() const noexcept { return user.file_system == 0 || (has_capabilities && user.effective != 0); }
  bool has_group(std::uint32_t id) const noexcept;
  bool operator==(const Identity& other) const noexcept;
};

// What the calls do, as their man pages have it; 0 or an errno value.
int set_ids(Identity& identity, IdSet Identity::* kind, std::uint32_t id) noexcept;  // setuid(2), setgid(2)
int set_real_and_effective(Identity& identity, IdSet Identity::* kind, std::uint32_t real,
                           std::uint32_t effective) noexcept;  // setreuid(2)
int set_all(Identity& identity, IdSet Identity::* kind, std::uint32_t real, std::uint32_t effective,
            std::uint32_t saved) noexcept;  // setresuid(2)
/// setfsuid(2): the id that was; changes it where that is allowed.
std::uint32_t set_file_system_id(Identity& identity, IdSet Identity::* kind, std::uint32_t id) noexcept;
/// execve(2), which succeeds or ends the process in all that matters here.
void execute(Identity& identity) noexcept;
int set_groups(Identity& identity, const std::uint32_t* ids, std::size_t count) noexcept;

/// The identities of one sandbox. Processes that are gone leave theirs behind, which others with the same share.
class Identities {
 public:
  const Identity& of(pid_t process) const noexcept;
  /// 0 or an errno value: EAGAIN when 512 different ones are in use (setuid(2)).
  int give(pid_t process, const Identity& identity) noexcept;

 private:
  static constexpr std::size_t capacity = 512;
  std::size_t count_ = 0;
  Identity known_[capacity];
};

/// A call that asks or changes who a process is: setuid(2), getuid(2), setgroups(2) and their kin, and what else has to
/// do with capabilities, of every architecture that the filter covers.
struct IdentityCall {
  enum class Form {
    get_real,
    get_effective,
    get_all,
    get_groups,
    set,
    set_two,
    set_all,
    set_file_system,
    set_groups,
    control,
    execute
  };
  Form form = Form::get_real;
  IdSet Identity::* kind = &Identity::user;
  bool is_narrow = false;  // ids of 16 bits
  std::uint64_t arguments[3] = {};
};

/// Nothing when it is no such call.
std::optional<IdentityCall> decode_identity_call(const seccomp_data& call) noexcept;

/// What the caller is answered.
struct IdentityAnswer {
  int error = 0;  // or an errno value
  std::int64_t value = 0;
  bool goes_on = false;  // into the kernel
};

/// Changes `identity` or writes it into the caller's memory. Neither allocates nor throws.
IdentityAnswer answer_identity_call(pid_t caller, const IdentityCall& call, Identity& identity) noexcept;

}  // namespace karapace::init
