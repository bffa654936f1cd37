// SPDX-License-Identifier: Apache-2.0
#include "proof/signing/ed25519.hpp"

#include <algorithm>
#include <cerrno>

#include <sodium.h>
#include <unistd.h>

#include "base/digest.hpp"
#include "base/error.hpp"

namespace karapace::signing {

namespace {

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

/// RFC 8032's private key is libsodium's seed; what libsodium calls the secret key is made of it, with the public key
/// behind.
class ExpandedKey {
 public:
  explicit ExpandedKey(std::string_view seed) {
    ::crypto_sign_ed25519_seed_keypair(public_key.data(), secret.data(), bytes_of(seed));
  }
  ExpandedKey(const ExpandedKey&) = delete;
  ExpandedKey& operator=(const ExpandedKey&) = delete;
  ~ExpandedKey() { ::sodium_memzero(secret.data(), secret.size()); }

  std::array<std::uint8_t, crypto_sign_ed25519_SECRETKEYBYTES> secret{};
  std::array<std::uint8_t, crypto_sign_ed25519_PUBLICKEYBYTES> public_key{};
};

template <class Bytes>
std::optional<Bytes> exactly(std::string_view bytes, std::size_t size) {
  if (bytes.size() != size) return std::nullopt;
  Bytes value;
  std::copy(bytes.begin(), bytes.end(), value.begin());
  return value;
}

}  // namespace

std::optional<KeyId> KeyId::from_hex(std::string_view hex) {
  // A digest has four times the digits of an id.
  const auto digest = Digest::from_hex(std::string(hex) + std::string(2 * (Digest::size - size), '0'));
  if (!digest || hex.size() != 2 * size) return std::nullopt;
  KeyId id;
  std::copy_n(digest->bytes().begin(), size, id.bytes_.begin());
  return id;
}

std::string KeyId::hex() const {
  std::array<std::uint8_t, Digest::size> digest{};
  std::copy(bytes_.begin(), bytes_.end(), digest.begin());
  return Digest(digest).hex().substr(0, 2 * size);
}

std::optional<PublicKey> PublicKey::from_bytes(std::string_view bytes) {
  const auto array = exactly<decltype(PublicKey::bytes)>(bytes, size);
  return array ? std::optional(PublicKey{*array}) : std::nullopt;
}

KeyId PublicKey::id() const {
  const auto digest = blake3(view());
  std::array<std::uint8_t, KeyId::size> first{};
  std::copy_n(digest.bytes().begin(), first.size(), first.begin());
  return KeyId(first);
}

std::optional<Signature> Signature::from_bytes(std::string_view bytes) {
  const auto array = exactly<decltype(Signature::bytes)>(bytes, size);
  return array ? std::optional(Signature{*array}) : std::nullopt;
}

SecretKey SecretKey::generate() {
  SecretKey key;
  if (::getentropy(key.bytes_.data(), size) != 0)
    throw Error(errno_message("key: the kernel gives no random numbers", errno));
  return key;
}

std::optional<SecretKey> SecretKey::from_bytes(std::string_view bytes) {
  if (bytes.size() != size) return std::nullopt;
  SecretKey key;
  std::copy(bytes.begin(), bytes.end(), key.bytes_.begin());
  return key;
}

SecretKey::SecretKey(SecretKey&& other) noexcept : bytes_(other.bytes_) {
  ::sodium_memzero(other.bytes_.data(), other.bytes_.size());
}

SecretKey::~SecretKey() { ::sodium_memzero(bytes_.data(), bytes_.size()); }

PublicKey SecretKey::public_key() const { return {ExpandedKey(view()).public_key}; }

Signature SecretKey::sign(std::string_view bytes) const {
  const ExpandedKey key(view());
  Signature signature;
  ::crypto_sign_ed25519_detached(signature.bytes.data(), nullptr, bytes_of(bytes), bytes.size(), key.secret.data());
  return signature;
}

bool is_signed_by(const PublicKey& key, std::string_view bytes, const Signature& signature) {
  return ::crypto_sign_ed25519_verify_detached(signature.bytes.data(), bytes_of(bytes), bytes.size(),
                                               key.bytes.data()) == 0;
}

}  // namespace karapace::signing
