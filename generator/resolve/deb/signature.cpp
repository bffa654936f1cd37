// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/deb/signature.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/evp.h>

#include "base/child.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/remove_tree.hpp"
#include "base/words.hpp"
#include "generator/resolve/deb/control_fields.hpp"

namespace karapace::resolve::deb {

namespace {

/// What gpgv says about one signature, from NEWSIG to NEWSIG.
struct Verdict {
  bool good = false;
  bool refused = false;
  std::string signing_key;  // a fingerprint, perhaps a subkey's
  std::string fingerprint;  // of the primary key
};

/// Hash algorithm numbers of RFC 9580, section 9.5, that no longer vouch for anything.
bool weak_hash(std::string_view number) { return number == "1" || number == "2" || number == "3"; }

void read_status_line(std::string_view line, std::vector<Verdict>& verdicts) {
  const auto fields = words(line);
  if (fields.size() < 2 || fields[0] != "[GNUPG:]") return;
  if (fields[1] == "NEWSIG") verdicts.emplace_back();
  if (verdicts.empty()) return;
  Verdict& verdict = verdicts.back();
  if (fields[1] == "GOODSIG") verdict.good = true;
  for (const std::string_view bad : {"BADSIG", "ERRSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG"}) {
    if (fields[1] == bad) verdict.refused = true;
  }
  // VALIDSIG fingerprint date time expires version reserved key-algorithm hash-algorithm class primary-fingerprint
  if (fields[1] != "VALIDSIG" || fields.size() < 12) return;
  verdict.signing_key = fields[2];
  verdict.fingerprint = fields[11];
  if (weak_hash(fields[9])) verdict.refused = true;
}

std::vector<Verdict> verdicts_of(std::string_view status) {
  std::vector<Verdict> verdicts;
  for (const auto line : lines(status)) read_status_line(line, verdicts);
  return verdicts;
}

constexpr unsigned least_bits = 2048;

bool is_small(const PublicKey& key) {
  const bool rsa = key.algorithm >= 1 && key.algorithm <= 3;
  return (rsa || key.algorithm == 17) && key.bits < least_bits;
}

/// A key that is not found can not be judged.
bool counts(const Verdict& verdict, const PublicKeys& keys) {
  if (!verdict.good || verdict.refused || verdict.fingerprint.empty()) return false;
  const auto key = keys.find(verdict.signing_key);
  return key != keys.end() && !is_small(key->second);
}

/// Why a signature that gpgv takes does not count, or "".
std::string small_key_complaint(std::string_view status, const PublicKeys& keys) {
  for (const auto& verdict : verdicts_of(status)) {
    const auto key = keys.find(verdict.signing_key);
    if (!verdict.good || key == keys.end() || !is_small(key->second)) continue;
    return fmt::format(
        "the signing key {} is {} of {} bits, and less than {} no longer vouch for anything; ask the "
        "repository's owner to sign with a larger key",
        verdict.signing_key, key->second.algorithm == 17 ? "DSA" : "RSA", key->second.bits, least_bits);
  }
  return {};
}

/// One word of GnuPG's doc/DETAILS.
struct Word {
  std::string_view word;
  std::string_view meaning;
  std::string_view way_out;
};

constexpr std::string_view another_mirror = "use another mirror, or check the keyring";
constexpr std::string_view another_key = "put its owner's new key into the keyring";

constexpr std::array<Word, 6> bad_words{
    {{"BADSIG", "the signature does not match the contents", another_mirror},
     {"EXPKEYSIG", "the signing key has expired", another_key},
     {"REVKEYSIG", "the signing key was revoked", another_key},
     {"EXPSIG", "the signature has expired", another_mirror},
     {"NO_PUBKEY", "it is signed by a key that is not in the keyring", another_mirror},
     {"NODATA", "it carries no signature", another_mirror}}};

// Keys (RFC 9580, section 4.2): a keyring is a row of packets.

/// Takes a big-endian number off the front; nothing when there are too few bytes.
std::optional<std::size_t> take_number(std::string_view& bytes, std::size_t length) {
  if (bytes.size() < length) return std::nullopt;
  std::size_t number = 0;
  for (const char byte : bytes.substr(0, length)) number = number << 8 | static_cast<unsigned char>(byte);
  bytes.remove_prefix(length);
  return number;
}

/// The length in the new format; keys have no partial ones.
std::optional<std::size_t> take_new_length(std::string_view& bytes) {
  const auto first = take_number(bytes, 1);
  if (!first || *first < 192) return first;
  if (*first == 255) return take_number(bytes, 4);
  if (*first >= 224) return std::nullopt;
  const auto second = take_number(bytes, 1);
  if (!second) return std::nullopt;
  return ((*first - 192) << 8) + *second + 192;
}

struct Packet {
  std::size_t tag;
  std::string_view body;
};

/// Nothing at the end, and before what is no packet.
std::optional<Packet> take_packet(std::string_view& bytes) {
  const auto header = take_number(bytes, 1);
  if (!header || (*header & 0x80) == 0) return std::nullopt;
  const bool is_new = (*header & 0x40) != 0;
  const std::size_t length_bytes = std::size_t{1} << (*header & 3);
  if (!is_new && length_bytes == 8) return std::nullopt;
  const auto length = is_new ? take_new_length(bytes) : take_number(bytes, length_bytes);
  if (!length || *length > bytes.size()) return std::nullopt;
  const Packet packet{.tag = is_new ? *header & 0x3f : *header >> 2 & 0xf, .body = bytes.substr(0, *length)};
  bytes.remove_prefix(*length);
  return packet;
}

/// SHA-1 of 0x99, the body's length and the body (section 5.5.4.2).
std::string fingerprint_of(std::string_view body) {
  std::string text{'\x99', static_cast<char>(body.size() >> 8), static_cast<char>(body.size() & 0xff)};
  text += body;
  std::array<unsigned char, 20> digest{};
  if (EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha1(), nullptr) != 1)
    throw Error("lock: libcrypto cannot compute SHA-1, which fingerprints of keys are made of");
  return fmt::format("{:02X}", fmt::join(digest, ""));
}

/// Runs gpgv; its status lines come back. Its own chatter is dropped: the status lines say it better.
std::string run_gpgv(std::vector<std::string> arguments, const std::filesystem::path& home) {
  const ChildCommand command{
      .argv = std::move(arguments),
      .working_directory = {},
      .variables = std::vector<std::string>{"GNUPGHOME=" + home.string(), "PATH=/usr/local/bin:/usr/bin:/bin"},
      .interrupts = Interrupts::for_both};
  auto ran = capture_child(command);
  if (ran.status == 127) throw Error("lock: cannot run gpgv: install the package gpgv");
  if (ran.status > 128) throw Error(fmt::format("lock: gpgv was ended by signal {}", ran.status - 128));
  return std::move(ran.output);
}

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

/// The lines between BEGIN and END: headers up to the first empty line, base64, and "=" with a CRC-24 that newer
/// standards ignore (the signature is what vouches for anything).
std::string decoded_block(std::string_view block, std::string_view what) {
  std::string base64;
  bool in_headers = true;
  for (const auto whole : lines(block, EmptyLines::kept)) {
    const auto line = whole.substr(0, whole.find_last_not_of(" \t\r") + 1);
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

std::string signature_complaint(std::string_view text, std::string_view details) {
  const auto found = std::find_if(bad_words.begin(), bad_words.end(),
                                  [text](const Word& word) { return text.find(word.word) != std::string_view::npos; });
  const Word word = found == bad_words.end() ? Word{"", "no valid signature was found", another_mirror} : *found;
  return fmt::format("{}{}; {}", word.meaning, details, word.way_out);
}

PublicKeys public_keys(std::string_view keyring) {
  constexpr std::size_t public_key = 6;
  constexpr std::size_t public_subkey = 14;
  PublicKeys keys;
  while (const auto packet = take_packet(keyring)) {
    // Version, time (4), algorithm, and the first number's size in bits (2).
    if ((packet->tag != public_key && packet->tag != public_subkey) || packet->body.size() < 8) continue;
    auto body = packet->body;
    if (take_number(body, 1) != 4) continue;
    body.remove_prefix(4);
    const auto algorithm = static_cast<unsigned>(*take_number(body, 1));
    keys[fingerprint_of(packet->body)] = {.algorithm = algorithm, .bits = static_cast<unsigned>(*take_number(body, 2))};
  }
  return keys;
}

std::vector<std::string> valid_signers(std::string_view status, const PublicKeys& keys) {
  std::vector<std::string> signers;
  for (const auto& verdict : verdicts_of(status)) {
    if (counts(verdict, keys)) signers.push_back(verdict.fingerprint);
  }
  std::sort(signers.begin(), signers.end());
  signers.erase(std::unique(signers.begin(), signers.end()), signers.end());
  return signers;
}

SignedText verify(const ReleaseFiles& files, const std::filesystem::path& keyring, const std::filesystem::path& work,
                  std::string_view prefix) {
  const auto output = work / "signed-text";
  remove_tree(output);
  std::vector<std::string> arguments{"gpgv", "--status-fd", "1", "--keyring", keyring.string()};
  const bool detached = !files.signature.empty();
  if (detached) {
    arguments.push_back(files.signature.string());
  } else {
    arguments.insert(arguments.end(), {"--output", output.string()});
  }
  arguments.push_back(files.release.string());
  const std::string status = run_gpgv(std::move(arguments), work);
  const PublicKeys keys = public_keys(read_file(keyring));
  SignedText result{.text = {}, .signers = valid_signers(status, keys)};
  if (result.signers.empty()) {
    const auto complaint = small_key_complaint(status, keys);
    throw LockError(fmt::format("{}the signature of its Release file is not valid: {}", prefix,
                                complaint.empty() ? signature_complaint(status, "") : complaint));
  }
  result.text = read_file(detached ? files.release : output);
  return result;
}

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

}  // namespace karapace::resolve::deb
