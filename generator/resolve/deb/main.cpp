// SPDX-License-Identifier: Apache-2.0
// karapace-resolve-deb: the resolver for Debian's family, a program of its own because libapt-pkg keeps process-wide
// state. It answers generator/resolve; people have no use for it.
//
//   karapace-resolve-deb resolve   a ResolveRequest on standard input, a Resolution on standard output
//   karapace-resolve-deb mirrors   the host's own package sources on standard output
#include <algorithm>
#include <cstdio>
#include <exception>
#include <iterator>
#include <set>
#include <string_view>

#include <apt-pkg/cachefile.h>
#include <apt-pkg/configuration.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/inherited_state.hpp"
#include "base/json/error_answer.hpp"
#include "base/path_error.hpp"
#include "generator/manifest/package_request.hpp"
#include "generator/resolve/deb/host_sources.hpp"
#include "generator/resolve/deb/kept_release.hpp"
#include "generator/resolve/deb/package_index.hpp"
#include "generator/resolve/deb/package_names.hpp"
#include "generator/resolve/deb/preferences.hpp"
#include "generator/resolve/deb/session.hpp"
#include "generator/resolve/deb/solve.hpp"
#include "generator/resolve/deb/update.hpp"
#include "generator/resolve/deb/wishes.hpp"
#include "generator/resolve/protocol.hpp"
#include "generator/resolve/resolve.hpp"

namespace karapace::resolve::deb {

namespace {

using lock::LockedPackage;
using resolve::Recommends;
using resolve::Resolution;
using resolve::ResolveRequest;
using Packages = std::vector<pkgCache::PkgIterator>;

class Planner {
 public:
  Planner(const resolve::ResolveRequest& request, const Session& session, const Lists& lists)
      : request_(request),
        session_(session),
        lists_(lists),
        prefix_(message_prefix(request)),
        asked_(request, prefix_, where()),
        preferences_(request, prefix_, where()) {}

  resolve::Resolution run() {
    resolve::Resolution resolution{.repositories = {lists_.repositories.begin(), lists_.repositories.end()},
                                   .base = {},
                                   .packages = {},
                                   .notes = lists_.notes};
    if (request_.base_status) {
      session_.set_installed(*request_.base_status);
    } else {
      resolution.base = base();
    }
    if (!request_.packages.empty() || !request_.hold.empty() || !request_.prefer.empty())
      resolution.packages = on_top();
    resolution.notes.insert(resolution.notes.end(), notes_.begin(), notes_.end());
    return resolution;
  }

 private:
  /// The bootstrapped base, which counts as installed afterwards.
  std::vector<lock::LockedPackage> base() {
    _config->Set("APT::Install-Recommends", false);
    return chosen([](auto& cache, auto& index, auto&) { return bootstrap_set(cache, index); }, Stage::base);
  }

  std::vector<lock::LockedPackage> on_top() {
    _config->Set("APT::Install-Recommends", request_.recommends == resolve::Recommends::yes);
    return chosen([this](auto& cache, auto&, auto& keep) { return requested(cache, keep); }, Stage::on_top);
  }

  Packages requested(pkgDepCache& cache, const Keep& keep) const {
    Packages packages;
    for (const auto& word : request_.packages)
      packages.push_back(find_package(cache, manifest::package_request(word).qualified_name(), prefix_, where()));
    const auto held = keep.held(cache);
    packages.insert(packages.end(), held.begin(), held.end());
    return packages;
  }

  /// Solves; kept versions that are in the way are given up, some at a time, before the request is.
  template <class Wanted>
  std::vector<lock::LockedPackage> chosen(const Wanted& wanted, Stage stage) {
    Keep keep(request_, stage);
    while (true) {
      pkgCacheFile file;
      pkgCache& packages = open_cache(file);
      PackageIndex index(packages, lists_.index_files);
      Policy policy(packages, index, stage == Stage::base ? Preferences() : preferences_);
      pkgDepCache cache(&packages, &policy);
      choose_candidates(cache);
      if (stage == Stage::on_top) require_words(cache, index, keep);
      keep.apply(cache, index, policy);
      asked_.apply(cache, index, keep, stage);
      if (solve(cache, wanted(cache, index, keep)) && removals(cache).empty()) {
        asked_.require(cache, index, keep);
        auto all = finish(cache, index, stage);
        std::ranges::move(keep.notes(all), std::back_inserter(notes_));
        return all;
      }
      take_apt_messages();  // "held broken packages": the next attempt or `refuse` says it better
      if (!keep.release_broken(cache)) refuse(cache, index, policy);
    }
  }

  /// What the manifest says of versions must mean something.
  void require_words(pkgDepCache& cache, const PackageIndex& index, const Keep& keep) const {
    keep.require_known(cache, where());
    preferences_.require(cache, index);
  }

  std::vector<lock::LockedPackage> finish(pkgDepCache& cache, PackageIndex& index, Stage stage) const {
    std::vector<lock::LockedPackage> packages;
    std::string status;
    for (const auto& version : install_order(cache, index)) {
      packages.push_back(index.locked(version));
      if (stage == Stage::base) status += index.status_stanza(version);
    }
    if (stage == Stage::base) session_.set_installed(status);
    return packages;
  }

  [[noreturn]] void refuse(pkgDepCache& cache, const PackageIndex& index, Policy& policy) const {
    if (const auto removed = removals(cache); !removed.empty()) {
      throw LockError(
          fmt::format("{}the packages {} cannot be installed without removing {} from the base; leave out "
                      "what conflicts with the base",
                      prefix_, fmt::join(request_.packages, ", "), fmt::join(removed, ", ")));
    }
    const auto words = remedies(cache, index, policy);
    throw LockError(fmt::format(
        "{}the packages cannot be installed together:\n{}{}leave one of them out, or add the "
        "repository that has what is missing",
        prefix_, unmet_dependencies(cache), words.empty() ? "" : fmt::format("ask for {} too, ", enumeration(words))));
  }

  /// "debian/bookworm main", and the additional repositories.
  std::string where() const {
    const auto& first = lists_.repositories.front();
    std::string text = fmt::format("{}/{}", request_.distribution, request_.suite);
    for (const auto& component : components_of_distribution(first)) text += " " + component;
    for (const auto& repository : request_.repositories) text += " or " + repository.name;
    return text;
  }

  std::vector<std::string> components_of_distribution(const lock::DebRepository& fallback) const {
    for (const auto& repository : lists_.repositories) {
      if (repository.archive == request_.distribution) return repository.components;
    }
    return fallback.components;
  }

  const resolve::ResolveRequest& request_;
  const Session& session_;
  const Lists& lists_;
  std::string prefix_;
  AskedVersions asked_;
  Preferences preferences_;
  std::vector<std::string> notes_;
};

// Plan: the whole way from a request to a resolution.

/// Updates the lists, resolves the base (unless a base archive brings its own) and the requested packages on top.
resolve::Resolution plan(const resolve::ResolveRequest& request) {
  const auto repositories = repositories_of(request);
  const Session session(request, repositories);
  const Lists lists = update(session, request, repositories);
  std::string digests;
  for (const auto& repository : lists.repositories) {
    for (const auto& index : repository.indexes) digests += index.sha256.hex();
  }
  session.use_parsed_cache(digests);
  return Planner(request, session, lists).run();
}

std::string answer(std::string_view verb) {
  if (verb == "resolve") {
    const std::string request = read_all(STDIN_FILENO, "the request");
    return resolve::resolution_text(plan(resolve::parse_request(request)));
  }
  if (verb == "prove") {
    const std::string request = read_all(STDIN_FILENO, "the request");
    return resolve::evidence_text(prove(resolve::parse_request(request)));
  }
  if (verb == "mirrors") return resolve::host_mirrors_text(host_sources());
  throw UsageError("karapace-resolve-deb: usage: karapace-resolve-deb resolve|prove|mirrors");
}

int run(std::string_view verb) {
  return print_answer("lock", [&] { return answer(verb); });
}

}  // namespace

}  // namespace karapace::resolve::deb

int main(int argc, char** argv) {
  karapace::mend_inherited_state();
  return karapace::resolve::deb::run(argc == 2 ? argv[1] : "");
}
