// SPDX-License-Identifier: Apache-2.0
// The `fetch` step: what karapace-fetch does.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "store/step.hpp"

namespace karapace::remote {

using Hints = std::map<std::string, std::string, std::less<>>;

/// Downloads what the step names into the store at `store` and writes the step's record; a record that exists is a
/// hit. Parameters: `size`, and `sha256` or `blake3` (hex). Hints: `mirrors` (the file of sources), `archive`, `path`.
void run_fetch_step(const std::filesystem::path& store, const Step& step, const Hints& hints);

/// "git 2.39.5-0+deb12u2" for the path of a Debian package, else the path's last part.
std::string title_of(const std::string& path);

}  // namespace karapace::remote
