// SPDX-License-Identifier: Apache-2.0
// LayoutFiles: the files of an OCI image layout (image spec 1.1, image-layout.md), wherever they lie: "index.json", and
// blobs by their digest. What they mean is Layout's affair. Each kind has a file of its own.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "remote/oci/blob_source.hpp"
#include "remote/oci/content_digest.hpp"
#include "remote/oci/descriptor.hpp"
#include "remote/oci/http_client.hpp"
#include "remote/oci/registry_connection.hpp"

namespace karapace::oci {

class LayoutFiles {
 public:
  virtual ~LayoutFiles() = default;
  /// "oci-layout:images": for messages.
  virtual std::string name() const = 0;

  /// index.json; nothing in a layout that is to be made.
  virtual std::optional<std::string> index() = 0;
  virtual std::optional<std::uint64_t> blob_size(const ContentDigest& digest) = 0;
  /// As ImageRepository::read_blob: verified.
  virtual void read_blob(const Descriptor& blob, const TakeBytes& take, std::uint64_t from) = 0;
  /// As ImageRepository::local_blob.
  virtual std::optional<BlobSource> local_blob(const ContentDigest& /*digest*/) { return std::nullopt; }

  // Those that can not be written refuse the following with RemoteError.

  enum class Content { blob, manifest };
  /// Appears whole, with that digest, or not at all: RemoteError when the source has other bytes.
  virtual void add_blob(const ContentDigest& digest, const BlobSource& source, Content content);
  virtual bool remove_blob(const ContentDigest& digest);
  /// Somebody counts on a blob that was there: see `sweep`. False when it is there no more.
  virtual bool note_use(const ContentDigest& /*digest*/) { return true; }
  /// Removes all other blobs than those that `find_kept` finds, and what killed writers left, but for what was added,
  /// or counted on, within this time; nobody changes index.json meanwhile. Returns the bytes that were freed.
  using FindKept = std::function<std::set<ContentDigest>()>;
  virtual std::uint64_t sweep(const FindKept& find_kept, std::chrono::seconds idle);
  /// Replaces index.json by what `change` makes of it; nobody else changes it meanwhile.
  using ChangeIndex = std::function<std::string(const std::optional<std::string>& index)>;
  virtual void change_index(const ChangeIndex& change);
  virtual void finish() {}
};

enum class Access { read, write };

/// A directory. With Access::write it is made when it is missing; several processes may write at once.
std::unique_ptr<LayoutFiles> layout_directory(const std::filesystem::path& path, Access access);
/// A tar archive of a layout, read where it lies.
std::unique_ptr<LayoutFiles> layout_archive(const std::filesystem::path& path);
/// A new one, which replaces `path` when it is finished. Files are in it in the order in which they were added.
std::unique_ptr<LayoutFiles> new_layout_archive(const std::filesystem::path& path);
/// A directory that a web server serves. index.json is read once.
std::unique_ptr<LayoutFiles> layout_on_web(const std::string& url, RegistryOptions options);
/// What `docker save` writes, as if it were a layout: its images get manifests of OCI's.
std::unique_ptr<LayoutFiles> docker_archive(const std::filesystem::path& path);

// For those who implement it.

/// "blobs/sha256/4bf5…"
std::string blob_path(const ContentDigest& digest);
/// Has `read` give the bytes from `from` on and passes them to `take`; RemoteError naming `where` when they are not the
/// descriptor's.
void read_verified(const Descriptor& blob, std::uint64_t from, const TakeBytes& take, std::string_view where,
                   const std::function<void(const TakeBytes&)>& read);
/// Throws unless `actual` is the digest that was to be added.
void require_digest(const ContentDigest& wanted, const ContentDigest& actual, std::string_view where);
/// The bytes of the file that says that a directory is a layout, and what it is called.
inline constexpr std::string_view layout_marker_name = "oci-layout";
inline constexpr std::string_view layout_marker = R"({"imageLayoutVersion":"1.0.0"})";
/// RemoteError when there is none, or it is of a version that is not understood.
void require_marker(const std::optional<std::string>& marker, std::string_view where);

/// No index.json is longer.
inline constexpr std::size_t longest_layout_index = std::size_t{64} << 20;

}  // namespace karapace::oci
