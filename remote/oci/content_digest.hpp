// SPDX-License-Identifier: Apache-2.0
// ContentDigest: what registries address bytes by, "sha256:<64 hex digits>" (OCI image spec 1.1, descriptor.md,
// "Digests").
//
// Bytes that we make are named by SHA-256; SHA-512, the other registered algorithm, is read and verified.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/digest.hpp"
#include "remote/sha256.hpp"

namespace karapace::oci {

enum class Algorithm { sha256, sha512 };
std::string_view text(Algorithm algorithm) noexcept;

class ContentDigest {
 public:
  explicit ContentDigest(const Sha256& digest) : algorithm_(Algorithm::sha256), hex_(digest.hex()) {}
  /// Strict: a registered algorithm and exactly as many lower-case hex digits as it has.
  static std::optional<ContentDigest> parse(std::string_view text);

  Algorithm algorithm() const noexcept { return algorithm_; }
  const std::string& hex() const noexcept { return hex_; }
  /// "sha256:4bf5…"
  std::string text() const;
  auto operator<=>(const ContentDigest&) const = default;

 private:
  ContentDigest(Algorithm algorithm, std::string hex) : algorithm_(algorithm), hex_(std::move(hex)) {}
  friend class ContentHasher;

  Algorithm algorithm_;
  std::string hex_;
};

/// Streaming hash of either algorithm.
class ContentHasher {
 public:
  explicit ContentHasher(Algorithm algorithm = Algorithm::sha256);
  ~ContentHasher();
  ContentHasher(ContentHasher&&) noexcept;
  ContentHasher& operator=(ContentHasher&&) noexcept;
  ContentHasher& update(std::string_view bytes);
  /// Ends the hash; the value may only be destroyed or assigned to afterwards.
  ContentDigest finish();

 private:
  struct Sha512;
  std::variant<remote::Sha256Hasher, std::unique_ptr<Sha512>> state_;
};

ContentDigest digest_of(std::string_view bytes, Algorithm algorithm = Algorithm::sha256);

}  // namespace karapace::oci
