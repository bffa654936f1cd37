// SPDX-License-Identifier: Apache-2.0
#include "store/path_limit.hpp"

#include <fmt/format.h>

#include "base/escape.hpp"

namespace karapace::store {

std::optional<std::string> length_complaint(std::string_view path) {
  constexpr std::size_t shown = 80;
  if (path.size() <= longest_path) return std::nullopt;
  return fmt::format(
      "a path is longer than {} bytes, which nothing can work with: make it shorter; it begins with \"/{}\"",
      longest_path, escaped_utf8(path.substr(0, shown)));
}

}  // namespace karapace::store
