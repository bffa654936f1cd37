// SPDX-License-Identifier: Apache-2.0
// Base archives and images when locking: what one says about itself.
//
// It is fetched and unpacked by the very steps that a build runs (so a build finds them done), and then read from its
// layers: which distribution it is, and what its dpkg counts as installed.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "store/step.hpp"
#include "store/store.hpp"

namespace karapace::project {

struct BaseContents {
  std::string distribution;   // ID of etc/os-release
  std::string suite;          // VERSION_CODENAME
  std::string dpkg_status;    // var/lib/dpkg/status
  std::string architectures;  // var/lib/dpkg/arch, "" when it knows its own only
};

/// Runs one edge as ninja would. `mirrors`: of a `fetch`, its file of sources. StepError that ends with `hint`.
void run_base_step(const Step& step, const std::filesystem::path& store, const std::filesystem::path& mirrors,
                   std::string_view hint);

/// Of the layers that these steps made, bottom first. `what` is what messages call it: "base archive". ManifestError
/// when it is not of a Debian or Ubuntu system.
BaseContents read_base(const store::Store& store, const std::vector<StepKey>& unpacks, std::string_view what);

}  // namespace karapace::project
