// SPDX-License-Identifier: Apache-2.0
// Session: libapt-pkg set up to see nothing of the host, working in one directory of the cache.
//
// The directory is named after the architectures and the set of repositories, so lists are asked for again with
// If-Modified-Since, and resolutions of different sets run side by side. It is locked while the session lives.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_lock.hpp"
#include "generator/resolve/deb/repository.hpp"
#include "generator/resolve/resolve.hpp"

namespace karapace::resolve::deb {

class Session {
 public:
  /// Takes the lock (waits), writes the private configuration and initialises libapt-pkg.
  Session(const resolve::ResolveRequest& request, const std::vector<Repository>& repositories);

  const std::filesystem::path& directory() const noexcept { return directory_; }
  std::filesystem::path lists() const { return directory_ / "lists"; }
  /// The repository's keyring in binary form, as apt and gpgv are given it.
  std::filesystem::path keyring(const Repository& repository) const;
  /// Points apt at the repositories' mirrors of this rank (0 is the best; a shorter list uses its last).
  void use_mirrors(std::size_t rank) const;
  /// Lets apt keep its parsed form of the indexes under a name made of their digests: apt itself only compares sizes
  /// and whole seconds of modification times, so it may mistake one index for another.
  void use_parsed_cache(std::string_view index_digests) const;
  /// What counts as installed from now on. Caches opened before keep what they have.
  void set_installed(std::string_view dpkg_status) const;

 private:
  void make_directories() const;
  void write_keyrings() const;
  void configure(const resolve::ResolveRequest& request) const;

  const std::vector<Repository>& repositories_;
  std::string architectures_;  // as a source names them: "amd64 i386"
  std::filesystem::path directory_;
  FileLock lock_;
};

/// The URL that rank `rank` means for this repository, as apt spells it ("file:/srv/debian").
std::string mirror_of(const Repository& repository, std::size_t rank);

/// libapt-pkg's pending errors and warnings as one line, cleared. "" when there are none.
std::string take_apt_messages();

}  // namespace karapace::resolve::deb
