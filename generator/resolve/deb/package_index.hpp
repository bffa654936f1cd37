// SPDX-License-Identifier: Apache-2.0
// PackageIndex: from a version in apt's cache to what a lock says about it.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <apt-pkg/cachefile.h>
#include <apt-pkg/pkgrecords.h>

#include "generator/lock/lock.hpp"
#include "generator/resolve/deb/control_fields.hpp"
#include "generator/resolve/deb/repository.hpp"

namespace karapace::resolve::deb {

class PackageIndex {
 public:
  PackageIndex(pkgCache& cache, const std::map<std::filesystem::path, const Repository*>& index_files);

  /// LockError when no index vouches for this version by SHA-256, or when what an index says of it could be in no
  /// archive of Debian (Policy 5.6.1, 5.6.8, 5.6.12): the message names the index and the line.
  lock::LockedPackage locked(const pkgCache::VerIterator& version);
  /// Nothing when the version is in no index (it is only installed).
  bool available(const pkgCache::VerIterator& version) const;
  /// The index of this suite, or of the additional repository of this name, that has the version, or the end iterator.
  pkgCache::PkgFileIterator file_of(const pkgCache::VerIterator& version, std::string_view suite) const;
  /// The suites that have the version.
  std::vector<std::string> suites_of(const pkgCache::VerIterator& version) const;
  /// Whether nobody but suites that packages ask for have the version.
  bool only_if_asked(const pkgCache::VerIterator& version) const;
  /// Whether there is an index of this repository, as a lock names it: "debian/bookworm", in old ones "debian".
  bool has_repository(std::string_view name) const;
  /// Whose an index is; nullptr: it is what is installed.
  const Repository* owner_of(const pkgCache::PkgFileIterator& file) const { return owners_.at(file->ID); }
  /// Whether every system has this package: the distribution's own repositories call it essential or required. What an
  /// additional one says of its packages, or of the distribution's, counts for nothing.
  bool essential(const pkgCache::PkgIterator& package, const pkgCache::VerIterator& candidate);
  /// The version's stanza as dpkg's status database would hold it once it is installed.
  std::string status_stanza(const pkgCache::VerIterator& version);

 private:
  struct Source {
    pkgCache::VerFileIterator file;
    const Repository* repository;
  };
  template <class Wanted>
  Source first_source(const pkgCache::VerIterator& version, const Wanted& wanted) const;
  /// The first index, in the order of the sources, that has this version.
  Source source_of(const pkgCache::VerIterator& version) const;
  /// The first index of a repository in this role that has the version.
  Source source_of(const pkgCache::VerIterator& version, Role role) const;
  bool in_additional(const pkgCache::PkgIterator& package) const;
  /// The stanza of an index that is the distribution's own: the candidate's, or that of the newest version.
  std::optional<ControlFields> own_stanza(const pkgCache::PkgIterator& package, const pkgCache::VerIterator& candidate);
  ControlFields stanza(const pkgCache::VerFileIterator& file);

  pkgRecords records_;
  std::vector<const Repository*> owners_;  // by the number that apt gave the index; nullptr: it is none of ours
};

/// Opens apt's cache on the session's lists and status, without a choice of candidates. LockError when apt cannot.
pkgCache& open_cache(pkgCacheFile& file);
/// Chooses the candidates. LockError when apt cannot.
void choose_candidates(pkgDepCache& cache);

}  // namespace karapace::resolve::deb
