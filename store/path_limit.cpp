// SPDX-License-Identifier: Apache-2.0
#include "store/path_limit.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/escape.hpp"

namespace karapace::store {

namespace {

bool has_long_name(std::string_view path) noexcept {
  for (std::size_t begin = 0; begin < path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    if (end - begin > longest_name) return true;
    begin = end + 1;
  }
  return false;
}

}  // namespace

std::optional<std::string> length_complaint(std::string_view path) {
  constexpr std::size_t shown = 80;
  const auto beginning = [&] { return escaped_utf8(path.substr(0, shown)); };
  if (path.size() > longest_path)
    return fmt::format(
        "a path is longer than {} bytes, which nothing can work with: make it shorter; it begins with \"/{}\"",
        longest_path, beginning());
  if (has_long_name(path))
    return fmt::format(
        "a name in a path is longer than {} bytes, which file systems do not hold: make it shorter; the path begins "
        "with \"/{}\"",
        longest_name, beginning());
  return std::nullopt;
}

}  // namespace karapace::store
