// SPDX-License-Identifier: Apache-2.0
#include "cli/key_report.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "cli/document.hpp"
#include "generator/resolve/user_configuration.hpp"

namespace karapace::cli {

std::filesystem::path keys_directory() { return resolve::default_configuration_file().parent_path() / "keys"; }

nlohmann::json key_json(const signing::KeyFile& key) {
  return {{"has_secret", key.has_secret},
          {"key", key.key.key.id().hex()},
          {"name", key.key.name},
          {"public_file", path_json(key.file)},
          {"public_line", text(key.key)}};
}

void print_key_document(const Context& context, const signing::KeyFile& key) {
  context.print_json("karapace.key", key_json(key));
}

std::filesystem::path signing_key(const std::string& word) {
  const auto directory = keys_directory();
  if (word.find('/') != word.npos) return std::filesystem::absolute(word);
  std::vector<std::string> names;
  for (const auto& file : signing::find_keys(directory).keys)
    if (file.has_secret) names.push_back(file.key.name);
  const bool is_there = std::find(names.begin(), names.end(), word) != names.end();
  if (is_there) return directory / (word + ".key");
  if (word.empty() && names.size() == 1) return directory / (names.front() + ".key");
  if (names.empty()) throw UsageError("there is no key to sign with: `karapace key new NAME` makes one");
  throw UsageError(
      word.empty()
          ? fmt::format("there are several keys: say which signs, --key {}", fmt::join(names, " or --key "))
          : fmt::format("there is no key \"{}\" to sign with, but {}", escaped_utf8(word), fmt::join(names, ", ")));
}

}  // namespace karapace::cli
