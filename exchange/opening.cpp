// SPDX-License-Identifier: Apache-2.0
#include "exchange/opening.hpp"

#include <cstdio>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"

namespace karapace::exchange {

std::unique_ptr<oci::ImageRepository> Places::open(const oci::ImageLocation& place, oci::Access access) const {
  auto options = oci::registry_options(place.place.substr(0, place.place.find('/')), options_);
  options.credential_files = credential_files_;
  options.warn = [](std::string_view warning) { fmt::print(stderr, "karapace: warning: {}\n", printable(warning)); };
  return oci::open_repository(place, access, std::move(options));
}

std::unique_ptr<oci::ImageRepository> Places::open_cache(const std::string& location, oci::Access access) const {
  const auto place = oci::ImageLocation::parse(location);
  if (place.name)
    throw RemoteError(fmt::format("{}: a cache has a tag for each environment: name it without one", location));
  return open(place, access);
}

}  // namespace karapace::exchange
