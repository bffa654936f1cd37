// SPDX-License-Identifier: Apache-2.0
// Signature: which keys vouch for a Release file, judged from gpgv's status lines.
//
// Only the text that gpgv hands out as signed is ever parsed. The verdict comes from the status lines, not from the
// exit status: Debian signs with several keys, and gpgv fails as soon as one of them is not in the keyring.
#pragma once

#include <filesystem>
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

/// Runs gpgv(1) with exactly this keyring. LockError beginning with `prefix` when no valid signature is left.
/// `work` is a private directory for the output.
SignedText verify(const ReleaseFiles& files, const std::filesystem::path& keyring, const std::filesystem::path& work,
                  std::string_view prefix);

/// The primary-key fingerprints of good signatures in gpgv's status lines, sorted: those with VALIDSIG whose key and
/// signature have not expired or been revoked and whose hash is not MD5, SHA-1 or RIPEMD-160.
std::vector<std::string> valid_signers(std::string_view status);

// Armor: OpenPGP's ASCII form of keys (RFC 9580, section 6.2), undone without gpg.

/// The binary form of a key file: armored blocks are decoded (several are joined, as `cat a.asc b.asc` means them),
/// binary keys are returned as they are. LockError naming `what` when it is neither, or when it holds a private key.
std::string binary_keyring(std::string_view text, std::string_view what);

}  // namespace karapace::resolve::deb
