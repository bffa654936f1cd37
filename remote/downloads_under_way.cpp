// SPDX-License-Identifier: Apache-2.0
// Apart from what downloads: `karapace` itself loads no library that only that needs.
#include <sys/stat.h>

#include "base/directory.hpp"
#include "remote/download.hpp"
#include "store/pins.hpp"

namespace karapace::remote {

std::map<StepKey, std::uint64_t> downloads_under_way(const store::Store& store) {
  std::map<StepKey, std::uint64_t> found;
  for (const auto& name : names_in(store.staging_path())) {
    const auto staging = store.staging_path() / name;
    struct stat status{};
    if (::lstat((staging / download_name).c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    if (const auto step = store::step_made_in(staging)) found[*step] = static_cast<std::uint64_t>(status.st_size);
  }
  return found;
}

}  // namespace karapace::remote
