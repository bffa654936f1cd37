// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/deb/update.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <optional>

#include <apt-pkg/configuration.h>
#include <apt-pkg/indexfile.h>
#include <apt-pkg/metaindex.h>
#include <apt-pkg/strutl.h>
#include <fmt/format.h>
#include <openssl/evp.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "generator/resolve/deb/acquire.hpp"
#include "generator/resolve/deb/release.hpp"
#include "generator/resolve/deb/signature.hpp"

namespace karapace::resolve_deb {
namespace {

using generator::LockedIndex;
using generator::LockedRepository;
using generator::ResolveRequest;
using generator::ValidUntil;

constexpr std::int64_t clock_tolerance_seconds = 600;

std::string prefix_of(const Repository& repository) { return fmt::format("lock: {}: ", repository.label()); }

Sha256 sha256_of_file(const std::filesystem::path& path) {
  const Fd file = open_at(AT_FDCWD, path, O_RDONLY);
  const std::string bytes = read_all(file.get(), path.string());
  std::array<std::uint8_t, Digest::size> digest{};
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1) {
    throw Error("lock: libcrypto cannot compute SHA-256");
  }
  return Sha256(Digest(digest));
}

ReleaseFiles stored_release(const Session& session, const metaIndex& meta) {
  const std::string base = meta.GetURI() + "dists/" + meta.GetDist() + "/";
  const auto in_release = session.lists() / URItoFileName(base + "InRelease");
  if (std::filesystem::exists(in_release)) return {.release = in_release, .signature = {}};
  return {.release = session.lists() / URItoFileName(base + "Release"),
          .signature = session.lists() / URItoFileName(base + "Release.gpg")};
}

void check_dates(const Release& release, const ResolveRequest& request, const std::string& prefix) {
  const auto& acquisition = request.mirrors.acquisition;
  const std::int64_t now = std::time(nullptr);
  if (request.valid_until == ValidUntil::check && acquisition.check_valid_until && release.valid_until &&
      *release.valid_until < now) {
    throw LockError(fmt::format("{}its Release file expired on {}: the mirror is out of date or somebody holds back "
                                "updates; use another mirror, or accept it with check_valid_until = false under "
                                "[acquisition] in config.toml",
                                prefix, date_text(*release.valid_until)));
  }
  if (acquisition.check_date && release.date > now + clock_tolerance_seconds) {
    throw LockError(fmt::format("{}its Release file is of {}, which is in the future; check this machine's clock",
                                prefix, date_text(release.date)));
  }
}

/// A signature vouches for a suite of that key's owner, not for the one that was asked for: the name is checked too.
void check_name(const Release& release, const Repository& repository, std::vector<std::string>& notes) {
  if (release.suite == repository.suite || release.codename == repository.suite) return;
  const auto message =
      fmt::format("the Release file is of \"{}\" (codename \"{}\")", release.suite, release.codename);
  if (repository.role == Role::distribution) {
    throw LockError(prefix_of(repository) + message + "; use another mirror");
  }
  notes.push_back(fmt::format("{}: {}", repository.label(), message));
}

[[noreturn]] void refuse_missing_index(const Release& release, const Repository& repository, const std::string& path) {
  const auto component = path.substr(0, path.find("/binary-"));
  std::vector<std::string> components;
  std::vector<std::string> architectures;
  for (const auto& [file, digest] : release.files) {
    if (!file.ends_with("/Packages")) continue;
    const auto at = file.find("/binary-");
    if (at == std::string::npos) continue;
    const auto name = file.substr(0, at);
    if (name.find("debian-installer") != std::string::npos) continue;
    components.push_back(name);
    if (name == component) architectures.push_back(file.substr(at + 8, file.size() - at - 17));
  }
  components.erase(std::unique(components.begin(), components.end()), components.end());
  if (architectures.empty()) {
    throw LockError(fmt::format("{}it has no component \"{}\"; it has: {}", prefix_of(repository), component,
                                fmt::join(components, ", ")));
  }
  throw LockError(fmt::format("{}it has no packages for the architecture {}; it has: {}", prefix_of(repository),
                              path.substr(component.size() + 8, path.size() - component.size() - 17),
                              fmt::join(architectures, ", ")));
}

/// The index files that apt uses of this repository, each proved against the signed sums.
std::vector<LockedIndex> prove_indexes(const metaIndex& meta, const Release& release, const Repository& repository,
                                       Lists& lists) {
  std::vector<LockedIndex> indexes;
  for (const auto& target : meta.GetIndexTargets()) {
    if (target.Option(IndexTarget::CREATED_BY) != "Packages") continue;
    const std::filesystem::path file = target.Option(IndexTarget::FILENAME);
    const auto vouched = release.files.find(target.MetaKey);
    const bool for_all = target.Option(IndexTarget::ARCHITECTURE) == "all";
    if (vouched == release.files.end() && !for_all) refuse_missing_index(release, repository, target.MetaKey);
    if (vouched == release.files.end() || !std::filesystem::exists(file)) continue;
    if (sha256_of_file(file) != vouched->second) {
      throw LockError(fmt::format("{}the stored index \"{}\" is not what its Release file vouches for; remove it and "
                                  "lock again",
                                  prefix_of(repository), file.string()));
    }
    indexes.push_back({.path = target.MetaKey, .sha256 = vouched->second});
    lists.index_files.emplace(file, &repository);
  }
  std::sort(indexes.begin(), indexes.end());
  return indexes;
}

void prove(const Session& session, const ResolveRequest& request, const metaIndex& meta, const Repository& repository,
           Lists& lists) {
  const std::string prefix = prefix_of(repository);
  const SignedText text =
      verify(stored_release(session, meta), session.keyring(repository), session.directory(), prefix);
  const Release release = parse_release(text.text, prefix);
  check_name(release, repository, lists.notes);
  check_dates(release, request, prefix);
  lists.repositories.push_back({.archive = repository.archive,
                                .suite = repository.suite,
                                .components = repository.components,
                                .date = date_text(release.date),
                                .signers = text.signers,
                                .indexes = prove_indexes(meta, release, repository, lists)});
}

const metaIndex& meta_of(const pkgSourceList& sources, const Repository& repository, std::size_t rank) {
  for (const metaIndex* meta : sources) {
    if (meta->GetURI() == mirror_of(repository, rank) + "/" && meta->GetDist() == repository.suite) return *meta;
  }
  throw Error(prefix_of(repository) + "apt does not know the source that was written for it");
}

Lists update_from(const Session& session, const ResolveRequest& request, const std::vector<Repository>& repositories,
                  std::size_t rank) {
  session.use_mirrors(rank);
  pkgSourceList sources;
  if (!sources.ReadMainList()) throw LockError("lock: apt cannot read its sources: " + take_apt_messages());
  acquire_lists(sources, repositories, rank);
  Lists lists;
  for (const auto& repository : repositories) {
    prove(session, request, meta_of(sources, repository, rank), repository, lists);
  }
  std::sort(lists.repositories.begin(), lists.repositories.end());
  return lists;
}

}  // namespace

Lists update(const Session& session, const ResolveRequest& request, const std::vector<Repository>& repositories) {
  std::size_t ranks = 1;
  for (const auto& repository : repositories) ranks = std::max(ranks, repository.urls.size());
  for (std::size_t rank = 0; rank + 1 < ranks; ++rank) {
    try {
      return update_from(session, request, repositories, rank);
    } catch (const RemoteError&) {
      // The next mirror may answer; the last one's error is the one that is told.
    }
  }
  return update_from(session, request, repositories, ranks - 1);
}

}  // namespace karapace::resolve_deb
