// SPDX-License-Identifier: Apache-2.0
// Asking a cache: whether it has an environment, and whether what it says of it is believed.
//
// A request for the manifest of each key that is trusted there, one for the records that were agreed on: that is all
// until its layers come. What is claimed is the digest of the records; it is believed when enough keys signed it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "exchange/cache_list.hpp"
#include "exchange/environment_artifact.hpp"
#include "exchange/record_bundle.hpp"
#include "proof/signing/trust.hpp"
#include "remote/oci/image_repository.hpp"

namespace karapace::exchange {

/// What was made by which step: another release may make an environment by other steps.
struct Wanted {
  EnvironmentId environment;
  std::optional<StepKey> step;  // any, else
  std::optional<Sha256> image;  // the statement must be about it, too
};

/// What a cache has of one signer.
struct SignedArtifact {
  EnvironmentArtifact artifact;
  std::vector<signing::Envelope> envelopes;
};

/// An environment that is believed.
struct Believed {
  EnvironmentArtifact artifact;
  RecordBundle bundle;
  std::vector<signing::NamedKey> signers;
  std::vector<signing::Envelope> envelopes;  // of these
};

/// The keys in its text. Error naming the cache when one is none.
signing::Trust trust_of(const Cache& cache);

/// Told what keeps one signer's word from counting, which is no reason not to listen to the others.
using Warn = std::function<void(const std::string&)>;

/// Of each trusted key that has said anything of the environment there.
std::vector<SignedArtifact> ask(oci::ImageRepository& repository, const EnvironmentId& environment,
                                const std::vector<signing::NamedKey>& keys, const Warn& warn);

/// Of what several signers say of one environment, what is believed. RemoteError when nothing is.
Believed judge(oci::ImageRepository& repository, const std::vector<SignedArtifact>& found, const signing::Trust& trust,
               const Wanted& wanted, const Warn& warn);

/// The records that this key has signed of it; nothing when it has not.
std::optional<std::string> judge_alone(const SignedArtifact& found, const signing::NamedKey& key, const Wanted& wanted);

/// The artifact of a manifest, with its signatures.
SignedArtifact read_artifact(oci::ImageRepository& repository, const oci::Manifest& manifest, std::string_view what);
/// Its records, which must have this digest (of proof::records_text, in hex).
RecordBundle read_bundle(oci::ImageRepository& repository, const EnvironmentArtifact& artifact,
                         const std::string& digest);

/// Those that lie beside an image, of its environment.
struct ArtifactsBeside {
  std::vector<SignedArtifact> found;
  bool is_any = false;  // of anybody
};
/// What can not be read keeps nobody from the others. `only_of`: what only others signed is not kept, as there may be
/// much of it; null for everybody.
ArtifactsBeside artifacts_beside(oci::ImageRepository& repository, const oci::ContentDigest& image,
                                 const EnvironmentId& environment, const std::vector<signing::NamedKey>* only_of,
                                 const Warn& warn);

/// Nothing when the cache has nothing of it. RemoteError when what it has is not believed, or can not be read.
std::optional<Believed> find_believed(oci::ImageRepository& repository, const Wanted& wanted,
                                      const signing::Trust& trust, const Warn& warn);

}  // namespace karapace::exchange
