// SPDX-License-Identifier: Apache-2.0
// What the commands about the store share: entering the user namespace for work on trees, and naming environments.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/context.hpp"
#include "runtime/sandbox/store_namespace.hpp"
#include "store/reference.hpp"

namespace karapace::cli {

/// Trees in the store may hold files of subordinate ids: whoever removes or reads them all must be root of the user
/// namespace in which they were made. Call it before any thread starts.
sandbox::IdMode enter_for_trees(const store::Store& store);

/// The environment and the project for what a person wrote, relative to the current directory.
store::Reference find_reference(const store::Store& store, const std::string& word);

/// The store's directory for reading; nothing when there is none yet.
std::optional<store::Store> store_if_exists(const Context& context);

}  // namespace karapace::cli
