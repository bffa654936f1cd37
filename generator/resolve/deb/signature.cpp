// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/deb/signature.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include <fmt/format.h>

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
  std::string fingerprint;
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
  verdict.fingerprint = fields[11];
  if (weak_hash(fields[9])) verdict.refused = true;
}

/// What made gpgv refuse, for people.
std::string reason(std::string_view status) {
  for (const auto& [word, text] : std::array<std::pair<std::string_view, std::string_view>, 6>{
           {{"BADSIG", "the signature does not match the contents"},
            {"EXPKEYSIG", "the signing key has expired"},
            {"REVKEYSIG", "the signing key was revoked"},
            {"EXPSIG", "the signature has expired"},
            {"NO_PUBKEY", "it is signed by a key that is not in the keyring"},
            {"NODATA", "it carries no signature"}}}) {
    if (status.find(fmt::format("[GNUPG:] {}", word)) != std::string_view::npos) return std::string(text);
  }
  return "no valid signature was found";
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

std::vector<std::string> valid_signers(std::string_view status) {
  std::vector<Verdict> verdicts;
  for (const auto line : lines(status)) read_status_line(line, verdicts);
  std::vector<std::string> signers;
  for (const auto& verdict : verdicts) {
    if (verdict.good && !verdict.refused && !verdict.fingerprint.empty()) signers.push_back(verdict.fingerprint);
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
  SignedText result{.text = {}, .signers = valid_signers(status)};
  if (result.signers.empty()) {
    throw LockError(
        fmt::format("{}the signature of its Release file is not valid: {}; use another mirror, or check "
                    "that its keyring is the right one",
                    prefix, reason(status)));
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
