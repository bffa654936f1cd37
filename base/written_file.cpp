// SPDX-License-Identifier: Apache-2.0
#include "base/written_file.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"

namespace karapace {

std::filesystem::path written_file(std::filesystem::path path) {
  constexpr int most_links = 40;  // as path_resolution(7)
  const auto asked = path;
  for (int links = 0; links < most_links; ++links) {
    std::error_code error;
    const auto target = std::filesystem::read_symlink(path, error);
    if (error) return path;
    path = path.parent_path() / target;
  }
  throw Error(fmt::format("cannot write \"{}\": its links lead in circles", escaped_utf8(asked.native())));
}

}  // namespace karapace
