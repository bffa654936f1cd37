// SPDX-License-Identifier: Apache-2.0
// The control files of a lock's packages. They are not in the lock: it pins the packages that they are in, and the
// store has them of those that were unpacked. Nothing is downloaded.
#pragma once

#include <map>

#include "base/digest.hpp"
#include "deb/control_file.hpp"
#include "generator/lock/lock.hpp"
#include "store/store.hpp"

namespace karapace::project {

/// By the package's SHA-256.
using LockedControls = std::map<Sha256, deb::Stanza>;

/// Those that the store has. StoreError when one is damaged there.
LockedControls locked_controls(const lock::Lock& lock, const store::Store& store);

}  // namespace karapace::project
