// SPDX-License-Identifier: Apache-2.0
// What a destination keeps in .karapace/ for later: which links were wished for, and which build ids were used.
//
// Nothing else tells what these records do, so that each is written twice: FILE.copy, then FILE.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

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

/// Both as they are; nothing for what is missing.
struct KeptTexts {
  std::optional<std::string> text;
  std::optional<std::string> copy;
  bool are_equal() const noexcept { return text == copy; }
};
KeptTexts kept_texts(const std::filesystem::path& path);
/// Forced to the disk, with their names.
void keep_record(const std::filesystem::path& path, std::string_view text);

// What both say; an empty record when there is neither. StoreError when none of what is there can be read.

/// The copy counts where the other can not be read.
LinkWishes wishes_of(const KeptTexts& texts, const std::filesystem::path& path);
/// Of each version the highest of both.
UsedIds used_ids_of(const KeptTexts& texts, const std::filesystem::path& path);

}  // namespace karapace::release
