// SPDX-License-Identifier: Apache-2.0
#include "remote/oci/image_repository.hpp"

#include <algorithm>
#include <cerrno>
#include <random>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/words.hpp"
#include "remote/oci/image_config.hpp"

namespace karapace::oci {

namespace {

constexpr int deepest_index = 4;
constexpr std::size_t buffer_size = std::size_t{256} << 10;

/// "PATH.part" of a download, and the hash of what it has.
class PartFile {
 public:
  explicit PartFile(const std::filesystem::path& path, const Descriptor& blob)
      : path_(path.native() + ".part"), blob_(blob), fd_(open_at(AT_FDCWD, path_, O_RDWR | O_CREAT, 0644)) {
    hash_what_is_there();
    if (size_ > blob.size) restart();
  }

  std::uint64_t size() const noexcept { return size_; }
  const std::filesystem::path& path() const noexcept { return path_; }

  void append(std::string_view bytes) {
    write_all(fd_.get(), bytes, path_.native());
    hasher_.update(bytes);
    size_ += bytes.size();
  }

  void restart() {
    if (::ftruncate(fd_.get(), 0) != 0 || ::lseek(fd_.get(), 0, SEEK_SET) != 0) {
      throw StoreError(errno_message(fmt::format("cannot truncate \"{}\"", path_.string()), errno));
    }
    hasher_ = ContentHasher(blob_.digest.algorithm());
    size_ = 0;
  }

  bool is_right() { return size_ == blob_.size && hasher_.finish() == blob_.digest; }

 private:
  void hash_what_is_there() {
    hasher_ = ContentHasher(blob_.digest.algorithm());
    std::vector<char> buffer(buffer_size);
    while (size_ <= blob_.size) {
      auto got = ::read(fd_.get(), buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw StoreError(errno_message(fmt::format("cannot read \"{}\"", path_.string()), errno));
      if (got == 0) return;
      hasher_.update({buffer.data(), static_cast<std::size_t>(got)});
      size_ += static_cast<std::uint64_t>(got);
    }
  }

  std::filesystem::path path_;
  const Descriptor& blob_;
  Fd fd_;
  ContentHasher hasher_;
  std::uint64_t size_ = 0;
};

/// As the image of one: what it has for others.
[[noreturn]] void refuse_platform(std::string_view what, const ImageIndex& index, const Platform& platform) {
  std::set<std::string> offered;
  for (const auto& manifest : index.manifests)
    if (manifest.platform) offered.insert(printable_word(text(*manifest.platform)));
  throw RemoteError(
      fmt::format("{} has no image for {}; it has {}", what, text(platform),
                  offered.empty() ? "none that says for what it is" : fmt::format("{}", fmt::join(offered, ", "))));
}

}  // namespace

Manifest require_manifest(ImageRepository& repository, const ManifestName& name) {
  auto manifest = repository.manifest(name);
  if (manifest) return std::move(*manifest);
  throw RemoteError(
      fmt::format("{} has no manifest \"{}\"; look whether the name is right, and whether reading it needs a login",
                  repository.name(), text(name)));
}

std::string read_small_blob(ImageRepository& repository, const Descriptor& blob, std::size_t limit) {
  if (blob.size > limit) {
    throw RemoteError(fmt::format("{} of {} has {}, and at most {} are read of its kind ({})", blob.digest.text(),
                                  repository.name(), size_text(blob.size), size_text(limit), blob.media_type));
  }
  std::string bytes;
  repository.read_blob(blob, [&](std::string_view more) { bytes += more; });
  return bytes;
}

void download_blob(ImageRepository& repository, const Descriptor& blob, const std::filesystem::path& path,
                   const std::function<void(std::uint64_t)>& seen) {
  PartFile part(path, blob);
  const bool is_continued = part.size() > 0;
  const auto take = [&](std::string_view bytes) {
    part.append(bytes);
    if (seen) seen(part.size());
  };
  repository.read_blob(blob, take, part.size());
  if (is_continued && !part.is_right()) {
    part.restart();
    repository.read_blob(blob, take);
  }
  if (::rename(part.path().c_str(), path.c_str()) != 0) {
    throw StoreError(errno_message(fmt::format("cannot write \"{}\"", path.string()), errno));
  }
}

FoundImage find_image(ImageRepository& repository, const ManifestName& name, const Platform& platform) {
  auto what = fmt::format("{} of {}", text(name), repository.name());
  auto manifest = require_manifest(repository, name);
  for (int depth = 0; depth < deepest_index; ++depth) {
    auto content = parse(manifest, what);
    if (auto* image = std::get_if<ImageManifest>(&content)) return {std::move(manifest), std::move(*image)};
    const auto& index = std::get<ImageIndex>(content);
    auto chosen = choose(index, platform);
    if (!chosen) refuse_platform(what, index, platform);
    manifest = require_manifest(repository, chosen->digest);
    if (manifest.bytes.size() != chosen->size || manifest.media_type != chosen->media_type) {
      throw RemoteError(
          fmt::format("{} is not of the size and type that the index {} says", chosen->digest.text(), what));
    }
  }
  throw RemoteError(fmt::format("{} is an index of indexes, deeper than {}", what, deepest_index));
}

namespace {

constexpr int index_rewrites_at_most = 20;

/// An image by itself, as an index lists it.
Descriptor listed(ImageRepository& repository, const Manifest& manifest, std::string_view what) {
  const auto image = parse_image(manifest, what);
  const bool is_image =
      image.config.media_type == media_type::config || image.config.media_type == media_type::docker_config;
  if (!is_image || !image.artifact_type.empty())
    throw RemoteError(fmt::format("{} is no image: give the index another tag", what));
  auto descriptor = manifest.descriptor();
  descriptor.platform = parse_config(read_small_blob(repository, image.config, longest_config), what).platform;
  return descriptor;
}

ImageIndex with_image(ImageIndex index, const Descriptor& image) {
  const auto is_for_it = [&](const Descriptor& each) { return each.platform == image.platform; };
  const auto place = std::ranges::find_if(index.manifests, is_for_it);
  if (place == index.manifests.end()) {
    index.manifests.push_back(image);
    return index;
  }
  *place = image;
  index.manifests.erase(std::remove_if(place + 1, index.manifests.end(), is_for_it), index.manifests.end());
  return index;
}

/// So that two who wait for each other do not go on doing so in step.
std::chrono::milliseconds somewhat_longer(std::chrono::milliseconds pause) {
  std::random_device random;
  return pause + std::chrono::milliseconds(
                     std::uniform_int_distribution<std::chrono::milliseconds::rep>(0, pause.count())(random));
}

}  // namespace

std::optional<ImageIndex> index_at(ImageRepository& repository, const Tag& tag) {
  const auto manifest = repository.manifest(tag);
  if (!manifest) return std::nullopt;
  const auto what = fmt::format("{} of {}", tag.text(), repository.name());
  if (is_index_type(manifest->media_type)) return parse_index(*manifest, what);
  ImageIndex index;
  index.manifests.push_back(listed(repository, *manifest, what));
  return index;
}

Manifest add_to_index(ImageRepository& repository, const Tag& tag, const Descriptor& image,
                      std::chrono::milliseconds pause) {
  for (int rewrites = 0; rewrites < index_rewrites_at_most; ++rewrites) {
    auto index = with_image(index_at(repository, tag).value_or(ImageIndex{}), image);
    index.media_type = media_type::index;  // of docker's, too: it lists manifests of OCI's now
    auto manifest = write(index);
    const auto there = repository.find_manifest(tag);
    if (there && there->digest == manifest.digest) return manifest;
    repository.add_manifest(manifest, tag);
    std::this_thread::sleep_for(somewhat_longer(pause));
  }
  throw RemoteError(fmt::format("{} of {}: others write it all the time; try again", tag.text(), repository.name()));
}

}  // namespace karapace::oci
