// SPDX-License-Identifier: Apache-2.0
// Key depth: refuses keys of absurdly many parts before the TOML library sees them.
//
// "a.a.a.a = 1" nests a table per part, and the library builds and destroys tables recursively: some ten thousand
// parts overflow the stack. Values have such a limit there, keys have none.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace karapace::manifest {

struct KeyPosition {
  std::size_t line = 1;
  std::size_t column = 1;
};

/// Where a line has more dots outside of strings and comments than any sensible line has; nothing when none has.
std::optional<KeyPosition> find_too_deep_key(std::string_view text);

}  // namespace karapace::manifest
