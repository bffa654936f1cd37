// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/deb/update.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <apt-pkg/acquire-item.h>
#include <apt-pkg/acquire.h>
#include <apt-pkg/configuration.h>
#include <apt-pkg/indexfile.h>
#include <apt-pkg/metaindex.h>
#include <apt-pkg/sourcelist.h>
#include <apt-pkg/strutl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "generator/resolve/deb/kept_release.hpp"
#include "generator/resolve/deb/release.hpp"
#include "generator/resolve/deb/repository.hpp"
#include "generator/resolve/deb/session.hpp"
#include "generator/resolve/deb/signature.hpp"

namespace karapace::resolve::deb {

namespace {

/// One line on a terminal that is wiped at the end; elsewhere one line, when it takes longer than a moment.
class Progress : public pkgAcquireStatus {
 public:
  bool MediaChange(std::string, std::string) override { return false; }
  // The suite "stable" moves on to the next release: that the lock says which is enough.
  bool ReleaseInfoChanges(const metaIndex*, const metaIndex*, std::vector<ReleaseInfoChange>&&) override {
    return true;
  }
  bool Pulse(pkgAcquire* owner) override {
    pkgAcquireStatus::Pulse(owner);
    if (!terminal_ && !shown_ && std::chrono::steady_clock::now() - begin_ > moment) {
      fmt::print(stderr, "lock: fetching package lists\n");
      shown_ = true;
    }
    if (terminal_ && TotalBytes > 0) {
      fmt::print(stderr, "\rlock: package lists {:.1f} of {:.1f} MB\x1b[K", megabytes(CurrentBytes),
                 megabytes(TotalBytes));
      shown_ = true;
    }
    return true;
  }
  void Stop() override {
    pkgAcquireStatus::Stop();
    if (terminal_ && shown_) fmt::print(stderr, "\r\x1b[K");
  }

 private:
  static double megabytes(unsigned long long bytes) { return static_cast<double>(bytes) / 1e6; }
  static constexpr std::chrono::seconds moment{2};
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  bool terminal_ = isatty(STDERR_FILENO) == 1;
  bool shown_ = false;
};

bool contains_any(std::string_view text, std::initializer_list<std::string_view> needles) {
  return std::any_of(needles.begin(), needles.end(),
                     [&](std::string_view needle) { return text.find(needle) != std::string_view::npos; });
}

bool is_release(std::string_view url) { return url.ends_with("Release") || url.ends_with("Release.gpg"); }

struct Failure {
  const Repository* repository;
  std::string url;
  std::string text;
};

const Repository* owner_of(const std::string& url, const std::vector<Repository>& repositories, std::size_t rank) {
  for (const auto& repository : repositories) {
    if (url.starts_with(fmt::format("{}/dists/{}/", mirror_of(repository, rank), repository.suite))) {
      return &repository;
    }
  }
  return nullptr;
}

std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

std::string configuration_hint(const Repository& repository) {
  if (repository.role == Role::additional) return "check its uri in [repositories] of the manifest";
  return fmt::format("check the network, or name another mirror: [mirrors] {} = [\"http://...\"] in config.toml",
                     repository.archive);
}

[[noreturn]] void refuse(const Failure& failure) {
  const std::string prefix = failure.repository->message_prefix();
  const std::string& text = failure.text;
  if (contains_any(text, {"Release' is not signed"}) && !contains_any(text, {"GPG error", "Clearsigned file"})) {
    throw LockError(
        fmt::format("{}its Release file is not signed; name a mirror that has the signed one (InRelease)", prefix));
  }
  if (contains_any(text, {"GPG error", "NO_PUBKEY", "BADSIG", "EXPKEYSIG", "REVKEYSIG", "EXPSIG", "NODATA", "signature",
                          "Clearsigned file"})) {
    throw LockError(fmt::format("{}the signature of its Release file is not valid: {} {}", prefix,
                                signature_complaint(text, fmt::format(" ({})", text)),
                                failure.repository->keyring.string()));
  }
  if (contains_any(text, {"does not have a Release file", "no longer has a Release file"}) ||
      (contains_any(text, {"404", "File not found", "403", "410"}) && is_release(failure.url))) {
    throw LockError(
        fmt::format("{}{} is missing ({}); check the suite's name, or name another mirror", prefix, failure.url, text));
  }
  if (contains_any(text, {"Hash Sum mismatch", "unexpected size", "404", "File not found"})) {
    throw RemoteError(
        fmt::format("{}{} does not fit its Release file ({}); the mirror is being updated or is damaged: "
                    "try again, or name another one",
                    prefix, failure.url, text));
  }
  throw RemoteError(
      fmt::format("{}cannot fetch {}: {}; {}", prefix, failure.url, text, configuration_hint(*failure.repository)));
}

/// The failure that explains the others: a Release file's before an index's.
std::optional<Failure> first_failure(pkgAcquire& fetcher, const std::vector<Repository>& repositories,
                                     std::size_t rank) {
  std::optional<Failure> found;
  for (auto item = fetcher.ItemsBegin(); item != fetcher.ItemsEnd(); ++item) {
    if ((*item)->Status == pkgAcquire::Item::StatDone) continue;
    const std::string url = (*item)->DescURI();
    const Repository* repository = owner_of(url, repositories, rank);
    if (repository == nullptr) continue;
    if (!found || (is_release(url) && found->text.empty())) {
      found = Failure{.repository = repository, .url = url, .text = one_line((*item)->ErrorText)};
    }
  }
  return found;
}

/// Some refusals concern no file: apt then only says "The repository 'URL SUITE Release' is not signed."
std::optional<Failure> failure_in_messages(const std::string& messages, const std::vector<Repository>& repositories,
                                           std::size_t rank) {
  for (const auto& repository : repositories) {
    const std::string url = mirror_of(repository, rank);
    if (messages.find(fmt::format("'{} {} ", url, repository.suite)) == std::string::npos) continue;
    return Failure{.repository = &repository,
                   .url = fmt::format("{}/dists/{}/InRelease", url, repository.suite),
                   .text = messages};
  }
  return std::nullopt;
}

// Acquire: one run of apt's acquisition over all repositories, its failures told per repository.

/// Downloads the lists of `sources`, which were written for mirrors of rank `rank`. RemoteError when a mirror does
/// not answer, LockError when it answers something that cannot be used. Progress goes to standard error.
void acquire_lists(pkgSourceList& sources, const std::vector<Repository>& repositories, std::size_t rank) {
  Progress progress;
  pkgAcquire fetcher(&progress);
  if (!fetcher.GetLock(_config->FindDir("Dir::State::lists")) || !sources.GetIndexes(&fetcher)) {
    throw LockError("lock: apt cannot prepare the download of package lists: " + take_apt_messages());
  }
  const auto result = fetcher.Run();
  const std::string messages = one_line(take_apt_messages());
  auto failure = first_failure(fetcher, repositories, rank);
  if (failure && failure->text.empty()) failure->text = messages;
  if (!failure && result != pkgAcquire::Continue) failure = failure_in_messages(messages, repositories, rank);
  if (failure) refuse(*failure);
  if (result != pkgAcquire::Continue) throw RemoteError("lock: the download of package lists failed: " + messages);
}

using lock::LockedIndex;
using resolve::ResolveRequest;

ReleaseFiles stored_release(const Session& session, const metaIndex& meta) {
  const std::string base = meta.GetURI() + "dists/" + meta.GetDist() + "/";
  const auto in_release = session.lists() / URItoFileName(base + "InRelease");
  if (std::filesystem::exists(in_release)) return {.release = in_release, .signature = {}};
  return {.release = session.lists() / URItoFileName(base + "Release"),
          .signature = session.lists() / URItoFileName(base + "Release.gpg")};
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
    throw LockError(fmt::format("{}it has no component \"{}\"; it has: {}", repository.message_prefix(), component,
                                fmt::join(components, ", ")));
  }
  throw LockError(fmt::format("{}it has no packages for the architecture {}; it has: {}", repository.message_prefix(),
                              path.substr(component.size() + 8, path.size() - component.size() - 17),
                              fmt::join(architectures, ", ")));
}

/// An additional repository need not have packages of a foreign architecture.
bool must_have(const Repository& repository, const std::string& architecture) {
  if (architecture == "all") return false;
  return repository.role == Role::distribution || architecture == _config->Find("APT::Architecture");
}

/// The index files that apt uses of this repository, each proved against the signed sums.
std::vector<lock::LockedIndex> prove_indexes(const metaIndex& meta, const Release& release,
                                             const Repository& repository, Lists& lists) {
  std::vector<lock::LockedIndex> indexes;
  for (const auto& target : meta.GetIndexTargets()) {
    if (target.Option(IndexTarget::CREATED_BY) != "Packages") continue;
    const std::filesystem::path file = target.Option(IndexTarget::FILENAME);
    const auto vouched = release.files.find(target.MetaKey);
    if (vouched == release.files.end() && must_have(repository, target.Option(IndexTarget::ARCHITECTURE)))
      refuse_missing_index(release, repository, target.MetaKey);
    if (vouched == release.files.end() || !std::filesystem::exists(file)) continue;
    if (sha256_of(read_file(file)) != vouched->second) {
      throw LockError(
          fmt::format("{}the stored index \"{}\" is not what its Release file vouches for; remove it and "
                      "lock again",
                      repository.message_prefix(), file.string()));
    }
    indexes.push_back({.path = target.MetaKey, .sha256 = vouched->second});
    lists.index_files.emplace(file, &repository);
  }
  std::sort(indexes.begin(), indexes.end());
  return indexes;
}

void prove(const Session& session, const resolve::ResolveRequest& request, const metaIndex& meta,
           const Repository& repository, Lists& lists) {
  const std::string prefix = repository.message_prefix();
  const auto files = stored_release(session, meta);
  const SignedText text = verify(files, session.keyring(repository), session.directory(), prefix);
  const Release release = parse_release(text.text, prefix);
  check_release(release, repository, request, lists.notes);
  lists.repositories.push_back({.archive = repository.archive,
                                .suite = repository.suite,
                                .components = repository.components,
                                .date = date_text(release.date),
                                .signers = text.signers,
                                .indexes = prove_indexes(meta, release, repository, lists)});
  keep_release(request.cache, lists.repositories.back(), files, session.keyring(repository));
}

const metaIndex& meta_of(const pkgSourceList& sources, const Repository& repository, std::size_t rank) {
  for (const metaIndex* meta : sources) {
    if (meta->GetURI() == mirror_of(repository, rank) + "/" && meta->GetDist() == repository.suite) return *meta;
  }
  throw Error(repository.message_prefix() + "apt does not know the source that was written for it");
}

/// Apt goes on with the Release that it has where a mirror offers an older one.
void forget_releases(const Session& session) {
  std::vector<std::filesystem::path> releases;
  for (const auto& entry : std::filesystem::directory_iterator(session.lists())) {
    if (is_release(entry.path().native())) releases.push_back(entry.path());
  }
  for (const auto& path : releases) std::filesystem::remove(path);
}

Lists update_from(const Session& session, const resolve::ResolveRequest& request,
                  const std::vector<Repository>& repositories, std::size_t rank) {
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

Lists update(const Session& session, const resolve::ResolveRequest& request,
             const std::vector<Repository>& repositories) {
  if (request.rollback == Rollback::allow) forget_releases(session);
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

}  // namespace karapace::resolve::deb
