// SPDX-License-Identifier: Apache-2.0
// Blobs that are read to their end, to see whether they are what is said of them, and put nowhere.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "remote/oci/image_repository.hpp"

namespace karapace::exchange {

/// read(2), again when a signal interrupts it. CallError that names `label`.
std::size_t read_some(int file, std::span<char> buffer, const std::string& label);

/// Told how much of a blob was read.
using Seen = std::function<void(std::uint64_t)>;

/// RemoteError when the blob is not what its descriptor says.
void read_to_the_end(oci::ImageRepository& repository, const oci::Descriptor& blob, const Seen& seen);

/// The same, with the digest of what the blob is a compressed form of.
oci::ContentDigest diff_id_of(oci::ImageRepository& repository, const oci::Descriptor& blob, oci::Algorithm algorithm,
                              const Seen& seen);

}  // namespace karapace::exchange
