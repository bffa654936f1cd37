// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/filter.hpp"

#include <cstdlib>
#include <iterator>

#include <linux/filter.h>

namespace karapace::init {
namespace {

// The generated file defines real_filter, pretended_filter and tracked_filter.
#include "filters.inc"

}  // namespace

sys::Filter filter(OwnerCalls calls) noexcept {
  switch (calls) {
    case OwnerCalls::real: return {real_filter, std::size(real_filter)};
    case OwnerCalls::pretended: return {pretended_filter, std::size(pretended_filter)};
    case OwnerCalls::tracked: return {tracked_filter, std::size(tracked_filter)};
  }
  std::abort();
}

}  // namespace karapace::init
