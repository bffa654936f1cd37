// SPDX-License-Identifier: Apache-2.0
// Texts for people: amounts as they read them, and lines.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace karapace {

/// "4 ms", "1.2 s", "2 min 5 s", "1 h 12 min"
std::string duration_text(std::chrono::milliseconds duration);
/// "512 B", "1.4 MiB"
std::string size_text(std::uint64_t bytes);
/// "1 step", "1,204 steps"
std::string counted(std::size_t count, std::string_view noun);

enum class EmptyLines { dropped, kept };
/// Lines of a text without their newlines. They lie in it, so a text that is gone at once is refused.
std::vector<std::string_view> lines(std::string_view text, EmptyLines empty = EmptyLines::dropped);
template <std::same_as<std::string> Text>
void lines(Text&& text, EmptyLines empty = EmptyLines::dropped) = delete;

/// Without white space at both ends.
std::string_view trimmed(std::string_view text) noexcept;

/// A URL or a path as people and logs may see it: without the user and the password in it (RFC 3986, 3.2: they end at
/// the last @ before the path).
std::string shown_address(const std::string& address);

}  // namespace karapace
