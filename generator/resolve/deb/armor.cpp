// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/deb/armor.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "base/error.hpp"

namespace karapace::resolve_deb {
namespace {

constexpr std::string_view begin_public = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
constexpr std::string_view end_public = "-----END PGP PUBLIC KEY BLOCK-----";
constexpr std::string_view begin_private = "-----BEGIN PGP PRIVATE KEY BLOCK-----";

std::optional<std::uint32_t> base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<std::uint32_t>(c - 'A');
  if (c >= 'a' && c <= 'z') return static_cast<std::uint32_t>(c - 'a' + 26);
  if (c >= '0' && c <= '9') return static_cast<std::uint32_t>(c - '0' + 52);
  if (c == '+') return 62;
  if (c == '/') return 63;
  return std::nullopt;
}

[[noreturn]] void refuse(std::string_view what, std::string_view why) {
  throw LockError(fmt::format("lock: {}: {}; export it again with gpg --export", what, why));
}

std::string decoded_base64(std::string_view text, std::string_view what) {
  std::string bytes;
  std::uint32_t group = 0;
  int digits = 0;
  bool padded = false;
  for (const char c : text) {
    if (c == '\n' || c == '\r' || c == ' ' || c == '\t') continue;
    if (c == '=') {
      padded = true;
      continue;
    }
    const auto value = base64_value(c);
    if (!value || padded) refuse(what, "the armored key holds something else than base64");
    group = group << 6 | *value;
    if (++digits % 4 != 0) continue;
    for (int shift = 16; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(group >> shift & 0xff));
    group = 0;
  }
  if (digits % 4 == 1) refuse(what, "the armored key is truncated");
  if (digits % 4 == 2) bytes.push_back(static_cast<char>(group >> 4 & 0xff));
  if (digits % 4 == 3) {
    bytes.push_back(static_cast<char>(group >> 10 & 0xff));
    bytes.push_back(static_cast<char>(group >> 2 & 0xff));
  }
  return bytes;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t')) line.remove_suffix(1);
    lines.push_back(line);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

/// The lines between BEGIN and END: headers up to the first empty line, base64, and "=" with a CRC-24 that newer
/// standards ignore (the signature is what vouches for anything).
std::string decoded_block(std::string_view block, std::string_view what) {
  std::string base64;
  bool in_headers = true;
  for (const auto line : lines_of(block)) {
    if (in_headers && (line.empty() || line.find(": ") == std::string_view::npos)) {
      in_headers = false;
      if (line.empty()) continue;
    }
    if (in_headers || line.empty()) continue;
    if (line.front() == '=' && line.size() == 5) continue;
    base64 += line;
  }
  return decoded_base64(base64, what);
}

/// A binary keyring begins with a public-key packet: old format tag 6 (0x98, 0x99, 0x9a) or new format (0xc6).
bool begins_with_public_key(std::string_view bytes) {
  if (bytes.empty()) return false;
  const auto first = static_cast<unsigned char>(bytes.front());
  return (first & 0xfc) == 0x98 || first == 0xc6;
}

}  // namespace

std::string binary_keyring(std::string_view text, std::string_view what) {
  if (text.find(begin_private) != std::string_view::npos) {
    throw LockError(fmt::format("lock: {}: this is a private key; give the public one (gpg --export)", what));
  }
  std::string bytes;
  auto begin = text.find(begin_public);
  if (begin == std::string_view::npos) bytes = text;
  while (begin != std::string_view::npos) {
    const auto body = text.find('\n', begin);
    const auto end = text.find(end_public, begin);
    if (body == std::string_view::npos || end == std::string_view::npos) refuse(what, "the armored key is truncated");
    bytes += decoded_block(text.substr(body + 1, end - body - 1), what);
    begin = text.find(begin_public, end);
  }
  if (!begins_with_public_key(bytes)) refuse(what, "this is no OpenPGP public key");
  return bytes;
}

}  // namespace karapace::resolve_deb
