// SPDX-License-Identifier: Apache-2.0
// Places with images, opened as this user's configuration says; what registries warn of is told on standard error.
#pragma once

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "remote/oci/credentials.hpp"
#include "remote/oci/image_location.hpp"

namespace karapace::exchange {

class Places {
 public:
  /// Made before the process enters a user namespace: there it is not who it was, whose credentials are wanted.
  explicit Places(remote::TransferOptions options) : options_(std::move(options)) {}
  std::unique_ptr<oci::ImageRepository> open(const oci::ImageLocation& place, oci::Access access) const;
  /// The same for what can be done without: who does not answer is given up soon.
  Places impatient() const {
    auto options = options_;
    options.timeout_seconds = std::min(options.timeout_seconds, 10U);
    options.retries = std::min(options.retries, 1U);
    auto places = *this;
    places.options_ = std::move(options);
    return places;
  }
  /// A cache: a place without a tag. RemoteError when it has one.
  std::unique_ptr<oci::ImageRepository> open_cache(const std::string& location, oci::Access access) const;

 private:
  remote::TransferOptions options_;
  std::vector<std::filesystem::path> credential_files_ = oci::credential_files();
};

}  // namespace karapace::exchange
