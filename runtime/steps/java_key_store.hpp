// SPDX-License-Identifier: Apache-2.0
// Java key stores of the format JKS, which hold the moment at which each certificate was added.
//
// Source: sun.security.provider.JavaKeyStore: big-endian; 0xfeedfeed, version 2, a count; for each trusted certificate
// the tag 2, alias, milliseconds, type, certificate; last a SHA-1 over the password, a phrase and all before.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace karapace::steps {

/// The key store with no moment later than `epoch` (seconds), protected by the default password again. A store that is
/// not of this format, holds keys, or has another password is returned as it is.
std::string with_epoch_dates(std::string_view store, std::int64_t epoch);

}  // namespace karapace::steps
