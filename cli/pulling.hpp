// SPDX-License-Identifier: Apache-2.0
// Environments that others pushed or bundled, as instances of this store.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "cli/context.hpp"
#include "cli/options.hpp"

namespace karapace::cli {

struct PullingArguments {
  std::string name;
  std::vector<std::string> trusted;
  std::uint64_t agree = 1;
};
/// --name, --trust and --agree.
void declare_pulling(Options& options, PullingArguments& arguments);

/// Where the image is in a file that `karapace bundle` wrote, whatever the file is called.
std::string bundle_location(const std::filesystem::path& file);

/// Takes the environment of the image at `location` over, with an instance that keeps it, and tells of it: the document
/// "karapace.pull". `command` is what errors begin with.
int pull_environment(const Context& context, const PullingArguments& arguments, const std::string& location,
                     std::string_view command);

}  // namespace karapace::cli
