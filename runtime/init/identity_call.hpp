// SPDX-License-Identifier: Apache-2.0
// Calls that ask or change who a process is: setuid(2), getuid(2), setgroups(2) and their kin, and what else has to do
// with capabilities, of every architecture that the filter covers.
#pragma once

#include <cstdint>
#include <optional>

#include <linux/seccomp.h>
#include <sys/types.h>

#include "runtime/init/identity.hpp"

namespace karapace::init {

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
