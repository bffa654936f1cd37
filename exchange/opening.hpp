// SPDX-License-Identifier: Apache-2.0
// Places with images, opened as this user's configuration says; what registries warn of is told on standard error.
#pragma once

#include <memory>
#include <string>

#include "remote/oci/image_location.hpp"

namespace karapace::exchange {

std::unique_ptr<oci::ImageRepository> open_for(const oci::ImageLocation& place, oci::Access access);
/// A cache: a place without a tag. RemoteError when it has one.
std::unique_ptr<oci::ImageRepository> open_cache(const std::string& location, oci::Access access);

}  // namespace karapace::exchange
