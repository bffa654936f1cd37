// SPDX-License-Identifier: Apache-2.0
#include "remote/oci/fallback_tag.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"

namespace karapace::oci {

namespace {

constexpr std::size_t longest_encoded = 64;
constexpr int rewrites_at_most = 5;

auto find(std::vector<Descriptor>& referrers, const ContentDigest& digest) {
  return std::find_if(referrers.begin(), referrers.end(), [&](const auto& each) { return each.digest == digest; });
}

ImageIndex index_of(ImageRepository& repository, const Tag& tag) {
  auto manifest = repository.manifest(tag);
  if (!manifest) return {};
  auto what = fmt::format("the tag \"{}\" of {}, which lists referrers,", tag.text(), repository.name());
  return parse_index(*manifest, what);
}

/// Writes what `change` makes of it until it says that there is nothing to change.
template <class Change>
void rewrite(ImageRepository& repository, const ContentDigest& subject, Change change) {
  auto tag = fallback_tag(subject);
  for (int rewrites = 0; rewrites < rewrites_at_most; ++rewrites) {
    auto index = index_of(repository, tag);
    if (!change(index.manifests)) return;
    repository.add_manifest(write(index), tag);
  }
  throw RemoteError(fmt::format("list referrers of {}: others write the tag \"{}\" of {} all the time; try again",
                                subject.text(), tag.text(), repository.name()));
}

}  // namespace

Tag fallback_tag(const ContentDigest& subject) {
  return *Tag::parse(fmt::format("{}-{}", text(subject.algorithm()), subject.hex().substr(0, longest_encoded)));
}

std::vector<Descriptor> fallback_referrers(ImageRepository& repository, const ContentDigest& subject) {
  auto manifest = repository.manifest(fallback_tag(subject));
  if (!manifest || !is_index_type(manifest->media_type)) return {};
  return parse_index(*manifest, fmt::format("the referrers of {} in {}", subject.text(), repository.name())).manifests;
}

void add_fallback_referrer(ImageRepository& repository, const ContentDigest& subject, const Descriptor& referrer) {
  rewrite(repository, subject, [&](std::vector<Descriptor>& referrers) {
    auto found = find(referrers, referrer.digest);
    if (found != referrers.end()) return false;
    referrers.push_back(referrer);
    return true;
  });
}

void remove_fallback_referrer(ImageRepository& repository, const ContentDigest& subject,
                              const ContentDigest& referrer) {
  rewrite(repository, subject, [&](std::vector<Descriptor>& referrers) {
    auto found = find(referrers, referrer);
    if (found == referrers.end()) return false;
    referrers.erase(found);
    return true;
  });
}

std::vector<Descriptor> of_artifact_type(std::vector<Descriptor> referrers, std::string_view artifact_type) {
  if (!artifact_type.empty())
    std::erase_if(referrers, [&](const auto& each) { return each.artifact_type != artifact_type; });
  return referrers;
}

}  // namespace karapace::oci
