// SPDX-License-Identifier: Apache-2.0
// What `gen` and `build` are told alike: manifests, how far locks may change, and the environment's name.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/context.hpp"
#include "cli/options.hpp"
#include "generator/project/generate.hpp"

namespace karapace::cli {

struct GenerateArguments {
  std::vector<std::string> manifests;
  std::optional<std::vector<std::string>> upgrade;
  std::string name;
  bool locked = false;
  bool frozen = false;
};

void declare_generate(Options& options, GenerateArguments& arguments);

/// Everything but the build directory. UsageError when the arguments contradict each other.
generator::GenerateRequest generate_request(const Context& context, const GenerateArguments& arguments);

/// The directories this user's Karapace works with.
generator::Places places(const Context& context);
/// `--upgrade [PACKAGE...]`
generator::Upgrade upgrade_from(const std::optional<std::vector<std::string>>& words);
/// Manifests as given, or the working directory's.
std::vector<std::filesystem::path> manifests_or_here(const std::vector<std::string>& words);

}  // namespace karapace::cli
