// SPDX-License-Identifier: Apache-2.0
// Envelope: bytes with signatures over them, as DSSE 1.0.2 (secure-systems-lab/dsse) has it in JSON.
//
// What is signed is the payload as it is, with its type: nothing is parsed, ordered or written anew before a signature
// was checked. An envelope comes from anybody: it says only what a key that is trusted signed (trust.hpp).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proof/signing/ed25519.hpp"

namespace karapace::signing {

/// What a statement of in-toto is called in an envelope.
constexpr std::string_view statement_type = "application/vnd.in-toto+json";
/// The largest envelope that is read, in bytes.
constexpr std::size_t largest_envelope = std::size_t{16} << 20;
/// Each is compared with each key that is trusted.
constexpr std::size_t most_signatures = 64;

struct EnvelopeSignature {
  std::string key_id;  // a hint that nobody signed; our own: KeyId::hex()
  std::string bytes;   // of any algorithm: those of others are kept
  auto operator<=>(const EnvelopeSignature&) const = default;
};

struct Envelope {
  std::string payload_type;
  std::string payload;
  std::vector<EnvelopeSignature> signatures;
  auto operator<=>(const Envelope&) const = default;
};

/// What a signature is over: PAE(type, payload), "DSSEv1 29 http://example.com/HelloWorld 11 hello world".
std::string signed_bytes(std::string_view payload_type, std::string_view payload);

/// With one signature of this key.
Envelope signed_envelope(std::string payload, const SecretKey& key, std::string_view payload_type = statement_type);
/// Adds a signature, unless one of this key is there.
void add_signature(Envelope& envelope, const SecretKey& key);

/// One line of JSON with its newline. The same envelope gives the same bytes.
std::string text(const Envelope& envelope);
/// Fields that DSSE does not know are ignored, as it demands; everything else is refused: fields twice, other types,
/// what is no Base64 (of either alphabet), no signature or too many, more than largest_envelope. Error
/// "NAME:line:column: ...".
Envelope parse_envelope(std::string_view text, std::string_view name);

/// The one that is this key's, whatever the hints say; null when there is none.
const EnvelopeSignature* signature_of(const Envelope& envelope, const PublicKey& key);
bool is_signed_by(const Envelope& envelope, const PublicKey& key);

}  // namespace karapace::signing
