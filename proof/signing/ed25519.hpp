// SPDX-License-Identifier: Apache-2.0
// Ed25519 (RFC 8032): keys, and signatures of byte strings.
//
// A public key is 32 bytes and has an id, the first 8 bytes of its BLAKE3, by which people, tags and files call it. An
// id is a name and proves nothing: what is believed is decided by the whole key.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace karapace::signing {

class KeyId {
 public:
  static constexpr std::size_t size = 8;
  constexpr KeyId() = default;
  explicit constexpr KeyId(const std::array<std::uint8_t, size>& bytes) : bytes_(bytes) {}
  /// Exactly 16 lower-case hex digits, else nothing.
  static std::optional<KeyId> from_hex(std::string_view hex);
  std::string hex() const;
  auto operator<=>(const KeyId&) const = default;

 private:
  std::array<std::uint8_t, size> bytes_{};
};

struct PublicKey {
  static constexpr std::size_t size = 32;
  std::array<std::uint8_t, size> bytes{};

  /// Nothing when there are not exactly 32.
  static std::optional<PublicKey> from_bytes(std::string_view bytes);
  std::string_view view() const noexcept { return {reinterpret_cast<const char*>(bytes.data()), size}; }
  KeyId id() const;
  auto operator<=>(const PublicKey&) const = default;
};

struct Signature {
  static constexpr std::size_t size = 64;
  std::array<std::uint8_t, size> bytes{};

  /// Nothing when there are not exactly 64.
  static std::optional<Signature> from_bytes(std::string_view bytes);
  std::string_view view() const noexcept { return {reinterpret_cast<const char*>(bytes.data()), size}; }
  auto operator<=>(const Signature&) const = default;
};

/// What signs. Its memory is wiped when it goes.
class SecretKey {
 public:
  static constexpr std::size_t size = 32;
  /// Of the kernel's random numbers.
  static SecretKey generate();
  /// Nothing when there are not exactly 32 bytes: RFC 8032's "private key".
  static std::optional<SecretKey> from_bytes(std::string_view bytes);
  SecretKey(SecretKey&& other) noexcept;
  SecretKey& operator=(SecretKey&&) = delete;
  SecretKey(const SecretKey&) = delete;
  SecretKey& operator=(const SecretKey&) = delete;
  ~SecretKey();

  std::string_view view() const noexcept { return {reinterpret_cast<const char*>(bytes_.data()), size}; }
  PublicKey public_key() const;
  /// The same bytes and key give the same signature.
  Signature sign(std::string_view bytes) const;

 private:
  SecretKey() = default;
  std::array<std::uint8_t, size> bytes_{};
};

/// Strict: no second form of a signature, and none by keys under which several messages could have one.
bool is_signed_by(const PublicKey& key, std::string_view bytes, const Signature& signature);

}  // namespace karapace::signing
