// SPDX-License-Identifier: Apache-2.0
// The seccomp filters: generated when Karapace is built (filter_generator.cpp), so that loading one costs one call.
#pragma once

#include "runtime/sandbox/sandbox.hpp"
#include "runtime/sandbox/syscalls.hpp"

namespace karapace::runtime {

/// How calls are answered that change owners or become another user.
enum class OwnerCalls {
  real,       // the kernel decides: ids are mapped
  pretended,  // they succeed without effect, as only one id is mapped (sessions)
  tracked,    // changes of owner are sent to process 1, which records them (steps)
};

OwnerCalls owner_calls(IdMode mode, Purpose purpose) noexcept;
sys::Filter filter(OwnerCalls calls) noexcept;

}  // namespace karapace::runtime
