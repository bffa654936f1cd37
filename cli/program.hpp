// SPDX-License-Identifier: Apache-2.0
// The program `karapace` as a function: finds the command, parses, runs, and turns errors into exit codes.
#pragma once

#include <span>
#include <string>

namespace karapace::cli {

/// `words`: the command line without the program's own name. The result is the exit status. Catches every exception.
int run_program(std::span<const std::string> words) noexcept;

}  // namespace karapace::cli
