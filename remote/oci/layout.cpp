// SPDX-License-Identifier: Apache-2.0
#include "remote/oci/layout.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"
#include "remote/oci/fallback_tag.hpp"

namespace karapace::oci {

namespace {

std::string reference_of(const Descriptor& descriptor) {
  auto found = descriptor.annotations.find(std::string(reference_annotation));
  return found == descriptor.annotations.end() ? std::string() : found->second;
}

/// Some write a whole reference there, "docker.io/library/alpine:3".
std::optional<Tag> tag_of(const Descriptor& descriptor) {
  auto reference = reference_of(descriptor);
  auto slash = reference.rfind('/');
  auto colon = reference.find(':', slash == reference.npos ? 0 : slash);
  return Tag::parse(colon == reference.npos ? reference : reference.substr(colon + 1));
}

bool is_called(const Descriptor& descriptor, const ManifestName& name) {
  if (const auto* tag = std::get_if<Tag>(&name)) return tag_of(descriptor) == *tag;
  return descriptor.digest == std::get<ContentDigest>(name);
}

/// Where referrers are listed (fallback_tag.hpp): no image that anybody means.
bool is_fallback_tag(std::string_view reference) {
  constexpr std::string_view prefix = "sha256-";
  return reference.starts_with(prefix) && Sha256::from_hex(reference.substr(prefix.size()));
}

}  // namespace

ImageIndex Layout::parse(const std::optional<std::string>& text) const {
  if (!text) return {};
  auto what = fmt::format("index.json of {}", name());
  return parse_index(Manifest{.media_type = std::string(media_type::index), .bytes = *text}, what);
}

ImageIndex Layout::index() { return parse(files_->index()); }

std::optional<Descriptor> Layout::find_listed(const ManifestName& name) {
  const std::lock_guard guard(known_mutex_);
  auto text = files_->index();
  if (!known_ || known_->text != text) {
    auto manifests = parse(text).manifests;
    Known now{std::move(text), {}};
    for (auto& listed : manifests) {
      auto tag = tag_of(listed);
      now.listed.push_back({std::move(tag), std::move(listed)});
    }
    known_ = std::move(now);
  }
  std::optional<Descriptor> found;
  for (const auto& [tag, listed] : known_->listed) {
    const auto* wanted = std::get_if<Tag>(&name);
    if (wanted != nullptr ? tag != *wanted : listed.digest != std::get<ContentDigest>(name)) continue;
    if (found && found->digest != listed.digest) {
      throw RemoteError(fmt::format("{} has several images called \"{}\": {} and {}; say which by its digest",
                                    this->name(), oci::text(name), found->digest.text(), listed.digest.text()));
    }
    found = listed;
  }
  return found;
}

std::optional<Descriptor> Layout::find_manifest(const ManifestName& name) {
  if (auto listed = find_listed(name)) return listed;
  if (std::holds_alternative<Tag>(name)) return std::nullopt;
  auto found = manifest(name);
  return found ? std::optional(found->descriptor()) : std::nullopt;
}

/// By digest it need not be in index.json: children of an index are not.
std::optional<Manifest> Layout::manifest(const ManifestName& name) {
  auto listed = find_listed(name);
  if (!listed && std::holds_alternative<Tag>(name)) return std::nullopt;
  auto digest = listed ? listed->digest : std::get<ContentDigest>(name);
  auto size = files_->blob_size(digest);
  auto what = fmt::format("manifest {} of {}", text(name), this->name());
  if (!size && !listed) return std::nullopt;
  if (!size) throw RemoteError(fmt::format("{} is listed, and its blob {} is missing", what, digest.text()));
  if (*size > longest_manifest) {
    throw RemoteError(
        fmt::format("{} has {}, and no manifest more than {}", what, size_text(*size), size_text(longest_manifest)));
  }
  std::string bytes;
  files_->read_blob(
      {.media_type = {}, .digest = digest, .size = *size}, [&](std::string_view more) { bytes += more; }, 0);
  auto manifest = manifest_of(std::move(bytes), listed ? listed->media_type : std::string(), what);
  manifest.digest = digest;
  return manifest;
}

bool Layout::has_blob(const Descriptor& blob) { return files_->blob_size(blob.digest) == blob.size; }

void Layout::read_blob(const Descriptor& blob, const TakeBytes& take, std::uint64_t from) {
  if (blob.data) return take(std::string_view(*blob.data).substr(std::min<std::uint64_t>(from, blob.size)));
  files_->read_blob(blob, take, from);
}

Added Layout::add_blob(const NewBlob& blob) {
  if (blob.source.size() != blob.descriptor.size) {
    throw RemoteError(fmt::format("{}: there are {} bytes of {}, not {}", name(), blob.source.size(),
                                  blob.descriptor.digest.text(), blob.descriptor.size));
  }
  const auto& digest = blob.descriptor.digest;
  // First it is said that it counts, then it is looked at: what a cache loses between the two is stored again.
  if (has_blob(blob.descriptor) && files_->note_use(digest) && is_whole(blob.descriptor)) return Added::was_there;
  files_->add_blob(blob.descriptor.digest, blob.source, LayoutFiles::Content::blob);
  return Added::stored;
}

/// Nobody else finds damage in a layout, and whoever has the bytes can mend it.
bool Layout::is_whole(const Descriptor& blob) {
  const auto source = files_->local_blob(blob.digest);
  if (!source) return true;
  ContentHasher hasher(blob.digest.algorithm());
  std::vector<char> buffer(std::size_t{256} << 10);
  for (std::uint64_t at = 0; at < source->size();) {
    const auto got = source->read(at, buffer);
    hasher.update({buffer.data(), got});
    at += got;
  }
  return hasher.finish() == blob.digest;
}

void Layout::add_manifest(const Manifest& manifest, const std::optional<Tag>& tag) {
  auto referral = oci::referral(manifest, fmt::format("manifest {} for {}", manifest.digest.text(), name()));
  files_->add_blob(manifest.digest, BlobSource::of_bytes(manifest.bytes), LayoutFiles::Content::manifest);
  if (tag) {
    files_->change_index([&](const std::optional<std::string>& before) {
      auto index = parse(before);
      std::erase_if(index.manifests, [&](const auto& listed) { return is_called(listed, *tag); });
      index.manifests.push_back(manifest.descriptor());
      index.manifests.back().annotations.emplace(reference_annotation, tag->text());
      return write(index).bytes;
    });
  }
  if (referral.subject) add_fallback_referrer(*this, referral.subject->digest, referral.referrer);
}

std::vector<Tag> Layout::tags() {
  std::set<Tag> found;
  for (const auto& descriptor : index().manifests)
    if (auto tag = tag_of(descriptor)) found.insert(*tag);
  return {found.begin(), found.end()};
}

std::vector<Descriptor> Layout::referrers(const ContentDigest& subject, std::string_view artifact_type) {
  return of_artifact_type(fallback_referrers(*this, subject), artifact_type);
}

/// By tag only the tag goes, by digest all of its tags, as in a registry.
bool Layout::remove_manifest(const ManifestName& name) {
  auto before = manifest(name);
  if (!before) return false;
  files_->change_index([&](const std::optional<std::string>& text) {
    auto index = parse(text);
    std::erase_if(index.manifests, [&](const auto& listed) { return is_called(listed, name); });
    return write(index).bytes;
  });
  if (std::holds_alternative<Tag>(name)) return true;
  files_->remove_blob(before->digest);
  auto referral = oci::referral(*before, this->name());
  if (referral.subject) remove_fallback_referrer(*this, referral.subject->digest, before->digest);
  return true;
}

bool Layout::remove_blob(const ContentDigest& digest) { return files_->remove_blob(digest); }

namespace {

/// Every digest that stands in the text, whatever it means there: of other tools' documents too much is kept rather
/// than too little.
std::vector<ContentDigest> digests_in(std::string_view text) {
  std::vector<ContentDigest> found;
  for (const std::string_view algorithm : {"sha256:", "sha512:"}) {
    for (auto at = text.find(algorithm); at != text.npos; at = text.find(algorithm, at + 1)) {
      const auto end = text.find_first_not_of("0123456789abcdef", at + algorithm.size());
      if (auto digest = ContentDigest::parse(text.substr(at, std::min(end, text.size()) - at)))
        found.push_back(std::move(*digest));
    }
  }
  return found;
}

}  // namespace

/// RemoteError when it is damaged: then it is not known what it leads to.
std::vector<ContentDigest> Layout::led_to_by(const ContentDigest& digest) {
  const auto size = files_->blob_size(digest);
  if (!size || *size > longest_manifest) return {};
  std::string text;
  files_->read_blob(
      {.media_type = {}, .digest = digest, .size = *size}, [&](std::string_view more) { text += more; }, 0);
  return text.starts_with('{') ? digests_in(text) : std::vector<ContentDigest>();
}

std::uint64_t Layout::sweep(std::chrono::seconds idle) {
  const auto kept = [&] {
    std::set<ContentDigest> reached;
    auto waiting = digests_in(files_->index().value_or(""));
    while (!waiting.empty()) {
      const auto next = std::move(waiting.back());
      waiting.pop_back();
      if (!reached.insert(next).second) continue;
      const auto more = led_to_by(next);
      waiting.insert(waiting.end(), more.begin(), more.end());
    }
    return reached;
  };
  return files_->sweep(kept, idle);
}

ManifestName Layout::usual_name() {
  std::set<ContentDigest> digests;
  std::vector<std::string> names;
  for (const auto& descriptor : index().manifests) {
    auto reference = reference_of(descriptor);
    if (is_fallback_tag(reference)) continue;
    digests.insert(descriptor.digest);
    names.push_back(reference.empty() ? descriptor.digest.text() : printable_word(reference));
  }
  if (digests.size() == 1) return *digests.begin();
  constexpr std::string_view usual = "latest";
  if (std::find(names.begin(), names.end(), usual) != names.end()) return *Tag::parse(usual);
  throw RemoteError(names.empty()
                        ? fmt::format("{} has no image", name())
                        : fmt::format("{} has several images; say which: {}", name(), fmt::join(names, ", ")));
}

}  // namespace karapace::oci
