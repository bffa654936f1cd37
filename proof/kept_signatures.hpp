// SPDX-License-Identifier: Apache-2.0
// Kept signatures: `signatures/<environment>/<key id>` in the store, an envelope each: what a key says of an
// environment.
//
// They can not be made again without the key, so gc never takes them, not even with their environment: built again from
// the same lock it is the same, and they are of it. They are a few kilobytes each, and prove themselves.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "proof/signing/envelope.hpp"
#include "store/store.hpp"

namespace karapace::proof {

struct KeptSignature {
  std::string name;                           // the file's: the id of the key that signed, as whoever kept it says
  std::optional<signing::Envelope> envelope;  // nothing when it can not be read
  std::string problem = {};                   // then why
};

/// By name. The environment need not be built.
std::vector<KeptSignature> kept_signatures(const store::Store& store, const EnvironmentId& environment);

/// Keeps what this key signed, in the place of what it said before; forced to the disk. Other signatures of the
/// envelope are not looked at: whose they are they only say themselves. Returns the file. Error when the key did not
/// sign it.
std::filesystem::path keep_signature(const store::Store& store, const EnvironmentId& environment,
                                     const signing::Envelope& envelope, const signing::PublicKey& key);

}  // namespace karapace::proof
