// SPDX-License-Identifier: Apache-2.0
#include "remote/oci/content_digest.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <openssl/sha.h>

namespace karapace::oci {

namespace {

constexpr std::size_t hex_digits(Algorithm algorithm) noexcept { return algorithm == Algorithm::sha256 ? 64 : 128; }

bool is_lower_hex(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

std::string_view text(Algorithm algorithm) noexcept { return algorithm == Algorithm::sha256 ? "sha256" : "sha512"; }

std::optional<ContentDigest> ContentDigest::parse(std::string_view text) {
  for (auto algorithm : {Algorithm::sha256, Algorithm::sha512}) {
    auto name = oci::text(algorithm);
    if (!text.starts_with(name) || text.size() != name.size() + 1 + hex_digits(algorithm)) continue;
    auto hex = text.substr(name.size() + 1);
    if (text[name.size()] == ':' && is_lower_hex(hex)) return ContentDigest(algorithm, std::string(hex));
  }
  return std::nullopt;
}

std::string ContentDigest::text() const { return fmt::format("{}:{}", oci::text(algorithm_), hex_); }

// The functions that OpenSSL 3 calls deprecated, as in remote/sha256.cpp and for its reason.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

struct ContentHasher::Sha512 {
  Sha512() { ::SHA512_Init(&context); }
  SHA512_CTX context;
};

ContentHasher::ContentHasher(Algorithm algorithm) {
  if (algorithm == Algorithm::sha512) state_ = std::make_unique<Sha512>();
}
ContentHasher::~ContentHasher() = default;
ContentHasher::ContentHasher(ContentHasher&&) noexcept = default;
ContentHasher& ContentHasher::operator=(ContentHasher&&) noexcept = default;

ContentHasher& ContentHasher::update(std::string_view bytes) {
  if (auto* sha256 = std::get_if<remote::Sha256Hasher>(&state_))
    sha256->update(bytes);
  else
    ::SHA512_Update(&std::get<std::unique_ptr<Sha512>>(state_)->context, bytes.data(), bytes.size());
  return *this;
}

ContentDigest ContentHasher::finish() {
  if (auto* sha256 = std::get_if<remote::Sha256Hasher>(&state_)) return ContentDigest(sha256->finish());
  std::array<unsigned char, SHA512_DIGEST_LENGTH> bytes{};
  ::SHA512_Final(bytes.data(), &std::get<std::unique_ptr<Sha512>>(state_)->context);
  std::string hex;
  for (auto byte : bytes) hex += fmt::format("{:02x}", byte);
  return {Algorithm::sha512, std::move(hex)};
}

#pragma GCC diagnostic pop

ContentDigest digest_of(std::string_view bytes, Algorithm algorithm) {
  return ContentHasher(algorithm).update(bytes).finish();
}

}  // namespace karapace::oci
