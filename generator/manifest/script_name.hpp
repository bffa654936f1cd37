// SPDX-License-Identifier: Apache-2.0
// Script names: `build = "build.sh"` of a source, which is meant to be a file and no command.
#pragma once

#include <algorithm>
#include <string_view>

namespace karapace::manifest {

/// One word of the characters that names of files have, with the end that scripts have. What begins with "./" is run.
inline bool is_script_name(std::string_view build) noexcept {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("/._-+").find(c) != std::string_view::npos;
  };
  const bool is_one_word = std::ranges::all_of(build, is_plain);
  return is_one_word && !build.starts_with('/') && !build.starts_with("./") &&
         (build.ends_with(".sh") || build.ends_with(".bash"));
}

}  // namespace karapace::manifest
