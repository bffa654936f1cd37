// SPDX-License-Identifier: Apache-2.0
// Base64 (RFC 4648, section 4), in which descriptors embed data and credential files keep passwords.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace karapace::oci {

std::string base64(std::string_view bytes);
/// Nothing when it is not Base64 with its padding.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace karapace::oci
