// SPDX-License-Identifier: Apache-2.0
// Amounts as people read them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace karapace {

/// "4 ms", "1.2 s", "2 min 5 s", "1 h 12 min"
std::string duration_text(std::chrono::milliseconds duration);
/// "512 B", "1.4 MiB"
std::string size_text(std::uint64_t bytes);
/// "1 step", "1,204 steps"
std::string counted(std::size_t count, std::string_view noun);

}  // namespace karapace
