// SPDX-License-Identifier: Apache-2.0
// What a helper program prints on its standard output in place of an answer when it failed: {"error": {"code": ...,
// "message": ...}}. It then ends with the exit status of the error's kind.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace karapace {

/// With a line end.
std::string error_answer(const Error& error);
/// Throws the error that `answer` reports; returns when it reports none.
void throw_if_error_answer(std::string_view answer);

}  // namespace karapace
