// SPDX-License-Identifier: Apache-2.0
#include "exchange/asking.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/error.hpp"
#include "proof/signing/key_files.hpp"
#include "proof/statement.hpp"
#include "remote/sha256.hpp"

namespace karapace::exchange {

namespace {

std::string what_of(const oci::ImageRepository& repository, const EnvironmentId& environment) {
  return fmt::format("{}: the environment {}", repository.name(), environment.short_hex());
}

}  // namespace

SignedArtifact read_artifact(oci::ImageRepository& repository, const oci::Manifest& manifest, std::string_view what) {
  SignedArtifact found{artifact_of(oci::parse_image(manifest, what), what), {}};
  for (const auto& envelope : found.artifact.envelopes) {
    const auto text = envelope.data ? *envelope.data : oci::read_small_blob(repository, envelope, longest_envelope);
    found.envelopes.push_back(signing::parse_envelope(text, what));
  }
  return found;
}

RecordBundle read_bundle(oci::ImageRepository& repository, const EnvironmentArtifact& artifact,
                         const std::string& digest) {
  const auto what = what_of(repository, artifact.environment);
  const auto bytes = oci::read_small_blob(repository, artifact.records, longest_bundle);
  const auto text = decompressed(bytes, what);
  // Nothing of what nobody signed is looked at more closely than to find that out.
  if (digest_of_text(text, what).hex() != digest)
    throw RemoteError(fmt::format("{}: its records are not those that are believed", what));
  return parse_bundle(text, what);
}

signing::Trust trust_of(const Cache& cache) {
  signing::Trust trust{.keys = {}, .agree = cache.agree};
  for (const auto& key : cache.keys)
    trust.keys.push_back(signing::parse_public_key(key, fmt::format("the cache {}", cache.name)));
  signing::require_sound(trust);
  return trust;
}

namespace {

/// In a directory a damaged manifest says nothing of the others. A registry that does not answer will not answer when
/// it is asked for the next one.
template <class Complain>
std::optional<oci::Manifest> listed_manifest(oci::ImageRepository& repository, const oci::Tag& tag,
                                             const Complain& complain) {
  if (!repository.is_unattended()) return repository.manifest(tag);
  if (!repository.find_manifest(tag)) return std::nullopt;
  try {
    return repository.manifest(tag);
  } catch (const Error& error) {
    complain(error);
    return std::nullopt;
  }
}

}  // namespace

std::vector<SignedArtifact> ask(oci::ImageRepository& repository, const EnvironmentId& environment,
                                const std::vector<signing::NamedKey>& keys, const Warn& warn) {
  const auto what = what_of(repository, environment);
  std::vector<SignedArtifact> found;
  for (const auto& key : keys) {
    const auto complain = [&](const Error& error) {
      warn(fmt::format("{}: what is there of {} is not used: {}", what, key.name, error.what()));
    };
    const auto manifest = listed_manifest(repository, cache_tag(environment, key.key.id().hex()), complain);
    if (!manifest) continue;
    try {
      auto artifact = read_artifact(repository, *manifest, what);
      if (artifact.artifact.environment != environment) throw RemoteError("it is of another environment");
      found.push_back(std::move(artifact));
    } catch (const Error& error) {
      complain(error);
    }
  }
  return found;
}

namespace {

/// Of one that has not all of them another one may be there.
void require_layers(const oci::ImageRepository& repository, const EnvironmentArtifact& artifact,
                    const RecordBundle& bundle) {
  std::set<LayerId> there;
  for (const auto& layer : artifact.layers) there.insert(layer.layer);
  for (const auto& layer : bundle.layers())
    if (!there.contains(layer))
      throw RemoteError(
          fmt::format("{}: it has not the layer {}", what_of(repository, artifact.environment), layer.short_hex()));
}

/// Of those that signed the same, the first whose records can be read, and that has the layers.
Believed read_agreed(oci::ImageRepository& repository, const std::vector<const EnvironmentArtifact*>& artifacts,
                     const signing::Claim& agreed, std::vector<signing::Envelope> envelopes, const Warn& warn) {
  for (std::size_t i = 0;; ++i) {
    const auto& artifact = *artifacts[agreed.envelopes[i]];
    try {
      auto bundle = read_bundle(repository, artifact, agreed.text);
      require_layers(repository, artifact, bundle);
      return {artifact, std::move(bundle), agreed.keys, std::move(envelopes)};
    } catch (const RemoteError& error) {
      if (i + 1 == agreed.envelopes.size()) throw;
      warn(error.what());
    }
  }
}

/// The digest of the records; nothing when it is about something else.
std::optional<std::string> claim_in(std::string_view payload, const Wanted& wanted) {
  try {
    const auto subject = proof::parse_statement(payload, "statement");
    const bool is_about = subject.environment == wanted.environment && (!wanted.step || subject.step == *wanted.step);
    const bool is_of_image = !wanted.image || subject.image == wanted.image;
    return is_about && is_of_image ? std::optional(subject.records.hex()) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

Believed judge(oci::ImageRepository& repository, const std::vector<SignedArtifact>& found, const signing::Trust& trust,
               const Wanted& wanted, const Warn& warn) {
  const auto& environment = wanted.environment;
  std::vector<signing::Envelope> envelopes;
  std::vector<const EnvironmentArtifact*> artifacts;  // of each envelope
  for (const auto& one : found) {
    for (const auto& envelope : one.envelopes) {
      envelopes.push_back(envelope);
      artifacts.push_back(&one.artifact);
    }
  }
  const auto judgement =
      signing::judge(trust, envelopes, [&](std::string_view payload) { return claim_in(payload, wanted); });
  const auto* agreed = judgement.agreed();
  if (agreed == nullptr)
    throw RemoteError(
        fmt::format("{} is not believed: {}", what_of(repository, environment), signing::verdict(judgement)));
  for (const auto& key : judgement.dissenters())
    warn(fmt::format(
        "{} ({}) says that something else was made of the environment {}: `karapace challenge {}` shows what", key.name,
        key.key.id().hex(), environment.short_hex(), environment.short_hex()));
  std::vector<signing::Envelope> counting;
  for (const auto index : agreed->envelopes) counting.push_back(envelopes[index]);
  return read_agreed(repository, artifacts, *agreed, std::move(counting), warn);
}

std::optional<std::string> judge_alone(const SignedArtifact& found, const signing::NamedKey& key,
                                       const Wanted& wanted) {
  const auto judgement = signing::judge({.keys = {key}, .agree = 1}, found.envelopes,
                                        [&](std::string_view payload) { return claim_in(payload, wanted); });
  const auto* agreed = judgement.agreed();
  return agreed == nullptr ? std::nullopt : std::optional(agreed->text);
}

ArtifactsBeside artifacts_beside(oci::ImageRepository& repository, const oci::ContentDigest& image,
                                 const EnvironmentId& environment, const std::vector<signing::NamedKey>* only_of,
                                 const Warn& warn) {
  constexpr std::size_t most_referrers = 64;                 // that are looked at
  constexpr std::size_t most_bytes = std::size_t{64} << 20;  // of what they signed
  const auto what = what_of(repository, environment);
  ArtifactsBeside artifacts;
  std::size_t bytes = 0;
  auto referrers = repository.referrers(image, environment_artifact_type);
  if (referrers.size() > most_referrers) referrers.resize(most_referrers, referrers.front());
  for (const auto& referrer : referrers) {
    try {
      auto one = read_artifact(repository, oci::require_manifest(repository, referrer.digest), what);
      if (one.artifact.environment != environment) continue;
      artifacts.is_any = true;
      if (only_of != nullptr)
        std::erase_if(one.envelopes,
                      [&](const auto& envelope) { return signing::signers(envelope, *only_of).empty(); });
      if (only_of != nullptr && one.envelopes.empty()) continue;
      for (const auto& envelope : one.envelopes) bytes += envelope.payload.size();
      if (bytes > most_bytes) throw RemoteError(fmt::format("{}: more is signed than can be read", what));
      artifacts.found.push_back(std::move(one));
    } catch (const Error& error) {
      warn(error.what());
    }
  }
  return artifacts;
}

std::optional<Believed> find_believed(oci::ImageRepository& repository, const Wanted& wanted,
                                      const signing::Trust& trust, const Warn& warn) {
  const auto found = ask(repository, wanted.environment, trust.keys, warn);
  if (found.empty()) return std::nullopt;
  return judge(repository, found, trust, wanted, warn);
}

}  // namespace karapace::exchange
