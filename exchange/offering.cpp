// SPDX-License-Identifier: Apache-2.0
#include "exchange/offering.hpp"

#include <algorithm>
#include <ctime>
#include <functional>
#include <mutex>
#include <set>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/parallel.hpp"
#include "exchange/record_bundle.hpp"
#include "exchange/transfer_progress.hpp"
#include "generator/lock/environment_lock.hpp"
#include "proof/signing/key_files.hpp"
#include "proof/statement.hpp"
#include "store/environment.hpp"

namespace karapace::exchange {

namespace {

constexpr unsigned uploads_at_once = 4;
constexpr std::int64_t longest_undated = 86400;  // seconds
/// In the manifest itself, besides its blob: whoever asks is spared a request.
constexpr std::size_t longest_embedded = std::size_t{64} << 10;

std::string kept_lock(const store::Store& store, const EnvironmentId& id) {
  const auto file = store.open_blob(BlobId(id.digest()));
  auto text = read_all(file.get(), "a lock");
  if (blake3(text) == id.digest()) return text;
  throw StoreError(
      fmt::format("the lock of the environment {} is damaged; run `karapace verify-store --repair`", id.short_hex()));
}

store::Environment built(const store::Store& store, const EnvironmentId& id) {
  if (auto environment = store::find_environment(store, id)) return *std::move(environment);
  throw NotFoundError(fmt::format("the environment {} is not built: run `karapace build`", id.short_hex()));
}

oci::NewBlob small_blob(const oci::Descriptor& descriptor, const std::string& bytes) {
  return {descriptor, oci::BlobSource::of_bytes(bytes)};
}

oci::NewBlob layer_blob(const store::Store& store, const image::ImageLayer& layer) {
  const auto& blob = layer.blob.blob;
  return {image::descriptor_of(layer), oci::BlobSource::of_file(store.open_blob(blob), "blob " + blob.hex())};
}

std::vector<oci::NewBlob> blobs_of(const store::Store& store, const PreparedArtifact& prepared) {
  const auto& artifact = prepared.artifact;
  std::vector<oci::NewBlob> blobs{small_blob(artifact.records, prepared.records),
                                  small_blob(artifact.lock, prepared.lock),
                                  small_blob(oci::describe(oci::media_type::empty, "{}"), "{}")};
  for (std::size_t i = 0; i < artifact.envelopes.size(); ++i)
    blobs.push_back(small_blob(artifact.envelopes[i], prepared.envelopes[i]));
  for (const auto& layer : prepared.layers) blobs.push_back(layer_blob(store, layer));
  return blobs;
}

std::string time_text(std::int64_t seconds) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(seconds)));
}

/// What is there of this signer already, whenever it was pushed.
bool is_same(const EnvironmentArtifact& there, EnvironmentArtifact ours) {
  ours.annotations = there.annotations;
  return there == ours;
}

bool is_there(const oci::Manifest& manifest, const EnvironmentArtifact& ours, const std::string& place) {
  try {
    return is_same(artifact_of(oci::parse_image(manifest, place), place), ours);
  } catch (const RemoteError&) {
    return false;  // something else under our tag: replaced
  }
}

/// What is damaged in a directory is as if it were not there: it is written anew.
std::optional<oci::Manifest> readable_manifest(oci::ImageRepository& repository, const oci::ManifestName& name) {
  try {
    return repository.manifest(name);
  } catch (const Error&) {
    if (!repository.is_unattended()) throw;
    return std::nullopt;
  }
}

/// Whether it was pushed before then.
bool is_dated(const oci::Manifest& manifest, std::int64_t then) {
  const auto annotations = oci::parse_image(manifest, "the artifact").annotations;
  const auto found = annotations.find(std::string(pushed_annotation));
  return found == annotations.end() || found->second < time_text(then);
}

oci::Manifest dated(oci::ImageManifest manifest) {
  manifest.annotations[std::string(pushed_annotation)] = time_text(std::time(nullptr));
  return oci::write(manifest);
}

/// Of what is there already: what is pushed day by day is not old.
bool is_to_be_dated_anew(const oci::Manifest& manifest) {
  return is_dated(manifest, std::time(nullptr) - longest_undated);
}

struct Sent {
  std::uint64_t blobs = 0;
  std::uint64_t bytes = 0;
  std::uint64_t present = 0;
  std::uint64_t mounted = 0;

  void operator+=(const Sent& more) {
    blobs += more.blobs;
    bytes += more.bytes;
    present += more.present;
    mounted += more.mounted;
  }
};

struct Destination {
  oci::ImageRepository& repository;
  SentBlobs& known;
  bool is_dry_run = false;
};

oci::Added send_blob(const Destination& destination, oci::NewBlob& blob, std::function<void(std::uint64_t)> seen) {
  if (destination.is_dry_run)
    return destination.repository.has_blob(blob.descriptor) ? oci::Added::was_there : oci::Added::stored;
  blob.source = blob.source.watched(std::move(seen));
  blob.mount_from = destination.known.repositories_with(blob.descriptor.digest);
  const auto added = destination.repository.add_blob(blob);
  destination.known.note(blob.descriptor.digest);
  return added;
}

/// Each digest once, several at once.
Sent send_blobs(const Destination& destination, std::vector<oci::NewBlob> all) {
  std::set<oci::ContentDigest> seen;
  std::erase_if(all, [&](const oci::NewBlob& blob) { return !seen.insert(blob.descriptor.digest).second; });
  Sent sent;
  std::mutex mutex;
  TransferProgress progress(destination.is_dry_run ? "" : "sending", "blob");
  for (const auto& blob : all) progress.add(blob.descriptor.size);
  for_each_index(all.size(), uploads_at_once, [&](std::size_t i) {
    const auto added = send_blob(destination, all[i], progress.watcher(i));
    added == oci::Added::stored ? progress.end(i) : progress.leave_out(i);
    const std::lock_guard guard(mutex);
    switch (added) {
      case oci::Added::was_there: ++sent.present; break;
      case oci::Added::mounted: ++sent.mounted; break;
      case oci::Added::stored:
        ++sent.blobs;
        sent.bytes += all[i].descriptor.size;
        break;
    }
  });
  if (!destination.is_dry_run) destination.known.keep();
  return sent;
}

}  // namespace

namespace {

/// What the lock has by SHA-256: packages, archives and layers of images.
struct PreparedSources {
  std::vector<oci::Descriptor> descriptors;
  std::vector<BlobId> blobs;
};

PreparedSources prepare_sources(const store::Store& store, const EnvironmentId& id) {
  PreparedSources sources;
  std::size_t missing = 0;
  for (const auto& record : bundle_of(store, id).records) {
    if (record.step.kind != StepKind::fetch || !record.step.parameter("sha256")) continue;
    const auto& blob = record.blob();
    if (!store.has_blob(blob.blob)) ++missing;
    sources.descriptors.push_back(
        {.media_type = "application/octet-stream", .digest = oci::ContentDigest(blob.sha256), .size = blob.size});
    sources.blobs.push_back(blob.blob);
  }
  if (missing == 0) return sources;
  throw StoreError(
      fmt::format("{} of {} packages of the environment {} are not in this store, as it was taken over: have them sent "
                  "where it was "
                  "built",
                  missing, sources.blobs.size(), id.short_hex()));
}

/// Whenever they were pushed.
bool are_there(const oci::Manifest& manifest, oci::ImageManifest ours, const std::string& place) {
  try {
    const auto there = oci::parse_image(manifest, place);
    ours.annotations = there.annotations;
    return there == ours;
  } catch (const RemoteError&) {
    return false;
  }
}

Sent send_sources(const store::Store& store, const Destination& destination, const EnvironmentId& id) {
  const auto sources = prepare_sources(store, id);
  const auto ours = manifest_of_sources(id, sources.descriptors);
  auto& repository = destination.repository;
  const auto there = readable_manifest(repository, sources_tag(id));
  const bool is_known = there && are_there(*there, ours, repository.name());
  Sent sent;
  if (!is_known || repository.is_unattended()) {
    std::vector<oci::NewBlob> blobs{small_blob(oci::describe(oci::media_type::empty, "{}"), "{}")};
    for (std::size_t i = 0; i < sources.blobs.size(); ++i)
      blobs.push_back({sources.descriptors[i],
                       oci::BlobSource::of_file(store.open_blob(sources.blobs[i]), "blob " + sources.blobs[i].hex())});
    sent = send_blobs(destination, std::move(blobs));
  }
  if (!destination.is_dry_run && (!is_known || is_to_be_dated_anew(*there)))
    repository.add_manifest(dated(ours), sources_tag(id));
  return sent;
}

}  // namespace

PreparedArtifact prepare_artifact(const store::Store& store, const store::Environment& environment,
                                  const std::string& compression, const signing::SecretKey* key,
                                  const std::optional<oci::Manifest>& image) {
  const auto bundle = bundle_of(store, environment.id);
  auto records = compressed(text(bundle));
  auto lock = kept_lock(store, environment.id);
  EnvironmentArtifact artifact{.environment = environment.id,
                               .records = oci::describe(records_media_type, records),
                               .lock = oci::describe(lock_media_type, lock),
                               .envelopes = {},
                               .layers = {}};
  std::vector<std::string> envelopes;
  if (key != nullptr) {
    const auto parsed = lock::parse_lock(lock, "the lock");
    const auto about = image ? Sha256::from_hex(image->digest.hex()) : std::nullopt;
    const auto statement = proof::statement_text(parsed, records_of(bundle), about);
    envelopes.push_back(signing::text(signing::signed_envelope(statement, *key)));
    artifact.envelopes.push_back(oci::describe(envelope_media_type, envelopes.back()));
    if (envelopes.back().size() <= longest_embedded) artifact.envelopes.back().data = envelopes.back();
  }
  if (image) artifact.subject = image->descriptor();
  auto packed = image::image_of(store, environment, {.compression = compression});
  std::vector<image::ImageLayer> layers;
  std::set<LayerId> seen;
  for (auto& layer : packed.layers) {
    if (!seen.insert(layer.layers.front()).second) continue;
    auto blob = image::descriptor_of(layer);
    blob.annotations.clear();
    artifact.layers.push_back({layer.layers.front(), std::move(blob)});
    layers.push_back(std::move(layer));
  }
  return {std::move(artifact), std::move(records), std::move(lock), std::move(envelopes), std::move(layers)};
}

namespace {

/// A push that took long may have had blobs there in the beginning that a prune took since. What is named now stays.
Sent send_what_is_gone(const Destination& destination, std::vector<oci::NewBlob> blobs) {
  if (!destination.repository.is_unattended()) return {};
  std::erase_if(blobs, [&](const auto& blob) { return destination.repository.has_blob(blob.descriptor); });
  return blobs.empty() ? Sent() : send_blobs(destination, std::move(blobs));
}

}  // namespace

OfferAnswer offer_environment(const store::Store& store, oci::ImageRepository& repository, const OfferRequest& request,
                              SentBlobs& known) {
  const auto key = signing::read_secret_key({}, request.key.native());
  const auto prepared = prepare_artifact(store, built(store, request.environment), request.compression, &key);
  const auto tag = cache_tag(request.environment, key.public_key().id().hex());
  OfferAnswer answer{.tag = tag.text()};
  const Destination destination{repository, known, request.dry_run};
  Sent sent;
  if (request.sources) sent += send_sources(store, destination, request.environment);
  const auto there = readable_manifest(repository, tag);
  // A registry says of a manifest that what it names is there. A directory says nothing: blobs are looked at.
  const bool is_known = there && is_there(*there, prepared.artifact, repository.name());
  if (is_known && !repository.is_unattended()) {
    sent.present += 2 + prepared.envelopes.size() + prepared.layers.size();
  } else {
    sent += send_blobs(destination, blobs_of(store, prepared));
    if (!request.dry_run && !is_known) repository.add_manifest(dated(manifest_of(prepared.artifact)), tag);
  }
  if (is_known && !request.dry_run && is_to_be_dated_anew(*there))
    repository.add_manifest(dated(manifest_of(prepared.artifact)), tag);
  if (!request.dry_run) sent += send_what_is_gone(destination, blobs_of(store, prepared));
  if (!request.dry_run) repository.finish();
  answer.unchanged = is_known && sent.blobs == 0 && sent.mounted == 0;
  answer.blobs = sent.blobs;
  answer.bytes = sent.bytes;
  answer.present = sent.present;
  answer.mounted = sent.mounted;
  return answer;
}

namespace {

/// Whether the image has an artifact there that says the same.
bool has_artifact(oci::ImageRepository& repository, const oci::Manifest& image, const EnvironmentArtifact& ours) {
  for (const auto& referrer : repository.referrers(image.digest, environment_artifact_type)) {
    const auto manifest = readable_manifest(repository, referrer.digest);
    if (manifest && is_there(*manifest, ours, repository.name())) return true;
  }
  return false;
}

/// As the index of its tag lists it.
oci::Descriptor listed_image(const store::Store& store, const store::Environment& environment,
                             const oci::Manifest& manifest) {
  auto descriptor = manifest.descriptor();
  descriptor.platform = image::platform_of(lock::lock_of(store, environment));
  return descriptor;
}

std::vector<std::string> platforms_of(const std::vector<oci::Descriptor>& images) {
  std::vector<std::string> platforms;
  for (const auto& each : images) platforms.push_back(each.platform ? oci::text(*each.platform) : "unknown");
  return platforms;
}

/// What the tag names before anything is sent.
struct Before {
  std::optional<oci::Descriptor> manifest;
  std::vector<oci::Descriptor> images;  // where that is an index
  /// An image that an index lists need not be sent, nor one that has the tag itself where no index is wanted.
  bool has(const oci::Manifest& image, const std::optional<oci::Descriptor>& listed) const {
    if (!listed) return manifest && manifest->digest == image.digest;
    return std::ranges::any_of(
        images, [&](const auto& each) { return each.digest == listed->digest && each.platform == listed->platform; });
  }
};

Before before_push(oci::ImageRepository& repository, const oci::Tag& tag) {
  Before before{repository.find_manifest(tag), {}};
  if (before.manifest && oci::is_index_type(before.manifest->media_type))
    if (auto index = oci::index_at(repository, tag)) before.images = std::move(index->manifests);
  return before;
}

}  // namespace

PushAnswer push_environment(const store::Store& store, oci::ImageRepository& repository, const oci::ManifestName& name,
                            const PushRequest& request, SentBlobs& known) {
  const auto* tag = std::get_if<oci::Tag>(&name);
  if (tag == nullptr) throw UsageError("push: name a tag: an image's digest follows from what it is");
  const auto environment = built(store, request.environment);
  const auto image =
      image::image_of(store, environment, {.compression = request.compression, .most_layers = request.most_layers});
  const auto& manifest = image.manifest;
  std::optional<signing::SecretKey> key;
  if (request.key) key.emplace(signing::read_secret_key({}, request.key->native()));
  const auto prepared = prepare_artifact(store, environment, request.compression, key ? &*key : nullptr, manifest);
  std::optional<oci::Descriptor> listed;
  if (request.index) listed = listed_image(store, environment, manifest);
  const auto before = before_push(repository, *tag);
  PushAnswer answer{.image = manifest.digest.text(),
                    .index = listed && !before.images.empty() ? before.manifest->digest.text() : "",
                    .platforms = platforms_of(before.images),
                    .layers = image.layers.size()};
  answer.unchanged = !request.sources && !repository.is_unattended() && before.has(manifest, listed) &&
                     has_artifact(repository, manifest, prepared.artifact);
  if (answer.unchanged) return answer;
  const auto all_blobs = [&] {
    auto blobs = blobs_of(store, prepared);
    blobs.push_back(small_blob(oci::describe(oci::media_type::config, image.config), image.config));
    for (const auto& layer : image.layers) blobs.push_back(layer_blob(store, layer));
    return blobs;
  };
  const Destination destination{repository, known, request.dry_run};
  auto sent = send_blobs(destination, all_blobs());
  if (request.sources) sent += send_sources(store, destination, request.environment);
  answer.blobs = sent.blobs;
  answer.bytes = sent.bytes;
  answer.present = sent.present;
  answer.mounted = sent.mounted;
  if (request.dry_run) return answer;
  if (!has_artifact(repository, manifest, prepared.artifact))
    repository.add_manifest(dated(manifest_of(prepared.artifact)));
  repository.add_manifest(manifest, listed ? std::nullopt : std::optional(*tag));
  if (listed) {
    const auto index = oci::add_to_index(repository, *tag, *listed);
    answer.index = index.digest.text();
    answer.platforms = platforms_of(oci::parse_index(index, repository.name()).manifests);
  }
  send_what_is_gone(destination, all_blobs());
  repository.finish();
  return answer;
}

}  // namespace karapace::exchange
