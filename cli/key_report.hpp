// SPDX-License-Identifier: Apache-2.0
// Where a user's keys are, and how the commands about keys tell of one.
#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "cli/context.hpp"
#include "proof/signing/key_files.hpp"

namespace karapace::cli {

/// `keys` beside the user's configuration: ~/.config/karapace/keys. It need not exist.
std::filesystem::path keys_directory();

/// The secret key's file: of that name or path, else of the only key there is. UsageError that tells which there are.
std::filesystem::path signing_key(const std::string& word);

nlohmann::json key_json(const signing::KeyFile& key);
/// "karapace.key"
void print_key_document(const Context& context, const signing::KeyFile& key);

}  // namespace karapace::cli
