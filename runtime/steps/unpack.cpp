// SPDX-License-Identifier: Apache-2.0
// unpack: one blob into one layer.
//
// A root file system archive becomes the layer's tree as it is, a package `data/` and `meta/` (unpacked_package.hpp), a
// layer of an image what it changes of the layers below it (trees/image_layer.hpp).
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/error.hpp"
#include "runtime/steps/archive_layer.hpp"
#include "runtime/steps/package_family.hpp"
#include "runtime/steps/step_context.hpp"
#include "runtime/steps/unpacked_package.hpp"
#include "runtime/steps/usable_root.hpp"
#include "runtime/trees/archive_reader.hpp"
#include "runtime/trees/image_layer.hpp"
#include "runtime/trees/layer_stack.hpp"
#include "runtime/trees/tree_writer.hpp"

namespace karapace::steps {

namespace {

store::Listing read_package(const PackageFamily& family, const Step& step, const ArchiveTarget& target) {
  const PackageIdentity locked{std::string(step.required("package")), std::string(step.required("version")),
                               std::string(step.required("architecture"))};
  trees::TreeWriter writer(target.tree, {.devices = trees::DeviceNodes::refuse, .byte_limit = target.byte_limit});
  const auto meta = family.unpack({writer, target.tree, target.blob.source(), target.label});
  if (static_cast<const PackageIdentity&>(meta) != locked)
    throw StepError(fmt::format(
        "{}: refused: the lock says that it is {}, and its control file says {}: the repository's index and "
        "its package do not agree; tell who keeps it, or lock another version",
        target.label, locked.text(), meta.text()));
  writer.add_file("meta/package.json", meta.json(), writer.find("meta")->mtime);
  return writer.finish();
}

store::Listing read_root(const ArchiveTarget& target) {
  trees::TreeWriter writer(target.tree,
                           {.devices = trees::DeviceNodes::leave_out_below_dev, .byte_limit = target.byte_limit});
  trees::ArchiveReader archive(trees::ArchiveFormat::tar, target.blob.source(), target.label);
  writer.extract(archive, "", [](const store::Entry&, const trees::OwnersByName&) {});
  auto listing = writer.finish();
  require_usable_root(listing, target.label);
  return listing;
}

/// The layers that the inputs after the archive's made, bottom first.
std::vector<LayerId> layers_below(const StepContext& context) {
  std::vector<LayerId> layers;
  for (std::size_t i = 1; i < context.step.inputs.size(); ++i)
    layers.push_back(context.store.input_record(context.step.inputs[i]).layer().layer);
  return layers;
}

Sha256 diff_id_of(const Step& step) {
  const auto text = step.required("diff-id");
  if (const auto id = Sha256::from_hex(text)) return *id;
  throw StepError(fmt::format("unpack: the parameter diff-id=\"{}\" is no digest", text));
}

store::Listing read_image_layer(const StepContext& context, const ArchiveTarget& target) {
  std::optional<trees::LayerStack> lower;
  const auto below = [&]() -> const trees::LayerStack& {
    if (!lower) lower.emplace(context.store, layers_below(context));
    return *lower;
  };
  auto layer = trees::unpack_image_layer({.directory = target.tree,
                                          .blob = target.blob.source(),
                                          .label = target.label,
                                          .byte_limit = target.byte_limit,
                                          .lower = below});
  const auto expected = diff_id_of(context.step);
  if (layer.diff_id != expected)
    throw StepError(fmt::format(
        "{}: refused: the image's configuration says that this layer has the diff id sha256:{}, and it has sha256:{}: "
        "its layers are not in their order, or the image is damaged; tell who made it",
        target.label, expected.short_hex(), layer.diff_id.short_hex()));
  require_usable_root(layer.listing, target.label);
  return std::move(layer.listing);
}

}  // namespace

StepOutput unpack(const StepContext& context) {
  const auto format = context.step.required("format");
  if (format == "oci-layer")
    return layer_of_archive(context, [&](const ArchiveTarget& target) { return read_image_layer(context, target); });
  if (context.step.inputs.size() != 1) throw StepError("unpack: exactly one input is expected");
  if (format == "tar") return layer_of_archive(context, read_root);
  const auto& family = package_family(format);
  return layer_of_archive(context,
                          [&](const ArchiveTarget& target) { return read_package(family, context.step, target); });
}

}  // namespace karapace::steps
