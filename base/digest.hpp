// SPDX-License-Identifier: Apache-2.0
// Digests and the typed identifiers made of them.
//
// Everything inside Karapace is addressed by BLAKE3-256, written as 64 lower-case hex digits. SHA-256 appears where
// the outside world speaks it (package indexes, registries).
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace karapace {

/// 256 bits. Ordered as bytes.
class Digest {
 public:
  static constexpr std::size_t size = 32;
  constexpr Digest() = default;
  explicit constexpr Digest(const std::array<std::uint8_t, size>& bytes) : bytes_(bytes) {}
  /// Exactly 64 lower-case hex digits, else nothing.
  static std::optional<Digest> from_hex(std::string_view hex) noexcept;
  std::string hex() const;
  /// The first 12 hex digits: what people see.
  std::string short_hex() const { return hex().substr(0, 12); }
  const std::array<std::uint8_t, size>& bytes() const noexcept { return bytes_; }
  auto operator<=>(const Digest&) const = default;

 private:
  std::array<std::uint8_t, size> bytes_{};
};

/// A digest that names one kind of thing; kinds do not convert into each other.
template <class Tag>
class Identifier {
 public:
  constexpr Identifier() = default;
  explicit constexpr Identifier(const Digest& digest) : digest_(digest) {}
  static std::optional<Identifier> from_hex(std::string_view hex) noexcept {
    auto digest = Digest::from_hex(hex);
    if (!digest) return std::nullopt;
    return Identifier(*digest);
  }
  std::string hex() const { return digest_.hex(); }
  std::string short_hex() const { return digest_.short_hex(); }
  const Digest& digest() const noexcept { return digest_; }
  auto operator<=>(const Identifier&) const = default;

 private:
  Digest digest_;
};

using Sha256 = Identifier<struct Sha256Tag>;  // SHA-256 of the bytes

/// Streaming BLAKE3.
class Blake3 {
 public:
  Blake3();
  ~Blake3();
  Blake3(const Blake3&) = delete;
  Blake3& operator=(const Blake3&) = delete;
  Blake3& update(std::string_view bytes);
  Digest finish() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// BLAKE3 of a byte string.
Digest blake3(std::string_view bytes);
/// BLAKE3 of what can be read from `fd` from its current offset to its end. Throws StoreError naming `what`.
Digest blake3_of_file(int fd, std::string_view what);

}  // namespace karapace

template <class Tag>
struct std::hash<karapace::Identifier<Tag>> {
  std::size_t operator()(const karapace::Identifier<Tag>& id) const noexcept {
    std::size_t value = 0;
    for (std::size_t i = 0; i < sizeof value; ++i) value = value << 8 | id.digest().bytes()[i];
    return value;
  }
};
