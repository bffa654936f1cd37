// SPDX-License-Identifier: Apache-2.0
// Armor: OpenPGP's ASCII form of keys (RFC 9580, section 6.2), undone without gpg.
#pragma once

#include <string>
#include <string_view>

namespace karapace::resolve_deb {

/// The binary form of a key file: armored blocks are decoded (several are joined, as `cat a.asc b.asc` means them),
/// binary keys are returned as they are. LockError naming `what` when it is neither, or when it holds a private key.
std::string binary_keyring(std::string_view text, std::string_view what);

}  // namespace karapace::resolve_deb
