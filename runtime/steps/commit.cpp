// SPDX-License-Identifier: Apache-2.0
// commit: an archive of what somebody changed in an environment, into a layer of its own.
//
// The archive lies beside a manifest, so it may be anybody's. It says all that the layer is: what lies below is no
// input, and the same archive is the same layer on top of anything.
#include <fmt/format.h>

#include "base/error.hpp"
#include "runtime/steps/archive_layer.hpp"
#include "runtime/steps/step_context.hpp"
#include "runtime/steps/usable_root.hpp"
#include "runtime/trees/archive_reader.hpp"
#include "runtime/trees/tree_writer.hpp"

namespace karapace::steps {

namespace {

store::Listing read_changes(const ArchiveTarget& target) {
  trees::TreeWriter writer(target.tree, {.archive_of = trees::ArchiveOf::changes, .byte_limit = target.byte_limit});
  trees::ArchiveReader archive(trees::ArchiveFormat::tar, target.blob.source(), target.label);
  bool has_root = false;
  writer.extract(archive, "", [&](const store::Entry& entry, const trees::OwnersByName&) {
    has_root = has_root || entry.path.empty();
  });
  // Else the owner and the mode of "/" would be ours, on top of everybody's.
  if (!has_root)
    throw StepError(
        fmt::format("{}: refused: it does not say what the root directory is like: an archive of changes "
                    "has the entry \"./\", as `karapace commit --to-manifest` writes it",
                    target.label));
  auto listing = writer.finish();
  require_usable_root(listing, target.label);
  return listing;
}

}  // namespace

StepOutput commit(const StepContext& context) {
  if (context.step.inputs.size() != 1) throw StepError("commit: exactly one input is expected");
  return layer_of_archive(context, read_changes);
}

}  // namespace karapace::steps
