// SPDX-License-Identifier: Apache-2.0
// Update: brings the package lists up to date with apt's own acquisition, and proves them.
//
// Apt verifies on its own (signature, by-hash, sizes). What enters a lock is proved again from the stored files:
// gpgv's verdict on the Release file, its dates, and the SHA-256 of each index that is used.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <apt-pkg/sourcelist.h>

#include "generator/lock/lock.hpp"
#include "generator/resolve/deb/repository.hpp"
#include "generator/resolve/deb/session.hpp"

namespace karapace::resolve::deb {

/// The lists of one session, proved.
struct Lists {
  std::vector<lock::DebRepository> repositories;                   // sorted by archive, then suite
  std::map<std::filesystem::path, const Repository*> index_files;  // an index on disk -> whose it is
  std::vector<std::string> notes;
};

/// Downloads what changed (If-Modified-Since), trying the next mirrors when one does not answer. RemoteError when no
/// mirror answers, LockError for everything else (no such suite, unsigned, bad signature, expired, ...).
Lists update(const Session& session, const resolve::ResolveRequest& request,
             const std::vector<Repository>& repositories);

}  // namespace karapace::resolve::deb
