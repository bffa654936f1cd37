// SPDX-License-Identifier: Apache-2.0
// What is unfinished at a destination: it has a hidden name that tells which process makes it, and gets its own name by
// a rename, whole or not at all. What a killed process leaves is removed by the next one.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace karapace::release {

/// This process, as others can look for it: "WORLD-ID-START", where the world is a boot of a machine and a pid
/// namespace of it, and the start time tells processes of one id apart.
std::string own_mark();
/// Whether the process of a mark is there; nothing when that can not be known from here.
std::optional<bool> lives(std::string_view mark);

/// A name that nobody else uses, with our mark: ".new-MARK-RANDOM".
std::string unfinished_name();
bool is_unfinished_name(std::string_view name) noexcept;
/// What processes that are gone have left in the directory; what others have, on other machines, when it is older than
/// two days.
std::vector<std::filesystem::path> left_unfinished(const std::filesystem::path& directory);
/// Removes that.
void sweep_unfinished(const std::filesystem::path& directory);

/// Replaces a file by rename(2); forced to the disk before that, but for its name.
void replace_file(const std::filesystem::path& path, std::string_view bytes, mode_t mode = 0444);
/// Makes a link or replaces one by rename(2): at no moment is there none. StoreError when something else is there.
void replace_link(const std::filesystem::path& path, const std::string& target);
/// The text of a link; nothing when there is none. StoreError when that can not be known.
std::optional<std::string> link_text(const std::filesystem::path& path);

/// Gives an unfinished directory its name. False when a directory is there that is not empty.
bool rename_into_place(const std::filesystem::path& unfinished, const std::filesystem::path& path);

}  // namespace karapace::release
