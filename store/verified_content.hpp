// SPDX-License-Identifier: Apache-2.0
// Verified contents: what a step reads of the store goes into something new only with the digest that it must have.
//
// Files on disk can change after they were stored: a failing disk, a person with an editor. Whoever makes something of
// them hashes them while reading, because what was made of damaged bytes would have a name of its own, and verify
// clean.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "store/listing.hpp"
#include "store/store.hpp"

namespace karapace::store {

/// An open file, and what messages call it.
struct CalledFile {
  int fd;
  std::string_view name;
};
/// Copies what can be read from `from`, of a blob or a layer's file, to `to`, hashing it. StoreError naming the one
/// that can not be read, or has another digest, or the one that can not be written; what was written then is of no use.
void copy_verified(const CalledFile& from, const CalledFile& to, const Digest& digest);
/// The blob's bytes in a new file of mode 0444.
void copy_blob(const Store& store, const BlobId& id, const std::filesystem::path& to);

/// The text that was read of `what`, when it has the digest; else StoreError.
std::string verified(std::string text, const Digest& digest, std::string_view what);

/// StoreError unless `text`, which was read from `fd` somewhere below the layer's `tree`, is what its listing says.
void require_listed(int fd, std::string_view text, const std::filesystem::path& tree, const Listing& listing);

/// StoreError unless the file or link at `path` is what the entry of a layer's listing says: type, size, content, mode
/// and time of files, targets of links. Owners and attributes are for verify-store.
void require_intact(const std::filesystem::path& path, const Entry& entry);

/// StoreError: `what` is damaged, and how it is made again.
[[noreturn]] void throw_damaged(std::string_view what);

}  // namespace karapace::store
