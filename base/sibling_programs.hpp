// SPDX-License-Identifier: Apache-2.0
// Sibling programs: karapace and the helpers it comes with find each other beside themselves (a build directory's
// bin/) or in ../libexec/karapace and ../bin (an installation), never through PATH.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

namespace karapace {

/// Absolute path of `name` ("karapace-step", "karapace-fetch", "karapace-resolve-deb", "karapace"). Error naming the
/// places that were looked at when it is not there.
std::filesystem::path find_program(std::string_view name);
/// The same; nothing when it is not there, for one that need not be.
std::optional<std::filesystem::path> find_program_if_there(std::string_view name);

}  // namespace karapace
