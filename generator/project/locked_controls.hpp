// SPDX-License-Identifier: Apache-2.0
// The control files of a lock's packages. They are not in the lock: it pins the packages that they are in, and the
// store has them of those that were unpacked. Nothing is downloaded.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/digest.hpp"
#include "deb/control_file.hpp"
#include "generator/lock/lock.hpp"
#include "store/store.hpp"

namespace karapace::project {

/// Those that the store has of the layers into which the lock's packages were unpacked, by the package's SHA-256.
std::map<Sha256, LayerId> unpacked_packages(const lock::Lock& lock, const store::Store& store);

/// A file of a layer, which the store has: proved by its listing. Nothing when it has none of that name. StoreError
/// when it is damaged.
std::optional<std::string> file_in_layer(const store::Store& store, const LayerId& layer, const store::Listing& listing,
                                         std::string_view path);

/// By the package's SHA-256.
using LockedControls = std::map<Sha256, deb::Stanza>;

/// Those that the store has. StoreError when one is damaged there.
LockedControls locked_controls(const lock::Lock& lock, const store::Store& store);

}  // namespace karapace::project
