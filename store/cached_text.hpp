// SPDX-License-Identifier: Apache-2.0
// Cached texts: what can be worked out from the rest of the store again, kept in a file of its directory because that
// takes long. It appears by rename(2), not forced to the disk; its first line has its BLAKE3, so what a crash or a
// flipped bit makes of it is not believed. It may be removed at any time. Whether what it says still holds is the
// reader's question.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "store/store.hpp"

namespace karapace::store {

/// What was kept under this name; nothing when there is none, it is damaged, or it is of another release.
std::optional<std::string> cached_text(const Store& store, std::string_view name);
/// Where it can not be written, it is not kept.
void keep_text(const Store& store, const Staging& staging, std::string_view name, std::string_view text);
/// Nothing in a store that can not be written.
std::optional<Staging> staging_if_writable(const Store& store);

}  // namespace karapace::store
