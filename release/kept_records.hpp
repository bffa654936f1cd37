// SPDX-License-Identifier: Apache-2.0
// What a destination keeps in .karapace/ for later: which links were wished for, and which build ids were used.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/json/record.hpp"
#include "release/destination.hpp"

namespace karapace::release {

inline constexpr auto wishes_file = "links.json";
inline constexpr auto wishes_fields = fields_of<LinkWishes>(FormatMember{1}, member("manifest", &LinkWishes::manifest),
                                                            member("chosen", &LinkWishes::chosen));

/// Version, without its build id -> the highest that it ever had.
struct UsedIds {
  std::map<std::string, std::uint64_t> highest;
  auto operator<=>(const UsedIds&) const = default;
};
inline constexpr auto used_file = "used.json";
inline constexpr auto used_fields = fields_of<UsedIds>(FormatMember{1}, member("highest", &UsedIds::highest));

}  // namespace karapace::release
