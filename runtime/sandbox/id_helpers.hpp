// SPDX-License-Identifier: Apache-2.0
// What plan_ids and enter_user_namespace share: the set-user-id helpers of the uidmap package and their tables.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runtime/sandbox/id_mode.hpp"

namespace karapace::sandbox {

/// The first range of at least 65,535 ids that `text` (/etc/subuid, subuid(5)) gives to the user, by name or number.
/// It is mapped to the ids from 1 on.
std::optional<IdRange> parse_subordinate_ids(std::string_view text, std::string_view user, std::string_view id);

/// Where newuidmap(1), newgidmap(1) or fuse-overlayfs(1) is: the usual places first, then PATH.
std::optional<std::string> find_id_helper(std::string_view name);

}  // namespace karapace::sandbox
