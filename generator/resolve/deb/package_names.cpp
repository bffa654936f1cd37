// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/deb/package_names.hpp"

#include <algorithm>
#include <set>
#include <string_view>
#include <tuple>
#include <vector>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/nearest_word.hpp"

namespace karapace::resolve::deb {

namespace {

constexpr std::size_t most_suggestions = 3;

bool has_candidate(pkgDepCache& cache, const pkgCache::PkgIterator& package) {
  return !package.end() && cache[package].CandidateVer != nullptr;
}

bool same_letters(std::string one, std::string other) {
  std::sort(one.begin(), one.end());
  std::sort(other.begin(), other.end());
  return one == other;
}

std::string joined(const std::vector<std::string>& names, std::string_view last) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? last : ", ";
    text += fmt::format("\"{}\"", names[i]);
  }
  return text;
}

std::string_view verb(const pkgCache::DepIterator& dependency) {
  switch (dependency->Type) {
    case pkgCache::Dep::PreDepends: return "pre-depends on";
    case pkgCache::Dep::Conflicts: return "conflicts with";
    case pkgCache::Dep::DpkgBreaks: return "breaks";
    case pkgCache::Dep::Recommends: return "recommends";
    default: return "depends on";
  }
}

std::string target_text(const pkgCache::DepIterator& dependency) {
  std::string text = dependency.TargetPkg().FullName(true);
  if (dependency.TargetVer() != nullptr) {
    text += fmt::format(" ({} {})", dependency.CompType(), dependency.TargetVer());
  }
  return text;
}

/// "but ..." for one alternative of a dependency that must be there.
std::string why_missing(pkgDepCache& cache, const pkgCache::DepIterator& dependency) {
  const auto target = dependency.TargetPkg();
  auto& state = cache[target];
  if (state.Install() || (state.Keep() && target->CurrentVer != 0)) {
    return fmt::format("{} {} is to be installed", target.FullName(true), state.InstVerIter(cache).VerStr());
  }
  const auto candidate = state.CandidateVerIter(cache);
  if (!candidate.end()) {
    if (!dependency.IsSatisfied(candidate)) {
      return fmt::format("these repositories have {} {}", target.FullName(true), candidate.VerStr());
    }
    return fmt::format("{} cannot be installed together with the others", target.FullName(true));
  }
  if (target->ProvidesList != 0) {
    return fmt::format("{} is virtual and nothing that provides it is chosen", target.FullName(true));
  }
  return fmt::format("{} is not in these repositories", target.FullName(true));
}

/// "but ..." for a package that must not be there.
std::string why_present(pkgDepCache& cache, const pkgCache::DepIterator& dependency) {
  const auto target = dependency.TargetPkg();
  const auto version = cache[target].InstVerIter(cache);
  if (!version.end() && dependency.IsSatisfied(version)) {
    return fmt::format("{} {} is to be installed", target.FullName(true), version.VerStr());
  }
  for (auto provides = target.ProvidesList(); !provides.end(); ++provides) {
    const auto owner = provides.OwnerPkg();
    if (cache[owner].InstallVer == provides.OwnerVer() && owner != dependency.ParentPkg()) {
      return fmt::format("{}, which provides it, is to be installed", owner.FullName(true));
    }
  }
  return "it is to be installed";
}

/// One line for an or-group; `end` is its last alternative, whose state stands for the whole group.
std::string line_of(pkgDepCache& cache, const pkgCache::PkgIterator& package, pkgCache::DepIterator start,
                    const pkgCache::DepIterator& end) {
  std::string wanted;
  std::string reasons;
  const std::string_view word = verb(start);
  const bool negative = start.IsNegative();
  for (;; ++start) {
    wanted += (wanted.empty() ? "" : " or ") + target_text(start);
    reasons += (reasons.empty() ? "" : ", and ") + (negative ? why_present(cache, start) : why_missing(cache, start));
    if (start == end) break;
  }
  return fmt::format("  {} {} {}, but {}\n", package.FullName(true), word, wanted, reasons);
}

void add_broken(pkgDepCache& cache, const pkgCache::PkgIterator& package, std::set<std::string>& lines) {
  const auto version = cache[package].InstVerIter(cache);
  if (version.end()) return;
  for (auto dependency = version.DependsList(); !dependency.end();) {
    pkgCache::DepIterator start;
    pkgCache::DepIterator end;
    dependency.GlobOr(start, end);
    if (!cache.IsImportantDep(end) || (cache[end] & pkgDepCache::DepGInstall) == pkgDepCache::DepGInstall) continue;
    if (!end.IsCritical()) continue;
    lines.insert(line_of(cache, package, start, end));
  }
}

}  // namespace

std::vector<std::string> providers_of(pkgDepCache& cache, const pkgCache::PkgIterator& package) {
  std::set<std::string> names;
  for (auto provides = package.ProvidesList(); !provides.end(); ++provides) {
    const auto owner = provides.OwnerPkg();
    if (std::string_view(owner.Arch()) != package.Arch()) continue;
    if (cache[owner].CandidateVer == provides.OwnerVer()) names.emplace(owner.FullName(true));
  }
  return {names.begin(), names.end()};
}

// By edits, swapped letters before others, the same first letter before others, then by name.
std::vector<std::string> similar_names(pkgDepCache& cache, const std::string& wanted) {
  const std::size_t limit = std::clamp<std::size_t>(wanted.substr(0, wanted.find(':')).size() / 3, 1, 3);
  using Rank = std::tuple<std::size_t, bool, bool, std::string>;
  std::set<Rank> ranked;
  for (auto package = cache.PkgBegin(); !package.end(); ++package) {
    if (!has_candidate(cache, package)) continue;
    const std::string name = package.FullName(true);
    const std::size_t distance = edit_distance(wanted, name, limit);
    if (distance > limit) continue;
    ranked.emplace(distance, !same_letters(wanted, name), name.front() != wanted.front(), name);
  }
  std::vector<std::string> names;
  for (const auto& [distance, letters, first, name] : ranked) {
    // Swapped letters are hardly ever meant as something else.
    if (names.size() == most_suggestions || (!names.empty() && letters && same_letters(wanted, names.front()))) break;
    names.push_back(name);
  }
  return names;
}

std::string alternatives(const std::vector<std::string>& names) { return joined(names, " or "); }
std::string enumeration(const std::vector<std::string>& names) { return joined(names, " and "); }

pkgCache::PkgIterator find_package(pkgDepCache& cache, const std::string& name, std::string_view prefix,
                                   std::string_view where) {
  auto package = cache.FindPkg(name);
  if (has_candidate(cache, package)) return package;
  const auto providers = package.end() ? std::vector<std::string>{} : providers_of(cache, package);
  if (providers.size() == 1) return cache.FindPkg(providers.front());
  if (providers.size() > 1) {
    throw LockError(fmt::format("{}the package \"{}\" is virtual; name one of those that provide it: {}", prefix, name,
                                alternatives(providers)));
  }
  const auto near = similar_names(cache, name);
  throw LockError(fmt::format("{}the package \"{}\" is not in {}; {}", prefix, name, where,
                              near.empty() ? "check its name" : "did you mean " + alternatives(near) + "?"));
}

std::string unmet_dependencies(pkgDepCache& cache) {
  std::set<std::string> lines;
  for (auto package = cache.PkgBegin(); !package.end(); ++package) {
    if (cache[package].InstBroken()) add_broken(cache, package, lines);
  }
  std::string text;
  for (const auto& line : lines) text += line;
  return text;
}

}  // namespace karapace::resolve::deb
