// SPDX-License-Identifier: Apache-2.0
// Copies of images from one repository to another, byte for byte: digests stay what they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "remote/oci/image_manifest.hpp"
#include "remote/oci/image_reference.hpp"
#include "remote/oci/image_repository.hpp"

namespace karapace::oci {

struct CopyOptions {
  std::filesystem::path temporary;  // a directory for one blob per thread
  unsigned threads = 4;
  std::vector<std::string> mount_from = {};  // as of NewBlob
};

struct Copied {
  Manifest manifest;
  std::size_t blobs = 0;    // that were moved; the rest was there, or was mounted
  std::uint64_t bytes = 0;  // of these
};

/// An image, or an index with all its images; blobs first, children before their index, the tag last.
Copied copy_image(ImageRepository& from, const ManifestName& name, ImageRepository& to, const std::optional<Tag>& tag,
                  const CopyOptions& options);

}  // namespace karapace::oci
