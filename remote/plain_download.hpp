// SPDX-License-Identifier: Apache-2.0
// Plain download: a URL's bytes into a file, when neither their size nor where they belong is known yet.
//
// Used when a base archive is locked for the first time: its size becomes known by having it. The caller verifies the
// digest.
#pragma once

#include <filesystem>
#include <string>

namespace karapace::remote {

/// Replaces `path`, which exists only when everything arrived. RemoteError naming the URL and what went wrong.
void download_plain(const std::string& url, const std::filesystem::path& path);

}  // namespace karapace::remote
