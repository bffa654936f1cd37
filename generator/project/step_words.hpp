// SPDX-License-Identifier: Apache-2.0
// How people name steps: by the first digits of a key, or by a record's path, as `ninja -v` shows it.
#pragma once

#include <optional>
#include <string>

#include "generator/project/explanation.hpp"
#include "store/identifiers.hpp"

namespace karapace::project {

/// The step that `word` is the key, the beginning of a key (at least 4 digits) or the record's path of; nothing when
/// it is none of these. NotFoundError listing the candidates when several keys begin so.
std::optional<StepKey> step_named(const StepLibrary& library, const std::string& word);

}  // namespace karapace::project
