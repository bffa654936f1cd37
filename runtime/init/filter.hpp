// SPDX-License-Identifier: Apache-2.0
// The seccomp filters: generated when Karapace is built (filter_generator.cpp), so that loading one costs one call.
#pragma once

#include "runtime/init/init_plan.hpp"
#include "runtime/sys/syscalls.hpp"

namespace karapace::init {

sys::Filter filter(OwnerCalls calls) noexcept;

}  // namespace karapace::init
