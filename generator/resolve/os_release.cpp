// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/os_release.hpp"

#include "base/file.hpp"
#include "base/words.hpp"

namespace karapace::resolve {

std::string os_release_value(std::string_view text, std::string_view name) {
  for (auto line : lines(text)) {
    if (!line.starts_with(name) || !line.substr(name.size()).starts_with('=')) continue;
    auto value = line.substr(name.size() + 1);
    const bool quoted = value.size() >= 2 && (value.front() == '"' || value.front() == '\'');
    return std::string(quoted ? value.substr(1, value.size() - 2) : value);
  }
  return {};
}

std::string host_distribution() { return os_release_value(read_file_if_exists("/etc/os-release").value_or(""), "ID"); }

}  // namespace karapace::resolve
