// SPDX-License-Identifier: Apache-2.0
// References: the words by which people name environments.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "store/identifiers.hpp"
#include "store/root.hpp"
#include "store/store.hpp"

namespace karapace::store {

/// What a person's word for an environment stands for.
struct Reference {
  EnvironmentId environment;
  std::optional<Root> root;  // the project, when named by name or path; without its steps
  std::optional<std::string> instance =
      {};  // the id of the one that was named, else the project's or environment's own
};
/// A path (a manifest or its directory: anything with a slash, or "." for the nearest project above), a root's name, an
/// instance's name or id, an environment's id, or a unique prefix (at least 4 digits) of one, which stands for the
/// project too when just one has it.
/// NotFoundError with suggestions, or listing the candidates when ambiguous.
Reference resolve_reference(const Store& store, std::string_view word, const std::filesystem::path& working_directory);

}  // namespace karapace::store
