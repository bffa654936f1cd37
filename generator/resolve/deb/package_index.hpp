// SPDX-License-Identifier: Apache-2.0
// PackageIndex: from a version in apt's cache to what a lock says about it.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <apt-pkg/cachefile.h>
#include <apt-pkg/pkgrecords.h>

#include "generator/lock/lock.hpp"
#include "generator/resolve/deb/repository.hpp"

namespace karapace::resolve::deb {

class PackageIndex {
 public:
  PackageIndex(pkgCache& cache, const std::map<std::filesystem::path, const Repository*>& index_files)
      : records_(cache), index_files_(index_files) {}

  /// LockError when no index vouches for this version by SHA-256.
  lock::LockedPackage locked(const pkgCache::VerIterator& version);
  /// Nothing when the version is in no index (it is only installed).
  bool available(const pkgCache::VerIterator& version) const;
  /// The version's stanza as dpkg's status database would hold it once it is installed.
  std::string status_stanza(const pkgCache::VerIterator& version);

 private:
  struct Source {
    pkgCache::VerFileIterator file;
    const Repository* repository;
  };
  /// The first index, in the order of the sources, that has this version.
  Source source_of(const pkgCache::VerIterator& version) const;

  pkgRecords records_;
  const std::map<std::filesystem::path, const Repository*>& index_files_;
};

/// Opens apt's cache on the session's lists and status. LockError when apt cannot.
void open_cache(pkgCacheFile& file);

}  // namespace karapace::resolve::deb
