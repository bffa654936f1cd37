// SPDX-License-Identifier: Apache-2.0
// A layer that is made of the one archive that a step has as its input, which is only believed once all of it had the
// right digest.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "base/digest.hpp"
#include "base/fd.hpp"
#include "runtime/steps/step_context.hpp"
#include "runtime/trees/decompressor.hpp"
#include "runtime/trees/tree_writer.hpp"
#include "store/identifiers.hpp"
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

 private:
  std::size_t read(std::span<char> buffer);

  BlobId id_;
  Fd fd_;
  Blake3 hasher_;
};

/// Where the archive is read to.
struct ArchiveTarget {
  trees::TreeWriter& writer;
  int tree;                  // the writer's directory
  const std::string& label;  // for messages
};
using ReadArchive = std::function<void(VerifiedBlob& blob, const ArchiveTarget& target)>;

/// What `read` writes, as the step's layer; at most KARAPACE_UNPACK_LIMIT bytes, else 8 GiB. `read` throws StepError
/// when the archive is not fit for it.
LayerOutput layer_of_archive(const StepContext& context, trees::TreeWriterOptions options, const ReadArchive& read);

}  // namespace karapace::steps
