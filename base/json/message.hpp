// SPDX-License-Identifier: Apache-2.0
// What karapace and its helper programs say to each other: JSON by one list of fields for both sides, which come from
// the same build.
#pragma once

#include <string_view>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json/record.hpp"

namespace karapace {

/// Error that names the helper when the text is no such message.
template <class Fields>
auto parse_message(const Fields& fields, std::string_view text, std::string_view helper) {
  try {
    return parse_json(fields, text, "message");
  } catch (const LockError& error) {
    throw Error(
        fmt::format("what {0} was asked or answered cannot be read: {1}; install karapace and {0} from the same build",
                    helper, error.what()));
  }
}

}  // namespace karapace
