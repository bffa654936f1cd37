// SPDX-License-Identifier: Apache-2.0
// A layer that is made of the archive that a step has as its first input, which is only believed once all of it had the
// right digest.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "base/digest.hpp"
#include "base/fd.hpp"
#include "runtime/steps/step_context.hpp"
#include "runtime/trees/decompressor.hpp"
#include "store/identifiers.hpp"
#include "store/listing.hpp"
#include "store/store.hpp"

namespace karapace::steps {

/// The archive's bytes, hashed while they are read.
class VerifiedBlob {
 public:
  /// StoreError when the blob is missing.
  VerifiedBlob(const store::Store& store, const BlobId& id);
  /// Must not outlive the blob.
  trees::ByteSource source();
  /// Reads what is left. StoreError when the blob is damaged.
  void verify_rest();
  /// For what is not read from its beginning to its end: the file, verified as a whole. StoreError when it is damaged.
  int verified_file();
  /// The same, not verified.
  int file() const noexcept { return fd_.get(); }

 private:
  std::size_t read(std::span<char> buffer);

  BlobId id_;
  Fd fd_;
  Blake3 hasher_;
};

/// How many bytes of files an archive may bring: KARAPACE_UNPACK_LIMIT, else 8 GiB. StepError when that is no number.
std::uint64_t unpack_limit();

/// An archive, and where it is read to.
struct ArchiveTarget {
  VerifiedBlob& blob;
  int tree;                  // an empty directory
  const std::string& label;  // for messages
  std::uint64_t byte_limit;
};
using ReadArchive = std::function<store::Listing(const ArchiveTarget& target)>;

/// What `read` writes, and lists, as the step's layer. The archive is that of the first input. `read` throws StepError
/// when it is not fit for a layer.
LayerOutput layer_of_archive(const StepContext& context, const ReadArchive& read);

}  // namespace karapace::steps
