// SPDX-License-Identifier: Apache-2.0
// Seals: the store's JSON records carry a digest of themselves, so that a flipped bit is found and named, not believed.
//
// A sealed record is JSON whose first line is "{", whose second is ` "check": "<64 hex digits>",` and whose rest is
// what the digits are the BLAKE3 of. It detects damage; it is no signature.
#pragma once

#include <string>
#include <string_view>

namespace karapace {

/// `json`: an object with at least one field, beginning with "{\n".
std::string sealed(std::string_view json);
/// The JSON without its seal. Throws std::invalid_argument when the text does not have the form or the digest differs.
std::string unsealed(std::string_view text);
/// The same with an empty line in the seal's place, so that errors name the lines of the text.
std::string unsealed_in_place(std::string_view text);

}  // namespace karapace
