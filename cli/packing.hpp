// SPDX-License-Identifier: Apache-2.0
// The layers of an environment as blobs, as registries want them, and who signs for them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/building.hpp"
#include "cli/context.hpp"
#include "exchange/request.hpp"
#include "store/store.hpp"

namespace karapace::cli {

/// Runs the steps that pack the layers of the environment, as far as they were not run before, and returns them.
std::vector<exchange::Pack> pack_environment(const Context& context, const BuildingArguments& building,
                                             const store::Store& store, const EnvironmentId& environment);

/// The secret key's file: of that name or path, else of the only key there is. UsageError that tells which there are.
std::filesystem::path signing_key(const std::string& word);

}  // namespace karapace::cli
