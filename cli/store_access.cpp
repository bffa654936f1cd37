// SPDX-License-Identifier: Apache-2.0
#include "cli/store_access.hpp"

#include <fmt/format.h>

#include "base/error.hpp"

namespace karapace::cli {

sandbox::IdMode enter_for_trees(const store::Store& store) { return sandbox::enter_namespace_for(store); }

store::Reference find_reference(const store::Store& store, const std::string& word) {
  return store::resolve_reference(store, word, std::filesystem::current_path());
}

std::optional<store::Store> store_if_exists(const Context& context) {
  try {
    return context.open_store(store::Store::Access::read_only);
  } catch (const NotFoundError&) {
    return std::nullopt;
  }
}

}  // namespace karapace::cli
