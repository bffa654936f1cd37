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
  bool allow_rollback = false;
};

void declare_generate(Options& options, GenerateArguments& arguments);

/// Declares --allow-rollback, for every command that changes locks; `rollback` is what it means.
void declare_rollback(Options& options, bool& allow_rollback);
resolve::Rollback rollback(bool allow_rollback) noexcept;

/// Everything but the build directory. UsageError when the arguments contradict each other.
project::GenerateRequest generate_request(const Context& context, const GenerateArguments& arguments);

/// The directories this user's Karapace works with.
project::MachinePaths machine_paths(const Context& context);
struct ManifestsAndUpgrade {
  std::vector<std::filesystem::path> manifests;  // the working directory's when none is given
  resolve::Upgrade upgrade;
};
/// `[MANIFEST...] [--upgrade [PACKAGE...]]`. What stands after --upgrade and can only be a manifest (`.`, a path with a
/// slash, NAME.toml) is one.
ManifestsAndUpgrade manifests_and_upgrade(const std::vector<std::string>& manifests,
                                          const std::optional<std::vector<std::string>>& upgrade);

}  // namespace karapace::cli
