// SPDX-License-Identifier: Apache-2.0
// Images as bases when locking: which layers one has, and what its dpkg counts as installed.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "generator/lock/lock.hpp"
#include "generator/manifest/manifest.hpp"
#include "generator/project/base_contents.hpp"
#include "generator/project/project.hpp"
#include "generator/resolve/image_resolution.hpp"
#include "generator/resolve/mirrors.hpp"

namespace karapace::project {

/// Asks where it is for the image of this architecture (Debian's word). `directory`: the manifest's, here as below.
resolve::ImageResolution locked_image(const manifest::BaseImage& image, const std::string& architecture,
                                      const std::filesystem::path& directory, const MachinePaths& paths);

/// Fetches and unpacks its layers into the store unless they are there.
BaseContents read_image(const manifest::BaseImage& image, const lock::LockedImage& locked,
                        const std::filesystem::path& directory, const MachinePaths& paths);

/// Where the blobs of its layers are: digest → what `fetch` understands. `location` is that of the lock's request.
std::map<std::string, std::vector<std::string>> places_of(const lock::LockedImage& locked, const std::string& location,
                                                          const std::filesystem::path& directory,
                                                          const resolve::Mirrors& mirrors);

}  // namespace karapace::project
