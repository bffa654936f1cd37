// SPDX-License-Identifier: Apache-2.0
// Statement: what a key says of an environment, an in-toto Statement v1 with SLSA provenance v1 (docs/proofs.md).
//
// A pure function of the lock and the records of the steps that led to the environment: two machines that built the
// same sign the same bytes. So there is no time, host or version in it: who built is told by the key.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "generator/lock/lock.hpp"
#include "proof/signing/trust.hpp"
#include "store/step.hpp"

namespace karapace::proof {

/// What a statement is about, and what it claims.
struct Subject {
  EnvironmentId environment;
  Sha256 lock;                  // of the canonical lock's text, of which `environment` is the BLAKE3
  StepKey step;                 // the environment's, which stands for all steps before it
  Sha256 records;               // of records_text
  std::optional<Sha256> image;  // of the image's manifest, when the statement is about one, too
  auto operator<=>(const Subject&) const = default;
};

/// The records' texts one after the other, by key: what the digest `records` is of, however they travel.
std::string records_text(const std::map<StepKey, StepRecord>& records);

/// `records`: those of the environment's step and of all before it, and no others. Error when the environment's is not
/// among them or made another environment.
Subject subject_of(const lock::Lock& lock, const std::map<StepKey, StepRecord>& records,
                   const std::optional<Sha256>& image = std::nullopt);
/// Of the same: JSON without space, the same bytes on every machine.
std::string statement_text(const lock::Lock& lock, const std::map<StepKey, StepRecord>& records,
                           const std::optional<Sha256>& image = std::nullopt);
/// What was signed as a statement of ours. Of the predicate, which is for others, nothing is read. Error
/// "NAME:line:column: ..." when it is none.
Subject parse_statement(std::string_view text, std::string_view name);

/// For `signing::judge`: what statements say that this step made; those about other steps say nothing. (Another release
/// may make the same environment by other steps, which is no disagreement.)
signing::ClaimOf claims_about(const StepKey& environment_step);

}  // namespace karapace::proof
