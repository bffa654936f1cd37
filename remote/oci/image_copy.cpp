// SPDX-License-Identifier: Apache-2.0
#include "remote/oci/image_copy.hpp"

#include <map>
#include <mutex>

#include <fmt/format.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/parallel.hpp"

namespace karapace::oci {

namespace {

constexpr int deepest_index = 4;

/// What a manifest consists of, found before anything is moved.
class Plan {
 public:
  Plan(ImageRepository& from, const Manifest& top) : from_(from) { visit(top, 0); }
  /// Each blob once.
  std::vector<Descriptor> blobs() const {
    std::vector<Descriptor> blobs;
    for (const auto& [digest, blob] : blobs_) blobs.push_back(blob);
    return blobs;
  }
  /// Children first; the last one is the top.
  const std::vector<Manifest>& manifests() const noexcept { return manifests_; }

 private:
  void visit(const Manifest& manifest, int depth) {
    auto what = fmt::format("{} of {}", manifest.digest.text(), from_.name());
    if (depth == deepest_index) throw RemoteError(fmt::format("{} is in indexes deeper than {}", what, deepest_index));
    auto content = parse(manifest, what);
    if (const auto* image = std::get_if<ImageManifest>(&content)) {
      add(image->config);
      for (const auto& layer : image->layers) add(layer);
    } else {
      for (const auto& child : std::get<ImageIndex>(content).manifests) {
        visit(require_manifest(from_, child.digest), depth + 1);
      }
    }
    manifests_.push_back(manifest);
  }

  void add(const Descriptor& blob) { blobs_.emplace(blob.digest, blob); }

  ImageRepository& from_;
  std::map<ContentDigest, Descriptor> blobs_;
  std::vector<Manifest> manifests_;
};

}  // namespace

Copied copy_image(ImageRepository& from, const ManifestName& name, ImageRepository& to, const std::optional<Tag>& tag,
                  const CopyOptions& options) {
  Copied copied{.manifest = require_manifest(from, name)};
  const Plan plan(from, copied.manifest);
  const auto blobs = plan.blobs();
  const TemporaryDirectory temporary("blobs", options.temporary);
  std::mutex mutex;
  for_each_index(blobs.size(), options.threads, [&](std::size_t i) {
    const auto& blob = blobs[i];
    if (to.has_blob(blob)) return;
    auto source = from.local_blob(blob);
    auto path = temporary.path() / std::to_string(i);
    if (!source) {
      download_blob(from, blob, path);
      source = BlobSource::of_file(path);
      std::filesystem::remove(path);
    }
    auto added = to.add_blob({.descriptor = blob, .source = *source, .mount_from = options.mount_from});
    if (added != Added::stored) return;
    const std::lock_guard lock(mutex);
    ++copied.blobs;
    copied.bytes += blob.size;
  });
  for (const auto& manifest : plan.manifests()) {
    const bool is_top = manifest.digest == copied.manifest.digest;
    to.add_manifest(manifest, is_top ? tag : std::nullopt);
  }
  return copied;
}

}  // namespace karapace::oci
