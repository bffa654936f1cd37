// SPDX-License-Identifier: Apache-2.0
// unpack: one blob into one layer.
//
// A root file system archive becomes the layer's tree as it is, a package `data/` and `meta/` (unpacked_package.hpp).
#include <string>

#include <fmt/format.h>

#include "base/error.hpp"
#include "runtime/steps/archive_layer.hpp"
#include "runtime/steps/package_family.hpp"
#include "runtime/steps/step_context.hpp"
#include "runtime/steps/unpacked_package.hpp"
#include "runtime/steps/usable_root.hpp"
#include "runtime/trees/archive_reader.hpp"
#include "runtime/trees/tree_writer.hpp"

namespace karapace::steps {

namespace {

void read_package(const PackageFamily& family, const Step& step, VerifiedBlob& blob, const ArchiveTarget& target) {
  const auto& [writer, tree, label] = target;
  const PackageIdentity locked{std::string(step.required("package")), std::string(step.required("version")),
                               std::string(step.required("architecture"))};
  const auto meta = family.unpack({writer, tree, blob.source(), label});
  if (static_cast<const PackageIdentity&>(meta) != locked)
    throw StepError(fmt::format(
        "{}: refused: the lock says that it is {}, and its control file says {}: the repository's index and "
        "its package do not agree; tell who keeps it, or lock another version",
        label, locked.text(), meta.text()));
  writer.add_file("meta/package.json", meta.json(), writer.find("meta")->mtime);
}

void read_root(VerifiedBlob& blob, const ArchiveTarget& target) {
  trees::ArchiveReader archive(trees::ArchiveFormat::tar, blob.source(), target.label);
  target.writer.extract(archive, "", [](const store::Entry&, const trees::OwnersByName&) {});
  require_usable_root(target.writer, target.label);
}

}  // namespace

StepOutput unpack(const StepContext& context) {
  const auto format = context.step.required("format");
  if (format == "tar")
    return layer_of_archive(context, {.devices = trees::DeviceNodes::leave_out_below_dev}, read_root);
  const auto& family = package_family(format);
  return layer_of_archive(
      context, {.devices = trees::DeviceNodes::refuse},
      [&](VerifiedBlob& blob, const ArchiveTarget& target) { read_package(family, context.step, blob, target); });
}

}  // namespace karapace::steps
