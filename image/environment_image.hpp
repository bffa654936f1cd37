// SPDX-License-Identifier: Apache-2.0
// EnvironmentImage: an environment as any engine runs it: layers that are blobs in the store, a configuration and a
// manifest (OCI image specification 1.1).
//
// The same environment, packed in the same way, has the same bytes on every machine: `created` is the date of what was
// locked, and there is nothing of the machine, the user or the day in it.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "generator/graph/pack_plan.hpp"
#include "generator/lock/lock.hpp"
#include "remote/oci/descriptor.hpp"
#include "remote/oci/image_manifest.hpp"
#include "store/environment.hpp"
#include "store/identifiers.hpp"
#include "store/store.hpp"

namespace karapace::image {

/// The layer's id, at the descriptor of a layer that is one of Karapace's.
inline constexpr std::string_view layer_annotation = "org.karapace.layer";
/// The environment's id, at the manifest.
inline constexpr std::string_view environment_annotation = "org.karapace.environment";

struct ImageLayer {
  StepKey step;                 // that made the blob
  std::vector<LayerId> layers;  // that it holds, bottom first
  std::string created_by;       // "install"
  BlobOutput blob;              // with its diff id
  std::string_view media_type;
  std::filesystem::path file = {};  // that has the blob; empty: it is in the store
};

/// What an image has on top of an environment: it is then no longer an image of that environment alone.
struct ImageAddition {
  ImageLayer layer;
  std::string program;  // absolute: what the image runs, and finds by PATH
};

struct EnvironmentImage {
  std::vector<ImageLayer> layers;  // bottom first
  std::string config;              // its bytes
  oci::Manifest manifest;
};

/// Pure.
EnvironmentImage make_image(const EnvironmentId& id, const lock::Lock& lock, std::vector<ImageLayer> layers,
                            const std::optional<ImageAddition>& addition = std::nullopt);
/// What the manifest says of a layer's blob.
oci::Descriptor descriptor_of(const ImageLayer& layer);

/// Of an environment whose layers are packed already. StepError telling what to do when a pack is not there.
EnvironmentImage image_of(const store::Store& store, const store::Environment& environment,
                          const graph::PackOptions& options,
                          const std::optional<ImageAddition>& addition = std::nullopt);

/// What an image of it is for, in the words of images: "linux/amd64".
oci::Platform platform_of(const lock::Lock& lock);

/// When the newest of what is locked was published, "2026-07-11T10:16:37Z"; 1970 when the lock does not tell.
std::string created_of(const lock::Lock& lock);

}  // namespace karapace::image
