// SPDX-License-Identifier: Apache-2.0
// Package reasons: why a package is in a lock. Ways lead to it over dependencies, from what the manifest asks for, or
// from what every system has.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "generator/lock/lock.hpp"
#include "generator/project/locked_controls.hpp"

namespace karapace::project {

/// A package of a way, and how the one before it needs it.
struct ReasonStep {
  std::string package;        // "libc6", "libc6:i386"
  std::string version;        // the locked one
  std::string field = {};     // "Pre-Depends", "Depends", "Recommends"; empty at the beginning of a way
  std::string relation = {};  // ">= 2.5.4"; empty: any version
  std::string through = {};   // the virtual package that is needed; empty: the package itself
  auto operator<=>(const ReasonStep&) const = default;
};

enum class ReasonKind : std::uint8_t {
  request,  // system.packages
  hold,     // system.hold
  base,     // every system of the distribution has it
};
/// "request", "hold", "base"
std::string_view text(ReasonKind kind) noexcept;

struct Reason {
  std::vector<ReasonStep> way;  // the package itself last
  ReasonKind kind{};            // why its first package is there
  std::string word;  // the word in the manifest, or what makes it part of every system: "Essential", "required"
};

struct PackageReasons {
  std::string package;
  std::vector<lock::LockedPackage> locked;  // in the base, and on top of it
  /// The shortest way from each beginning, the shortest first; none leads through what every system has.
  std::vector<Reason> reasons;
  std::vector<std::string> unread;  // whose control files are not there: ways through them are not known
};

/// `name` as people call it. Alternatives of a dependency count as far as the lock has them. LockError with the nearest
/// names when the lock has no such package.
PackageReasons package_reasons(const lock::Lock& lock, const LockedControls& controls, const std::string& name);

/// Which of `packages`, by their places, each of them needs, sorted: what it depends on, as far as it is there.
/// Alternatives count all.
std::vector<std::vector<std::size_t>> needs_among(const lock::Lock& lock, const LockedControls& controls,
                                                  const std::vector<lock::LockedPackage>& packages);

}  // namespace karapace::project
