// SPDX-License-Identifier: Apache-2.0
// Kept releases: what an archive signed when a lock was made, in the cache, for who asks later (resolve/evidence.hpp).
//
// `releases/<digest>/` holds InRelease, or Release and Release.gpg, and the keyring in binary form. The digest is that
// of what a lock says of the repository, so the lock leads there and a name leads nowhere else.
#pragma once

#include <filesystem>
#include <vector>

#include "generator/lock/lock.hpp"
#include "generator/resolve/deb/signature.hpp"
#include "generator/resolve/evidence.hpp"
#include "generator/resolve/resolve.hpp"

namespace karapace::resolve::deb {

/// Keeps them; that it can not be done (a full disk) keeps nobody from locking.
void keep_release(const std::filesystem::path& cache, const lock::DebRepository& repository, const ReleaseFiles& files,
                  const std::filesystem::path& keyring) noexcept;

/// Of `request` counts what is known, what is kept, and the cache.
std::vector<EvidencePart> prove(const ResolveRequest& request);

}  // namespace karapace::resolve::deb
