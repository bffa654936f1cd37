// SPDX-License-Identifier: Apache-2.0
// Preferences: `[system] prefer` as apt's own pins (apt_preferences(5)), and apt's policy with them.
//
// What the first preference is about has the priority that `apt-get -t` gives, 990, each later one less by one, and all
// of them more than what nobody prefers. As with apt, none moves what is installed to an older version.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <apt-pkg/depcache.h>
#include <apt-pkg/policy.h>

#include "generator/manifest/preference.hpp"
#include "generator/resolve/deb/package_index.hpp"
#include "generator/resolve/resolve.hpp"

namespace karapace::resolve::deb {

class Preferences {
 public:
  /// None.
  Preferences() = default;
  /// `prefix` and `where` are of messages, as for `find_package`.
  Preferences(const resolve::ResolveRequest& request, std::string_view prefix, std::string_view where);

  bool empty() const noexcept { return all_.empty(); }
  /// That of the first preference that the version fits; nothing when nobody prefers it.
  std::optional<short> priority(const pkgCache::VerIterator& version, const PackageIndex& index) const;

  /// ManifestError when one of them fits no version, or one package that has a newer version already.
  void require(pkgDepCache& cache, const PackageIndex& index) const;

 private:
  struct Placed {
    manifest::Preference wanted;
    std::string word;
    std::string message;  // what messages about it begin with
  };
  void require(pkgDepCache& cache, const PackageIndex& index, const Placed& preference) const;
  [[noreturn]] void refuse(pkgDepCache& cache, const PackageIndex& index, const Placed& preference) const;

  std::vector<Placed> all_;
  std::string where_;
};

/// Apt's policy, with the preferences and with suites that are there because somebody names them: these are candidates
/// for nothing else, as if their Release said NotAutomatic and ButAutomaticUpgrades, which backports do and
/// proposed-updates do not.
class Policy : public pkgPolicy {
 public:
  Policy(pkgCache& cache, const PackageIndex& index, Preferences preferences);

  using pkgPolicy::GetPriority;
  signed short GetPriority(const pkgCache::VerIterator& version, bool consider_files) override;

  /// Whether a version that was chosen once is no longer what the manifest means when `candidate` is there: another one
  /// is preferred to it, or nobody names its suite any more.
  bool gives_way(const pkgCache::VerIterator& kept, const pkgCache::VerIterator& candidate);

 private:
  const PackageIndex& index_;
  Preferences preferences_;
};

}  // namespace karapace::resolve::deb
