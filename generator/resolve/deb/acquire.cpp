// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/deb/acquire.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <string_view>

#include <apt-pkg/acquire-item.h>
#include <apt-pkg/acquire.h>
#include <apt-pkg/configuration.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/error.hpp"
#include "generator/resolve/deb/session.hpp"

namespace karapace::resolve_deb {
namespace {

/// One line on a terminal that is wiped at the end; silence elsewhere.
class Progress : public pkgAcquireStatus {
 public:
  bool MediaChange(std::string, std::string) override { return false; }
  // The suite "stable" moves on to the next release: that the lock says which is enough.
  bool ReleaseInfoChanges(const metaIndex*, const metaIndex*, std::vector<ReleaseInfoChange>&&) override {
    return true;
  }
  bool Pulse(pkgAcquire* owner) override {
    pkgAcquireStatus::Pulse(owner);
    if (terminal_ && TotalBytes > 0) {
      fmt::print(stderr, "\rlock: package lists {:.1f} of {:.1f} MB\x1b[K", megabytes(CurrentBytes),
                 megabytes(TotalBytes));
      shown_ = true;
    }
    return true;
  }
  void Stop() override {
    pkgAcquireStatus::Stop();
    if (shown_) fmt::print(stderr, "\r\x1b[K");
  }

 private:
  static double megabytes(unsigned long long bytes) { return static_cast<double>(bytes) / 1e6; }
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
  if (repository.role == Role::additional) return "check its url in [repositories] of the manifest";
  return fmt::format("check the network, or name another mirror: [mirrors] {} = [\"http://...\"] in config.toml",
                     repository.archive);
}

[[noreturn]] void refuse(const Failure& failure) {
  const std::string prefix = fmt::format("lock: {}: ", failure.repository->label());
  const std::string& text = failure.text;
  if (contains_any(text, {"Release' is not signed"}) && !contains_any(text, {"GPG error", "Clearsigned file"})) {
    throw LockError(fmt::format("{}its Release file is not signed; name a mirror that has the signed one (InRelease)",
                                prefix));
  }
  if (contains_any(text, {"GPG error", "NO_PUBKEY", "BADSIG", "EXPKEYSIG", "REVKEYSIG", "EXPSIG", "NODATA", "signature",
                          "Clearsigned file"})) {
    throw LockError(fmt::format("{}the signature of its Release file is not valid: {}; use another mirror, or check "
                                "the keyring {}",
                                prefix, text, failure.repository->keyring.string()));
  }
  if (contains_any(text, {"does not have a Release file", "no longer has a Release file"}) ||
      (contains_any(text, {"404", "File not found", "403", "410"}) && is_release(failure.url))) {
    throw LockError(fmt::format("{}{} is missing ({}); check the suite's name, or name another mirror",
                                prefix, failure.url, text));
  }
  if (contains_any(text, {"Hash Sum mismatch", "unexpected size", "404", "File not found"})) {
    throw RemoteError(fmt::format("{}{} does not fit its Release file ({}); the mirror is being updated or is damaged: "
                                  "try again, or name another one",
                                  prefix, failure.url, text));
  }
  throw RemoteError(fmt::format("{}cannot fetch {}: {}; {}", prefix, failure.url, text,
                                configuration_hint(*failure.repository)));
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

}  // namespace

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

}  // namespace karapace::resolve_deb
