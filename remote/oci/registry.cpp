// SPDX-License-Identifier: Apache-2.0
#include "remote/oci/registry.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"
#include "remote/oci/blob_download.hpp"
#include "remote/oci/blob_upload.hpp"
#include "remote/oci/fallback_tag.hpp"
#include "remote/oci/image_manifest.hpp"
#include "remote/oci/image_reference.hpp"
#include "remote/oci/json_document.hpp"

namespace karapace::oci {

namespace {

/// A page of tags or referrers; and so many pages that no registry has, unless its links lead in circles.
constexpr std::size_t longest_page = longest_manifest;
constexpr int most_pages = 10'000;
/// More are not read: of referrers the first ones have to do, of tags nobody has so many.
constexpr std::size_t most_referrers = 1'000;
constexpr std::size_t most_tags = 1'000'000;

/// With every type that is understood: registries that get none answer 404 for what OCI calls a manifest.
std::pair<std::string, std::string> accepted_manifests() {
  return {"Accept", fmt::format("{}, {}, {}, {}", media_type::manifest, media_type::index, media_type::docker_manifest,
                                media_type::docker_index)};
}

/// The target of `Link: <…>; rel="next"` (RFC 8288), which may stand among others.
std::optional<std::string> next_link(const Answer& answer) {
  for (const auto& header : answer.head.all("link")) {
    std::string_view left(header);
    while (left.starts_with('<')) {
      auto close = std::min(left.find('>'), left.size());
      auto end = std::min(left.find(",", close), left.size());
      auto parameters = left.substr(close, end - close);
      const bool is_next =
          parameters.find("rel=\"next\"") != parameters.npos || parameters.find("rel=next") != parameters.npos;
      if (is_next) return std::string(left.substr(1, close - 1));
      left = trimmed(left.substr(std::min(end + 1, left.size())));
    }
  }
  return std::nullopt;
}

/// All pages from `request` on. `read` is given each, and says with false that it wants no more.
template <class Read>
void read_pages(RegistryConnection& connection, Request request, std::string_view what, Read read) {
  for (int pages = 0; pages < most_pages; ++pages) {
    auto answer = connection.ask_patiently(request, connection.pulling(), what);
    if (answer.is_cut) connection.refuse(fmt::format("sends more than {}", size_text(request.body_limit)), what);
    if (!read(answer)) return;
    auto link = next_link(answer);
    if (!link) return;
    auto url = answer.url.resolved(*link);
    if (!url || url->origin() != request.url.origin()) {
      connection.refuse(fmt::format("has its next page at \"{}\", which is somewhere else", printable_word(*link)),
                        what);
    }
    request.url = *url;
  }
  connection.refuse("has pages without end", what);
}

}  // namespace

Registry::Registry(std::string registry, std::string repository, RegistryOptions options)
    : connection_(std::move(registry), std::move(repository), std::move(options)) {}

// Manifests.

Manifest Registry::read_manifest(const ManifestName& name, Answer answer) {
  auto what = fmt::format("read the manifest \"{}\"", text(name));
  if (answer.is_cut) connection_.refuse(fmt::format("sends more than {}", size_text(longest_manifest)), what);
  auto manifest = manifest_of(std::move(answer.body), answer.head.header("content-type").value_or(""),
                              fmt::format("manifest {} of {}", text(name), this->name()));
  if (const auto* wanted = std::get_if<ContentDigest>(&name)) {
    manifest.digest = digest_of(manifest.bytes, wanted->algorithm());
    if (manifest.digest != *wanted) {
      connection_.refuse(fmt::format("sent other bytes, whose digest is {}", manifest.digest.text()), what);
    }
    return manifest;
  }
  // Not demanded; but who says a digest has to mean these bytes.
  auto said = ContentDigest::parse(answer.head.header("docker-content-digest").value_or(""));
  if (said && *said != digest_of(manifest.bytes, said->algorithm())) {
    connection_.refuse(
        fmt::format("says that it has the digest {}, and it has {}", said->text(), manifest.digest.text()), what);
  }
  return manifest;
}

std::optional<Manifest> Registry::manifest(const ManifestName& name) {
  auto what = fmt::format("read the manifest \"{}\"", text(name));
  auto answer = connection_.ask_patiently({.url = connection_.address("manifests/" + text(name)),
                                           .headers = {accepted_manifests()},
                                           .body_limit = longest_manifest},
                                          connection_.pulling(), what);
  if (answer.status() == 404) return std::nullopt;
  if (answer.status() != 200) connection_.refuse(answer, what);
  return read_manifest(name, std::move(answer));
}

std::optional<Descriptor> Registry::find_manifest(const ManifestName& name) {
  auto answer =
      connection_.ask_patiently({.method = Method::head,
                                 .url = connection_.address("manifests/" + text(name)),
                                 .headers = {accepted_manifests()}},
                                connection_.pulling(), fmt::format("look for the manifest \"{}\"", text(name)));
  if (answer.status() == 404) return std::nullopt;
  auto type = answer.head.header("content-type").value_or("");
  auto size = answer.head.length();
  const auto* wanted = std::get_if<ContentDigest>(&name);
  auto digest =
      wanted != nullptr ? *wanted : ContentDigest::parse(answer.head.header("docker-content-digest").value_or(""));
  type.resize(std::min(type.find(';'), type.size()));
  if (answer.status() == 200 && size && digest && (is_manifest_type(type) || is_index_type(type))) {
    return Descriptor{.media_type = type, .digest = *digest, .size = *size};
  }
  // Its headers do not say enough, or HEAD is not allowed: its bytes do.
  auto found = manifest(name);
  return found ? std::optional(found->descriptor()) : std::nullopt;
}

/// One with a subject is listed by the registry, which says so (OCI-Subject); else the fallback tag is for us to write.
void Registry::add_manifest(const Manifest& manifest, const std::optional<Tag>& tag) {
  auto name = tag ? tag->text() : manifest.digest.text();
  auto what = fmt::format("push manifest {}", name);
  auto answer = connection_.ask_patiently({.method = Method::put,
                                           .url = connection_.address("manifests/" + name),
                                           .headers = {{"Content-Type", manifest.media_type}},
                                           .body = RequestBody{BlobSource::of_bytes(manifest.bytes)}},
                                          connection_.pushing(), what);
  if (answer.status() != 201 && answer.status() != 200) connection_.refuse(answer, what);
  auto said = ContentDigest::parse(answer.head.header("docker-content-digest").value_or(""));
  if (said && said->algorithm() == manifest.digest.algorithm() && *said != manifest.digest) {
    connection_.refuse(fmt::format("stored it as {} instead of {}", said->text(), manifest.digest.text()), what);
  }
  auto referral = oci::referral(manifest, what);
  if (!referral.subject || answer.head.header("oci-subject")) return;
  const std::lock_guard lock(fallback_mutex_);
  add_fallback_referrer(*this, referral.subject->digest, referral.referrer);
}

bool Registry::remove_manifest(const ManifestName& name) {
  auto what = fmt::format("delete manifest {}", text(name));
  auto before = std::holds_alternative<ContentDigest>(name) ? manifest(name) : std::nullopt;
  auto answer = connection_.ask_patiently(
      {.method = Method::remove, .url = connection_.address("manifests/" + text(name))}, connection_.deleting(), what);
  if (answer.status() == 404) return false;
  if (answer.status() == 400 || answer.status() == 405) {
    connection_.refuse("does not let it be deleted: it is switched off there, or has to be asked for by digest", what);
  }
  if (answer.status() != 202 && answer.status() != 200) connection_.refuse(answer, what);
  if (!before) return true;
  auto referral = oci::referral(*before, what);
  if (!referral.subject || knows_referrers(referral.subject->digest)) return true;
  const std::lock_guard lock(fallback_mutex_);
  remove_fallback_referrer(*this, referral.subject->digest, before->digest);
  return true;
}

// Blobs.

bool Registry::has_blob(const Descriptor& blob) {
  {
    const std::lock_guard lock(mutex_);
    if (present_.contains(blob.digest)) return true;
  }
  auto what = fmt::format("look for blob {}", blob.digest.text());
  auto answer = connection_.ask_patiently(
      {.method = Method::head, .url = connection_.address("blobs/" + blob.digest.text())}, connection_.pulling(), what);
  if (answer.status() == 404) return false;
  if (answer.status() != 200) connection_.refuse(answer, what);
  if (answer.head.length().value_or(blob.size) != blob.size) return false;
  const std::lock_guard lock(mutex_);
  present_.insert(blob.digest);
  return true;
}

void Registry::read_blob(const Descriptor& blob, const TakeBytes& take, std::uint64_t from) {
  if (blob.data) return take(std::string_view(*blob.data).substr(std::min<std::uint64_t>(from, blob.size)));
  BlobDownload(connection_, connection_.address("blobs/" + blob.digest.text()), blob, take).run(from);
}

Added Registry::add_blob(const NewBlob& blob) {
  if (has_blob(blob.descriptor)) return Added::was_there;
  auto added = BlobUpload(connection_, blob).run();
  const std::lock_guard lock(mutex_);
  present_.insert(blob.descriptor.digest);
  return added;
}

bool Registry::remove_blob(const ContentDigest& digest) {
  auto what = fmt::format("delete blob {}", digest.text());
  auto answer = connection_.ask_patiently(
      {.method = Method::remove, .url = connection_.address("blobs/" + digest.text())}, connection_.deleting(), what);
  const std::lock_guard lock(mutex_);
  present_.erase(digest);
  if (answer.status() == 404) return false;
  if (answer.status() == 400 || answer.status() == 405)
    connection_.refuse("does not let it be deleted: it is switched off there", what);
  if (answer.status() != 202 && answer.status() != 200) connection_.refuse(answer, what);
  return true;
}

// Lists.

/// 404 is said of a repository without tags, too. Neither order nor the size of pages can be relied on.
std::vector<Tag> Registry::tags() {
  constexpr std::string_view what = "list tags";
  std::set<Tag> found;
  read_pages(connection_, {.url = connection_.address("tags/list"), .body_limit = longest_page}, what,
             [&](const Answer& answer) {
               if (answer.status() == 404) return false;
               if (answer.status() != 200) connection_.refuse(answer, what);
               const JsonDocument document(answer.body, fmt::format("the list of tags of {}", name()));
               for (const auto& text : document.root().texts("tags"))
                 if (auto tag = Tag::parse(text)) found.insert(*tag);
               if (found.size() > most_tags) connection_.refuse(fmt::format("has more than {} tags", most_tags), what);
               return true;
             });
  return {found.begin(), found.end()};
}

std::optional<std::vector<Descriptor>> Registry::ask_referrers(const ContentDigest& subject,
                                                               std::string_view artifact_type) {
  auto what = fmt::format("list referrers of {}", subject.text());
  auto url = connection_.address("referrers/" + subject.text());
  if (!artifact_type.empty()) url = url.with_query("artifactType", artifact_type);
  std::optional<std::vector<Descriptor>> found;
  Request first{.url = url, .headers = {{"Accept", std::string(media_type::index)}}, .body_limit = longest_page};
  read_pages(connection_, std::move(first), what, [&](const Answer& answer) {
    if (answer.status() == 404 || answer.status() == 405) return false;
    if (answer.status() != 200) connection_.refuse(answer, what);
    auto page = manifest_of(answer.body, answer.head.header("content-type").value_or(""), what);
    auto listed = parse_index(page, what).manifests;
    if (!found) found.emplace();
    found->insert(found->end(), listed.begin(), listed.end());
    return found->size() < most_referrers;
  });
  return found;
}

bool Registry::knows_referrers(const ContentDigest& subject) { return ask_referrers(subject, {}).has_value(); }

/// Filtered here in any case: a registry may pass over the question for a type (it says so in OCI-Filters-Applied).
std::vector<Descriptor> Registry::referrers(const ContentDigest& subject, std::string_view artifact_type) {
  auto found = ask_referrers(subject, artifact_type);
  return of_artifact_type(found ? std::move(*found) : fallback_referrers(*this, subject), artifact_type);
}

}  // namespace karapace::oci
