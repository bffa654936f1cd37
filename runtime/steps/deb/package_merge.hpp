// SPDX-License-Identifier: Apache-2.0
// Merging unpacked Debian packages into one tree, by the rules by which dpkg unpacks them (dpkg's src/main/archives.c):
// existing directories stay, links to directories are followed, diversions are honoured, a file that another package
// has is taken over only with `Replaces`, and one package in two architectures (`Multi-Arch: same`) shares what is the
// same in both.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "runtime/steps/deb/deb_package.hpp"
#include "runtime/steps/deb/dpkg_database.hpp"
#include "runtime/trees/composition.hpp"
#include "store/listing.hpp"

namespace karapace::steps::deb {

class PackageMerge {
 public:
  PackageMerge(trees::Composition& tree, const DpkgDatabase& database, const PathFilters& filters, Conffiles conffiles,
               std::int64_t mtime);

  /// Merges a package's files. StepError naming path and both packages on a conflict, and when a package of this name
  /// is there that this one can not be beside. `package` must outlive this; `listing` is that of its layer.
  void add(const DebPackage& package, const store::Listing& listing);
  /// Adds dpkg's database files for all merged packages.
  void finish();

 private:
  void add_directory(const DebPackage& package, const store::Entry& entry, const std::string& path);
  void add_file(const DebPackage& package, trees::Node node);
  void require_alone(const DebPackage& package) const;
  /// Whether `owner`, as dpkg names its files, is the package in another architecture.
  bool is_in_another_architecture(const DebPackage& package, const std::string& owner) const;
  std::string diverted(const DebPackage& package, std::string path) const;
  /// Whether the package may have `path`, which `owner` has, as dpkg names its files; takes it away from the loser's
  /// list.
  bool takes_over(const DebPackage& package, const std::string& owner, const std::string& path);
  const karapace::deb::Stanza* stanza_of(const std::string& package) const;

  trees::Composition& tree_;
  const DpkgDatabase& database_;
  const PathFilters& filters_;
  Conffiles conffiles_;
  std::int64_t mtime_;
  std::vector<const DebPackage*> merged_;
  std::set<std::string> activated_;              // file triggers
  std::map<std::string, Diversion> diversions_;  // by resolved path
  std::map<std::string, std::set<std::string>>
      disowned_;  // merged package, as dpkg names its files -> resolved paths it lost
};

}  // namespace karapace::steps::deb
