// SPDX-License-Identifier: Apache-2.0
// Images in files: an OCI layout, an OCI archive, or an archive as `docker load` takes it.
#pragma once

#include <string>

#include "image/environment_image.hpp"
#include "remote/oci/image_location.hpp"
#include "store/store.hpp"

namespace karapace::image {

/// Writes the image. Archives appear whole or not at all; a layout keeps what else is in it. Blobs are verified while
/// they are copied. `name`: a word of at most 128 of [a-z0-9-]. A docker-archive calls the image so, with the
/// location's tag or "latest"; elsewhere it is the tag where the location has none.
void write_image(const store::Store& store, const EnvironmentImage& image, const oci::ImageLocation& location,
                 const std::string& name);

}  // namespace karapace::image
