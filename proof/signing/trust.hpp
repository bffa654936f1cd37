// SPDX-License-Identifier: Apache-2.0
// Trust: which keys are believed, and what they say together.
//
// Of one thing, as an environment, there may be statements of many keys, from servers that nobody believes. What counts
// is what a statement claims (the outputs of steps), not its bytes: two releases of this program may word one claim
// differently. A claim is believed when at least `agree` keys that are trusted made it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proof/signing/envelope.hpp"

namespace karapace::signing {

/// A public key and what its owner is called here.
struct NamedKey {
  std::string name;
  PublicKey key;
  auto operator<=>(const NamedKey&) const = default;
};

struct Trust {
  std::vector<NamedKey> keys;
  unsigned agree = 1;
};

/// Error when `agree` is 0 or more than there are keys, or when a key is in it twice: it would count twice.
void require_sound(const Trust& trust);

/// The trusted keys that signed it, each once, in the order of the trust.
std::vector<NamedKey> signers(const Envelope& envelope, const std::vector<NamedKey>& trusted);

/// What some of the trusted keys say.
struct Claim {
  std::string text;                    // what `claim_of` made of the payload
  std::vector<NamedKey> keys;          // who says so, each once, in the order of the trust
  std::vector<std::size_t> envelopes;  // which of those given say so with a signature that counts
};

struct Judgement {
  /// The one with the most keys first; of several with as many, the one that was given first.
  std::vector<Claim> claims;
  unsigned agree = 1;
  /// What is believed; null when not enough keys agree.
  const Claim* agreed() const noexcept {
    return !claims.empty() && claims.front().keys.size() >= agree ? &claims.front() : nullptr;
  }
  /// The keys that say something else than most, "alice", in the order of the trust; those that say both are among
  /// them.
  std::vector<NamedKey> dissenters() const;
};

/// What a payload claims of the thing in question; nothing when it is about something else or can not be read.
using ClaimOf = std::function<std::optional<std::string>(std::string_view payload)>;

/// Payloads of another type than `statement_type`, and those that no trusted key signed, are never shown to `claim_of`.
Judgement judge(const Trust& trust, const std::vector<Envelope>& envelopes, const ClaimOf& claim_of);

/// For people: "alice and bob", "3 keys"; `agreed` or why nothing is, with the keys that say something else.
std::string verdict(const Judgement& judgement);

}  // namespace karapace::signing
