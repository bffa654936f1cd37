// SPDX-License-Identifier: Apache-2.0
// What a manifest says of a release: [release] and [[source]] (docs/releases.md).
#pragma once

#include <string>
#include <string_view>

#include "generator/manifest/section.hpp"

namespace karapace::manifest {

/// [release] and all [[source]] tables, which are judged together.
void read_release(Section& top, Manifest& manifest);

/// The variable by which a build script finds a dependency: its name with "_" for every character that a variable's
/// name can not have.
std::string dependency_variable(std::string_view source);

}  // namespace karapace::manifest
