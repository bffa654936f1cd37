// SPDX-License-Identifier: Apache-2.0
#include "proof/signing/envelope.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/base64.hpp"
#include "base/error.hpp"
#include "base/json/reader.hpp"
#include "base/json/text.hpp"

namespace karapace::signing {

namespace {

/// DSSE: "Either standard or URL-safe encoding is allowed."
std::optional<std::string> from_either_base64(std::string text) {
  if (text.find_first_of("-_") != text.npos && text.find_first_of("+/") != text.npos) return std::nullopt;
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  return from_base64(text);
}

class EnvelopeReader {
 public:
  EnvelopeReader(std::string_view text, std::string_view name) : reader_(text, name) {}

  Envelope read() {
    Envelope envelope;
    std::optional<std::string> type;
    std::optional<std::string> payload;
    bool has_signatures = false;
    const auto begin = reader_.position();
    reader_.map([&](const std::string& name, std::size_t at) {
      if (name == "payload") {
        once(payload.has_value(), name, at);
        payload = bytes();
      } else if (name == "payloadType") {
        once(type.has_value(), name, at);
        type = reader_.string();
      } else if (name == "signatures") {
        once(has_signatures, name, at);
        has_signatures = true;
        reader_.array([&] {
          if (envelope.signatures.size() == most_signatures)
            reader_.fail_at(reader_.position(), fmt::format("there are more than {} signatures", most_signatures));
          envelope.signatures.push_back(signature());
        });
      } else {
        reader_.skip();
      }
    });
    reader_.finish();
    if (!payload || !type) reader_.fail_at(begin, "an envelope has payload and payloadType");
    if (envelope.signatures.empty()) reader_.fail_at(begin, "the envelope has no signature");
    envelope.payload = std::move(*payload);
    envelope.payload_type = std::move(*type);
    return envelope;
  }

 private:
  void once(bool seen, std::string_view name, std::size_t at) const {
    if (seen) reader_.fail_at(at, fmt::format("field \"{}\" appears twice", name));
  }

  std::string bytes() {
    const auto at = reader_.position();
    auto decoded = from_either_base64(reader_.string());
    if (!decoded) reader_.fail_at(at, "this is no Base64");
    return std::move(*decoded);
  }

  EnvelopeSignature signature() {
    std::optional<std::string> id;
    std::optional<std::string> signature;
    const auto begin = reader_.position();
    reader_.map([&](const std::string& name, std::size_t at) {
      if (name == "sig") {
        once(signature.has_value(), name, at);
        signature = bytes();
      } else if (name == "keyid") {
        once(id.has_value(), name, at);
        id = reader_.string();
      } else {
        reader_.skip();
      }
    });
    if (!signature) reader_.fail_at(begin, "a signature has the field \"sig\"");
    return {id.value_or(""), std::move(*signature)};
  }

  JsonReader reader_;
};

}  // namespace

std::string signed_bytes(std::string_view payload_type, std::string_view payload) {
  return fmt::format("DSSEv1 {} {} {} {}", payload_type.size(), payload_type, payload.size(), payload);
}

Envelope signed_envelope(std::string payload, const SecretKey& key, std::string_view payload_type) {
  Envelope envelope{std::string(payload_type), std::move(payload), {}};
  add_signature(envelope, key);
  return envelope;
}

void add_signature(Envelope& envelope, const SecretKey& key) {
  const auto public_key = key.public_key();
  if (is_signed_by(envelope, public_key)) return;
  const auto signature = key.sign(signed_bytes(envelope.payload_type, envelope.payload));
  envelope.signatures.push_back({public_key.id().hex(), std::string(signature.view())});
}

std::string text(const Envelope& envelope) {
  std::string text = "{\"payload\":";
  append_json(text, base64(envelope.payload));
  text += ",\"payloadType\":";
  append_json(text, envelope.payload_type);
  text += ",\"signatures\":[";
  for (const auto& signature : envelope.signatures) {
    if (text.back() != '[') text += ',';
    text += "{\"keyid\":";
    append_json(text, signature.key_id);
    text += ",\"sig\":";
    append_json(text, base64(signature.bytes));
    text += '}';
  }
  return text + "]}\n";
}

Envelope parse_envelope(std::string_view text, std::string_view name) {
  if (text.size() > largest_envelope)
    throw Error(fmt::format("{}: an envelope of {} bytes is more than anybody signs", name, text.size()));
  try {
    return EnvelopeReader(text, name).read();
  } catch (const LockError& error) {
    throw Error(fmt::format("{}; this is no envelope of signatures", error.what()));
  }
}

const EnvelopeSignature* signature_of(const Envelope& envelope, const PublicKey& key) {
  const auto bytes = signed_bytes(envelope.payload_type, envelope.payload);
  for (const auto& one : envelope.signatures) {
    const auto signature = Signature::from_bytes(one.bytes);
    if (signature && is_signed_by(key, bytes, *signature)) return &one;
  }
  return nullptr;
}

bool is_signed_by(const Envelope& envelope, const PublicKey& key) { return signature_of(envelope, key) != nullptr; }

}  // namespace karapace::signing
