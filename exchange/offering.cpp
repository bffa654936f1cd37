// SPDX-License-Identifier: Apache-2.0
#include "exchange/offering.hpp"

#include <algorithm>
#include <atomic>
#include <ctime>
#include <mutex>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/parallel.hpp"
#include "exchange/record_bundle.hpp"
#include "generator/lock/lock.hpp"
#include "proof/signing/key_files.hpp"
#include "proof/statement.hpp"

namespace karapace::exchange {

namespace {

constexpr unsigned uploads_at_once = 4;
/// In the manifest itself, besides its blob: whoever asks is spared a request.
constexpr std::size_t longest_embedded = std::size_t{64} << 10;

std::string media_type_of(const Step& pack) {
  const auto compression = pack.required("compression");
  return std::string(compression == "gzip" ? oci::media_type::layer_gzip : oci::media_type::layer_zstd);
}

PackedLayer packed_layer(const store::Store& store, const Pack& pack) {
  const auto record = store.input_record(pack.step);
  const auto& output = record.blob();
  return {pack.layer,
          {.media_type = media_type_of(record.step), .digest = oci::ContentDigest(output.sha256), .size = output.size}};
}

std::string kept_lock(const store::Store& store, const EnvironmentId& id) {
  const auto file = store.open_blob(BlobId(id.digest()));
  auto text = read_all(file.get(), "a lock");
  if (blake3(text) == id.digest()) return text;
  throw StoreError(
      fmt::format("the lock of the environment {} is damaged; run `karapace verify-store --repair`", id.short_hex()));
}

/// What is there of this signer already, whenever it was pushed.
bool is_same(const EnvironmentArtifact& there, EnvironmentArtifact ours) {
  ours.annotations = there.annotations;
  return there == ours;
}

// Sends the blobs and then the manifest of one artifact.
class Sending {
 public:
  Sending(const store::Store& store, oci::ImageRepository& repository, const OfferRequest& request,
          const PreparedArtifact& prepared)
      : store_(store), repository_(repository), request_(request), prepared_(prepared) {}

  OfferAnswer run(const oci::Tag& tag) {
    OfferAnswer answer{.tag = tag.text()};
    const auto there = repository_.manifest(tag);
    answer.unchanged = there && is_there(*there);
    if (answer.unchanged) {
      answer.present = 2 + prepared_.envelopes.size() + prepared_.artifact.layers.size();
      return answer;
    }
    send_blobs(answer);
    if (request_.dry_run) return answer;
    auto artifact = prepared_.artifact;
    artifact.annotations[std::string(pushed_annotation)] =
        fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
    repository_.add_manifest(oci::write(manifest_of(artifact)), tag);
    repository_.finish();
    return answer;
  }

 private:
  bool is_there(const oci::Manifest& manifest) const {
    try {
      return is_same(artifact_of(oci::parse_image(manifest, repository_.name()), repository_.name()),
                     prepared_.artifact);
    } catch (const RemoteError&) {
      return false;  // something else under our tag: replaced
    }
  }

  void send_blobs(OfferAnswer& answer) {
    std::vector<oci::NewBlob> blobs;
    const auto& artifact = prepared_.artifact;
    blobs.push_back({artifact.records, oci::BlobSource::of_bytes(prepared_.records)});
    blobs.push_back({artifact.lock, oci::BlobSource::of_bytes(prepared_.lock)});
    for (std::size_t i = 0; i < artifact.envelopes.size(); ++i)
      blobs.push_back({artifact.envelopes[i], oci::BlobSource::of_bytes(prepared_.envelopes[i])});
    blobs.push_back({oci::describe(oci::media_type::empty, "{}"), oci::BlobSource::of_bytes("{}")});
    for (std::size_t i = 0; i < artifact.layers.size(); ++i) {
      const auto blob = store_.input_record(request_.packs[i].step).blob().blob;
      blobs.push_back(
          {artifact.layers[i].blob, oci::BlobSource::of_file(store_.open_blob(blob), "blob " + blob.hex())});
    }
    std::mutex mutex;
    for_each_index(blobs.size(), uploads_at_once, [&](std::size_t i) {
      const bool was_there = send(blobs[i]);
      const std::lock_guard guard(mutex);
      was_there ? ++answer.present : ++answer.blobs;
      if (!was_there) answer.bytes += blobs[i].descriptor.size;
    });
  }

  bool send(const oci::NewBlob& blob) {
    if (request_.dry_run) return repository_.has_blob(blob.descriptor);
    return repository_.add_blob(blob) == oci::Added::was_there;
  }

  const store::Store& store_;
  oci::ImageRepository& repository_;
  const OfferRequest& request_;
  const PreparedArtifact& prepared_;
};

}  // namespace

PreparedArtifact prepare_artifact(const store::Store& store, const EnvironmentId& environment,
                                  const std::vector<Pack>& packs, const signing::SecretKey& key) {
  const auto bundle = bundle_of(store, environment);
  auto records = compressed(text(bundle));
  auto lock = kept_lock(store, environment);
  const auto parsed = lock::parse_lock(lock, fmt::format("the lock of the environment {}", environment.short_hex()));
  auto envelope = signing::text(signing::signed_envelope(proof::statement_text(parsed, records_of(bundle)), key));
  EnvironmentArtifact artifact{.environment = environment,
                               .records = oci::describe(records_media_type, records),
                               .lock = oci::describe(lock_media_type, lock),
                               .envelopes = {oci::describe(envelope_media_type, envelope)},
                               .layers = {}};
  if (envelope.size() <= longest_embedded) artifact.envelopes.back().data = envelope;
  for (const auto& pack : packs) artifact.layers.push_back(packed_layer(store, pack));
  return {std::move(artifact), std::move(records), std::move(lock), {std::move(envelope)}};
}

OfferAnswer offer_environment(const store::Store& store, oci::ImageRepository& repository,
                              const OfferRequest& request) {
  const auto key = signing::read_secret_key({}, request.key.native());
  const auto prepared = prepare_artifact(store, request.environment, request.packs, key);
  const auto tag = cache_tag(request.environment, key.public_key().id().hex());
  return Sending(store, repository, request, prepared).run(tag);
}

}  // namespace karapace::exchange
