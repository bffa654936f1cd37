// SPDX-License-Identifier: Apache-2.0
#include "remote/oci/base64.hpp"

#include <climits>
#include <openssl/evp.h>

namespace karapace::oci {

namespace {

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock(3) ends it with a NUL
  ::EVP_EncodeBlock(bytes_of(text), bytes_of(bytes), static_cast<int>(bytes.size()));
  text.pop_back();
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0 || text.size() > INT_MAX) return std::nullopt;
  auto digits_end = text.find_last_not_of('=') + 1;
  auto padding = text.size() - digits_end;
  // EVP_DecodeBlock(3) ignores white space at the ends and takes "=" anywhere; neither is RFC 4648.
  if (padding > 2 || text.substr(0, digits_end).find_first_not_of(digits) != text.npos) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  auto count = ::EVP_DecodeBlock(bytes_of(bytes), bytes_of(text), static_cast<int>(text.size()));
  if (count < 0) return std::nullopt;
  bytes.resize(static_cast<std::size_t>(count) - padding);
  return bytes;
}

}  // namespace karapace::oci
