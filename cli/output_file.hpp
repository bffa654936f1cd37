// SPDX-License-Identifier: Apache-2.0
// Where documents go that commands make for other programs: standard output, or a file.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "cli/context.hpp"

namespace karapace::cli {

/// `chosen` (-o; "-" is standard output). Without it standard output; but on a terminal, where nobody can read some
/// documents, `on_terminal` in the working directory. Nothing means standard output.
std::optional<std::filesystem::path> output_file(const std::optional<std::string>& chosen,
                                                 const std::optional<std::string>& on_terminal);

/// Writes the file, whole or not at all. Error (exit status 1) naming it when that can not be done.
void write_whole(const std::filesystem::path& file, std::string_view text);

/// Writes `text` there, whole or not at all, and then says so on standard output; with --json as a document.
void write_output(const Context& context, const std::optional<std::filesystem::path>& file, std::string_view text,
                  std::string_view about);

}  // namespace karapace::cli
