// SPDX-License-Identifier: Apache-2.0
// Base64 (RFC 4648, section 4), in which descriptors embed data, credential files keep passwords, and keys and
// signatures stand in texts.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace karapace {

std::string base64(std::string_view bytes);
/// Nothing when it is not Base64 with its padding, or when bits are set that stand for nothing: one text per byte
/// string.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace karapace
