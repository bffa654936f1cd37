// SPDX-License-Identifier: Apache-2.0
// Signature: which keys vouch for a Release file, judged from gpgv's status lines.
//
// Only the text that gpgv hands out as signed is ever parsed. The verdict comes from the status lines, not from the
// exit status: Debian signs with several keys, and gpgv fails as soon as one of them is not in the keyring.
#pragma once

#include <compare>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace karapace::resolve::deb {

struct SignedText {
  std::string text;                  // exactly what was signed
  std::vector<std::string> signers;  // fingerprints of primary keys with a valid signature, sorted, unique
};

struct ReleaseFiles {
  std::filesystem::path release;    // InRelease, or Release when there is a detached signature
  std::filesystem::path signature;  // Release.gpg; empty for InRelease
};

/// What gpgv's words in its status lines, or in apt's messages, mean for people, `details`, and the way out, which ends
/// with "the keyring".
std::string signature_complaint(std::string_view text, std::string_view details);

/// Runs gpgv(1) with exactly this keyring, in binary form. LockError beginning with `prefix` when no valid signature is
/// left. `work` is a private directory for the output.
SignedText verify(const ReleaseFiles& files, const std::filesystem::path& keyring, const std::filesystem::path& work,
                  std::string_view prefix);

/// A public key or subkey of version 4 (RFC 9580, section 5.5), the only one that gpgv 2.2 knows.
struct PublicKey {
  unsigned algorithm = 0;  // 1 to 3: RSA, 17: DSA
  unsigned bits = 0;       // of its first number, which for these two is what people call the key's size
  auto operator<=>(const PublicKey&) const = default;
};
/// By fingerprint, 40 upper-case hexadecimal digits.
using PublicKeys = std::map<std::string, PublicKey, std::less<>>;
/// The keys of a binary keyring, as far as it can be read.
PublicKeys public_keys(std::string_view keyring);

/// The primary-key fingerprints of good signatures in gpgv's status lines, sorted: those with VALIDSIG whose key and
/// signature have not expired or been revoked, whose hash is not MD5, SHA-1 or RIPEMD-160, and whose signing key is one
/// of `keys` and no RSA or DSA key below 2048 bits.
std::vector<std::string> valid_signers(std::string_view status, const PublicKeys& keys);

// Armor: OpenPGP's ASCII form of keys (RFC 9580, section 6.2), undone without gpg.

/// The binary form of a key file: armored blocks are decoded (several are joined, as `cat a.asc b.asc` means them),
/// binary keys are returned as they are. LockError naming `what` when it is neither, or when it holds a private key.
std::string binary_keyring(std::string_view text, std::string_view what);

}  // namespace karapace::resolve::deb
