// SPDX-License-Identifier: Apache-2.0
// ImageRepository: where the manifests and blobs of images are, be it in a registry, a directory, an archive or on a
// web server: the same operations, so that whoever pushes, pulls or caches need not know which.
//
// What is read is verified: whatever comes back has the digest and the size that were asked for. What is written is the
// caller's to order: blobs first, then manifests, children before their index. Several threads may use one at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "remote/oci/blob_source.hpp"
#include "remote/oci/http_client.hpp"
#include "remote/oci/image_manifest.hpp"
#include "remote/oci/image_reference.hpp"

namespace karapace::oci {

/// What became of a blob that was to be there.
enum class Added { stored, was_there, mounted };

struct NewBlob {
  Descriptor descriptor;
  BlobSource source;
  /// Repositories of the same registry that may have it: it is asked to take it from there.
  std::vector<std::string> mount_from = {};
};

/// Errors are RemoteError with the operation, the place and a way out; StoreError where this machine's disk is at
/// fault.
class ImageRepository {
 public:
  virtual ~ImageRepository() = default;
  /// "registry.example/team/dev", "oci-layout:images": for messages.
  virtual std::string name() const = 0;

  /// Nothing when there is none of that name.
  virtual std::optional<Manifest> manifest(const ManifestName& name) = 0;
  /// The same, without its bytes where they need not be moved.
  virtual std::optional<Descriptor> find_manifest(const ManifestName& name) = 0;
  virtual bool has_blob(const Descriptor& blob) = 0;
  /// Gives the bytes from `from` on as they come, all of them or an exception. The digest is verified at the end, and
  /// only when `from` is 0: until this returns nothing may be believed.
  virtual void read_blob(const Descriptor& blob, const TakeBytes& take, std::uint64_t from = 0) = 0;
  /// Whether nobody but who writes to it looks after what is in it, as a registry does.
  virtual bool is_unattended() const { return false; }
  /// The blob where it lies, when that is a file of its own on this machine; it is not verified.
  virtual std::optional<BlobSource> local_blob(const Descriptor& /*blob*/) { return std::nullopt; }

  /// The source's bytes must have the descriptor's size and digest; they are not hashed before they are sent.
  virtual Added add_blob(const NewBlob& blob) = 0;
  /// By its digest, and by the tag when there is one. Where it has a subject, it is listed among its referrers.
  virtual void add_manifest(const Manifest& manifest, const std::optional<Tag>& tag = std::nullopt) = 0;

  /// What is meant when no name is said: "latest" of a registry, else the only image, or the one called "latest".
  /// RemoteError when it is not clear.
  virtual ManifestName usual_name() = 0;
  /// Sorted, each once.
  virtual std::vector<Tag> tags() = 0;
  /// Manifests with this subject; of an artifact's type when that is not empty.
  virtual std::vector<Descriptor> referrers(const ContentDigest& subject, std::string_view artifact_type = {}) = 0;

  /// False when there is none. Its blobs stay.
  virtual bool remove_manifest(const ManifestName& name) = 0;
  virtual bool remove_blob(const ContentDigest& digest) = 0;
  /// Removes the blobs to which nothing that is listed leads, but for those that were added, or found to be there by
  /// `add_blob`, within this time: whoever is writing now may yet name them. Returns the bytes that were freed.
  /// Registries look after that themselves: 0.
  virtual std::uint64_t sweep(std::chrono::seconds /*idle*/) { return 0; }
  /// Whatever was added is there for others to see; an archive is written to its end. Nothing may be added afterwards.
  virtual void finish() {}
};

/// `manifest`, but RemoteError when there is none.
Manifest require_manifest(ImageRepository& repository, const ManifestName& name);
/// A small blob's bytes, as a configuration: RemoteError when its descriptor says that it is longer than `limit`.
std::string read_small_blob(ImageRepository& repository, const Descriptor& blob, std::size_t limit);
/// A blob's bytes as the file `path`, which appears whole and verified or not at all. What an earlier try left in
/// "PATH.part" is gone on with; when the result is wrong, it is read once more from its beginning. `seen` is told how
/// much of it is there.
void download_blob(ImageRepository& repository, const Descriptor& blob, const std::filesystem::path& path,
                   const std::function<void(std::uint64_t)>& seen = {});
/// The image that a manifest is, or that it has for a platform where it is an index; indexes in indexes, too.
struct FoundImage {
  Manifest manifest;
  ImageManifest image;
};
FoundImage find_image(ImageRepository& repository, const ManifestName& name, const Platform& platform);

/// Lists an image, whose manifest is there and whose descriptor has its platform, in the index of a tag, in the place
/// of the one that was there for that platform; the others stay. Makes the index, also of an image that has the tag
/// until now. Two who write the tag at once can not see each other (the distribution spec has no condition for a PUT);
/// so it is read again `pause` and a bit later, and merged and written again until nothing is missing. Returns it.
/// RemoteError when the tag is of something else.
Manifest add_to_index(ImageRepository& repository, const Tag& tag, const Descriptor& image,
                      std::chrono::milliseconds pause = std::chrono::milliseconds(700));
/// What a tag lists; an image that has it is the only one. Nothing when there is no such tag.
std::optional<ImageIndex> index_at(ImageRepository& repository, const Tag& tag);

}  // namespace karapace::oci
