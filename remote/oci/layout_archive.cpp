// SPDX-License-Identifier: Apache-2.0
// A layout in a tar archive: one that is read, and a new one.
#include <map>
#include <mutex>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "remote/oci/layout_files.hpp"
#include "remote/oci/tar_archive.hpp"

namespace karapace::oci {

namespace {

constexpr const char* index_name = "index.json";

std::optional<std::string> small_file(const TarReader& tar, const std::string& file) {
  auto size = tar.size(file);
  if (!size) return std::nullopt;
  if (*size > longest_layout_index)
    throw RemoteError(fmt::format("\"{}\" of \"{}\" is too long", file, tar.path().string()));
  std::string bytes;
  tar.read(file, 0, [&](std::string_view more) { bytes += more; });
  return bytes;
}

class LayoutArchive final : public LayoutFiles {
 public:
  explicit LayoutArchive(const std::filesystem::path& path) : tar_(path) {
    auto marker = small_file(tar_, std::string(layout_marker_name));
    if (!marker && tar_.size("manifest.json")) {
      throw RemoteError(
          fmt::format("{0} is what docker save writes: call it docker-archive:{1}", name(), path.string()));
    }
    require_marker(marker, name());
  }

  std::string name() const override { return "oci-archive:" + tar_.path().string(); }
  std::optional<std::string> index() override { return small_file(tar_, index_name); }
  std::optional<std::uint64_t> blob_size(const ContentDigest& digest) override { return tar_.size(blob_path(digest)); }
  void read_blob(const Descriptor& blob, const TakeBytes& take, std::uint64_t from) override {
    read_verified(blob, from, take, name(),
                  [&](const TakeBytes& pass) { tar_.read(blob_path(blob.digest), from, pass); });
  }

 private:
  TarReader tar_;
};

/// Blobs go to the file as they come; of manifests, which are small, a copy is kept, because lists of referrers are
/// looked at again while they are made.
class NewLayoutArchive final : public LayoutFiles {
 public:
  explicit NewLayoutArchive(const std::filesystem::path& path) : path_(path), tar_(path) {
    add_text(std::string(layout_marker_name), std::string(layout_marker));
  }

  std::string name() const override { return "oci-archive:" + path_.string(); }

  std::optional<std::string> index() override {
    const std::lock_guard lock(mutex_);
    return index_;
  }

  std::optional<std::uint64_t> blob_size(const ContentDigest& digest) override {
    const std::lock_guard lock(mutex_);
    auto found = sizes_.find(digest);
    if (found == sizes_.end()) return std::nullopt;
    return found->second;
  }

  void read_blob(const Descriptor& blob, const TakeBytes& take, std::uint64_t from) override {
    std::string bytes;
    {
      const std::lock_guard lock(mutex_);
      auto found = manifests_.find(blob.digest);
      if (found == manifests_.end()) throw RemoteError(fmt::format("{} is being written and can not be read", name()));
      bytes = found->second;
    }
    take(std::string_view(bytes).substr(std::min<std::uint64_t>(from, bytes.size())));
  }

  void add_blob(const ContentDigest& digest, const BlobSource& source, Content content) override {
    const std::lock_guard lock(mutex_);
    if (sizes_.contains(digest)) return;
    std::string kept;
    ContentHasher hasher(digest.algorithm());
    tar_.add(blob_path(digest), source, [&](std::string_view bytes) {
      hasher.update(bytes);
      if (content == Content::manifest) kept += bytes;
    });
    // A file with wrong bytes can not be taken out again: the archive is not finished then.
    is_broken_ = true;
    require_digest(digest, hasher.finish(), name());
    is_broken_ = false;
    sizes_.emplace(digest, source.size());
    if (content == Content::manifest) manifests_.emplace(digest, std::move(kept));
  }

  void change_index(const ChangeIndex& change) override {
    const std::lock_guard lock(mutex_);
    index_ = change(index_);
  }

  void finish() override {
    const std::lock_guard lock(mutex_);
    if (is_broken_) throw RemoteError(fmt::format("{} has a blob with wrong bytes and is not finished", name()));
    if (!index_) throw RemoteError(fmt::format("{} would have no image", name()));
    add_text(index_name, *index_);
    tar_.finish();
  }

 private:
  void add_text(const std::string& file, std::string bytes) {
    tar_.add(file, BlobSource::of_bytes(std::move(bytes)), [](std::string_view) {});
  }

  std::filesystem::path path_;
  TarWriter tar_;
  std::mutex mutex_;
  bool is_broken_ = false;
  std::optional<std::string> index_;
  std::map<ContentDigest, std::uint64_t> sizes_;
  std::map<ContentDigest, std::string> manifests_;
};

}  // namespace

std::unique_ptr<LayoutFiles> layout_archive(const std::filesystem::path& path) {
  return std::make_unique<LayoutArchive>(path);
}

std::unique_ptr<LayoutFiles> new_layout_archive(const std::filesystem::path& path) {
  return std::make_unique<NewLayoutArchive>(path);
}

}  // namespace karapace::oci
