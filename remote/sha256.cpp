// SPDX-License-Identifier: Apache-2.0
#include "remote/sha256.hpp"

#include <array>

#include <openssl/sha.h>

namespace karapace::remote {

// The functions that OpenSSL 3 calls deprecated: those that it recommends bring providers, a configuration and
// thousands of relocations, which cost more than the hash of a small package, in a process that each package starts.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

struct Sha256Hasher::State {
  SHA256_CTX context;
};

Sha256Hasher::Sha256Hasher() : state_(std::make_unique<State>()) { ::SHA256_Init(&state_->context); }
Sha256Hasher::~Sha256Hasher() = default;
Sha256Hasher::Sha256Hasher(Sha256Hasher&&) noexcept = default;
Sha256Hasher& Sha256Hasher::operator=(Sha256Hasher&&) noexcept = default;

Sha256Hasher& Sha256Hasher::update(std::string_view bytes) {
  ::SHA256_Update(&state_->context, bytes.data(), bytes.size());
  return *this;
}

Sha256 Sha256Hasher::finish() {
  std::array<std::uint8_t, Digest::size> bytes{};
  ::SHA256_Final(bytes.data(), &state_->context);
  return Sha256(Digest(bytes));
}

#pragma GCC diagnostic pop

}  // namespace karapace::remote
