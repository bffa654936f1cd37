// SPDX-License-Identifier: Apache-2.0
#include "remote/sha256.hpp"

#include <array>
#include <new>

#include <openssl/crypto.h>
#include <openssl/evp.h>

namespace karapace::remote {

namespace {

EVP_MD_CTX* context_of(void* context) { return static_cast<EVP_MD_CTX*>(context); }

}  // namespace

void Sha256Hasher::Free::operator()(void* context) const noexcept { EVP_MD_CTX_free(context_of(context)); }

// Libcrypto fails here only without memory. Reading its configuration would take a millisecond, a quarter of a small
// package's time, and says nothing about a hash; where it has been read already, this does nothing.
Sha256Hasher::Sha256Hasher() {
  OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  context_.reset(EVP_MD_CTX_new());
  if (!context_ || EVP_DigestInit_ex(context_of(context_.get()), EVP_sha256(), nullptr) != 1) throw std::bad_alloc();
}
Sha256Hasher::~Sha256Hasher() = default;
Sha256Hasher::Sha256Hasher(Sha256Hasher&&) noexcept = default;
Sha256Hasher& Sha256Hasher::operator=(Sha256Hasher&&) noexcept = default;

Sha256Hasher& Sha256Hasher::update(std::string_view bytes) {
  if (EVP_DigestUpdate(context_of(context_.get()), bytes.data(), bytes.size()) != 1) throw std::bad_alloc();
  return *this;
}

Sha256 Sha256Hasher::finish() {
  std::array<std::uint8_t, Digest::size> bytes{};
  if (EVP_DigestFinal_ex(context_of(context_.get()), bytes.data(), nullptr) != 1) throw std::bad_alloc();
  return Sha256(Digest(bytes));
}

}  // namespace karapace::remote
