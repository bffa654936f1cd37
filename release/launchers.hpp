// SPDX-License-Identifier: Apache-2.0
// Launchers of a destination: bin/.launcher-HASH, where HASH is of its bytes. So whoever installs, verifies, exports or
// syncs can tell one that was changed.
#pragma once

#include <string>
#include <string_view>

#include "release/destination.hpp"

namespace karapace::release {

/// ".launcher-" and 16 digits of the program's BLAKE3.
std::string launcher_name(std::string_view program);
bool is_launcher_name(std::string_view name) noexcept;
/// Its bytes; nothing when it is missing, no regular file, other than its name says, or writable
/// or a stranger's: every program begins with it.
std::optional<std::string> read_launcher(const Destination& destination, const std::string& name);
inline bool has_launcher(const Destination& destination, const std::string& name) {
  return read_launcher(destination, name).has_value();
}

}  // namespace karapace::release
