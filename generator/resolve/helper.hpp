// SPDX-License-Identifier: Apache-2.0
// Helper: runs the resolver's helper program, JSON in and JSON out, without a shell.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace karapace::resolve {

/// The resolver's program; nothing where Karapace was built without it, which only locking needs.
std::optional<std::filesystem::path> find_resolver();

/// Runs `karapace-resolve-deb VERB` with `request` on its standard input; its standard error is ours (progress).
/// Returns its answer; throws the error that it reports.
std::string ask_helper(std::string_view verb, std::string_view request);

/// The same of `karapace-resolve-image`, which has one verb.
std::string ask_image_helper(std::string_view request);

/// The same of a resolver that need not be there: nothing when it is not, or does not start because it was built for
/// another release of the distribution.
std::optional<std::string> ask_helper_if_there(std::string_view verb);

}  // namespace karapace::resolve
