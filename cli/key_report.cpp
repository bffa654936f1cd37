// SPDX-License-Identifier: Apache-2.0
#include "cli/key_report.hpp"

#include <nlohmann/json.hpp>

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

}  // namespace karapace::cli
