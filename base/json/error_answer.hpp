// SPDX-License-Identifier: Apache-2.0
// What a helper program prints on its standard output in place of an answer when it failed: {"error": {"code": ...,
// "message": ...}}. It then ends with the exit status of the error's kind.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace karapace {

/// With a line end.
std::string error_answer(const Error& error);
/// What such a program does: prints what `answer` returns, or its error, to standard output. The result is the exit
/// status. `what` is what an error that is none of ours begins with: "lock".
int print_answer(std::string_view what, const std::function<std::string()>& answer);
/// Throws the error that `answer` reports; returns when it reports none.
void throw_if_error_answer(std::string_view answer);

}  // namespace karapace
