// SPDX-License-Identifier: Apache-2.0
// Images in files: an OCI layout, an OCI archive, or an archive as `docker load` takes it.
#pragma once

#include <string>

#include "image/environment_image.hpp"
#include "remote/oci/image_location.hpp"
#include "store/store.hpp"

namespace karapace::image {

/// Writes the image. Archives appear whole or not at all; a layout keeps what else is in it. Blobs are verified while
/// they are copied. `name`: what a docker-archive calls the image; the tag is the location's, else "latest".
void write_image(const store::Store& store, const EnvironmentImage& image, const oci::ImageLocation& location,
                 const std::string& name);

}  // namespace karapace::image
