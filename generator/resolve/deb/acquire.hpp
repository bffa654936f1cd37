// SPDX-License-Identifier: Apache-2.0
// Acquire: one run of apt's acquisition over all repositories, its failures told per repository.
#pragma once

#include <vector>

#include <apt-pkg/sourcelist.h>

#include "generator/resolve/deb/repository.hpp"

namespace karapace::resolve_deb {

/// Downloads the lists of `sources`, which were written for mirrors of rank `rank`. RemoteError when a mirror does
/// not answer, LockError when it answers something that cannot be used. Progress goes to standard error when that is a
/// terminal.
void acquire_lists(pkgSourceList& sources, const std::vector<Repository>& repositories, std::size_t rank);

}  // namespace karapace::resolve_deb
