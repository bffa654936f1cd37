// SPDX-License-Identifier: Apache-2.0
// Images as bases: asks where an image is for its digests. A program of its own does, `karapace-resolve-image`, because
// it speaks to registries (remote/oci), with JSON in and out as the resolver of packages.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "generator/lock/lock.hpp"
#include "generator/resolve/mirrors.hpp"

namespace karapace::resolve {

struct ImageRequest {
  std::vector<std::string> locations;  // the best first: a registry's mirrors, itself; local paths are absolute
  std::string platform;                // "linux/amd64"
  std::string sources;                 // mirrors_text: how to speak to servers
};

struct ImageResolution {
  lock::LockedImage image;
  std::vector<std::string> notes;  // for people
};

/// "linux/arm/v7" of Debian's "armhf".
std::string platform_of(std::string_view architecture);

/// Where an image may be had: mirrors of its registry first. Of a local one that is itself.
std::vector<std::string> image_locations(std::string_view location, const Mirrors& mirrors);
/// The same without tag and digest, "oci:registry.example/library/debian", which is where its blobs are.
std::vector<std::string> blob_locations(std::string_view location, const Mirrors& mirrors);

/// Throws RemoteError (no such image, no login, no answer) or LockError (none for the platform, layers that can not be
/// unpacked); messages begin with "lock: ".
ImageResolution resolve_image(const ImageRequest& request);

// What the client and the program say to each other (protocol.hpp).
std::string image_request_text(const ImageRequest& request);
ImageRequest parse_image_request(std::string_view text);
std::string image_resolution_text(const ImageResolution& resolution);

}  // namespace karapace::resolve
