// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/deb/kept_release.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "generator/resolve/deb/control_fields.hpp"
#include "generator/resolve/deb/release.hpp"

namespace karapace::resolve::deb {
namespace {

using Link = EvidencePart::Link;
using State = EvidencePart::State;
using lock::DebRepository;
using lock::LockedPackage;

constexpr const char* keyring_name = "keyring.gpg";

/// Length-prefixed: no two repositories share a directory.
std::filesystem::path directory_of(const std::filesystem::path& cache, const DebRepository& repository) {
  std::string identity;
  const auto add = [&identity](std::string_view field) { identity += fmt::format("{}:{};", field.size(), field); };
  add(repository.archive);
  add(repository.suite);
  add(repository.date);
  for (const auto& index : repository.indexes) {
    add(index.path);
    add(index.sha256.hex());
  }
  return cache / "releases" / blake3(identity).hex();
}

ReleaseFiles files_in(const std::filesystem::path& directory) {
  if (std::filesystem::exists(directory / "InRelease")) return {.release = directory / "InRelease", .signature = {}};
  return {.release = directory / "Release", .signature = directory / "Release.gpg"};
}

/// Whether packages of that name in a lock are this repository's; locks of format 1 name the archive only.
bool is_of(const LockedPackage& package, const DebRepository& repository) {
  return package.repository == repository.name() || package.repository == repository.archive;
}

class Proof {
 public:
  explicit Proof(const ResolveRequest& request) : request_(request) {
    for (const auto& package : request.keep) wanted_.emplace(package.sha256.hex(), &package);
  }

  std::vector<EvidencePart> run() {
    for (const auto& one : request_.known) {
      const auto& repository = std::get<DebRepository>(one);
      prove_repository(repository);
      read_indexes(repository);
    }
    for (const auto& package : request_.keep) prove_package(package);
    if (unread_ > 0)
      add(Link::index, State::absent, fmt::format("{} packages", unread_),
          "the indexes that named them are not in the cache any more; their digests are those of the lock");
    return std::move(parts_);
  }

 private:
  void add(Link link, State state, std::string subject, std::string reason = {}) {
    parts_.push_back({link, state, std::move(subject), std::move(reason)});
  }

  void prove_repository(const DebRepository& repository) {
    const auto directory = directory_of(request_.cache, repository);
    const auto files = files_in(directory);
    if (!std::filesystem::exists(files.release)) {
      const auto* reason =
          "its signed Release is not in the cache: the lock was made elsewhere, by an older release, or "
          "the cache was emptied";
      add(Link::archive, State::absent, repository.name(), reason);
      add(Link::index, State::absent, repository.name(), reason);
      return;
    }
    try {
      const TemporaryDirectory work("karapace-prove");
      const auto text = verify(files, directory / keyring_name, work.path(), "");
      prove_signers(repository, text.signers);
      prove_indexes(repository, parse_release(text.text, ""));
    } catch (const Error& error) {
      const std::string reason = error.what();
      const bool has_expired = reason.find("expired") != std::string::npos;
      add(Link::archive, has_expired ? State::absent : State::broken, repository.name(), reason);
      add(Link::index, State::absent, repository.name(), "no signature vouches for its Release");
    }
  }

  void prove_signers(const DebRepository& repository, const std::vector<std::string>& signers) {
    const auto is_signer = [&](const std::string& one) { return std::ranges::find(signers, one) != signers.end(); };
    if (std::ranges::any_of(repository.signers, is_signer))
      return add(Link::archive, State::verified, repository.name());
    add(Link::archive, State::broken, repository.name(),
        fmt::format("it is signed by {}, and the lock names {}; lock again, or ask where the lock is from",
                    fmt::join(signers, ", "), fmt::join(repository.signers, ", ")));
  }

  void prove_indexes(const DebRepository& repository, const Release& release) {
    if (date_text(release.date) != repository.date)
      add(Link::index, State::broken, repository.name(),
          fmt::format("its Release is of {}, and the lock says {}; lock again", date_text(release.date),
                      repository.date));
    for (const auto& index : repository.indexes) {
      const auto subject = repository.name() + " " + index.path;
      const auto vouched = release.files.find(index.path);
      if (vouched != release.files.end() && vouched->second == index.sha256)
        add(Link::index, State::verified, subject);
      else
        add(Link::index, State::broken, subject,
            "the Release vouches for another index than the lock names; lock again");
    }
  }

  /// Notes what the repository's indexes say of the packages that are wanted.
  void read_indexes(const DebRepository& repository) {
    for (const auto& index : repository.indexes) {
      if (const auto text = index_text(index.sha256))
        note_entries(*text, repository);
      else
        unread_repositories_.push_back(&repository);
    }
  }

  /// An index that the cache has, whatever it is called there: what counts is its digest.
  std::optional<std::string> index_text(const Sha256& sha256) const {
    const auto sets = request_.cache / "resolve-deb";
    for (const auto& set : names_in(sets)) {
      for (const auto& name : names_in(sets / set / "lists")) {
        if (!name.ends_with("_Packages")) continue;
        auto text = read_file_if_exists(sets / set / "lists" / name);
        if (text && sha256_of(*text) == sha256) return text;
      }
    }
    return std::nullopt;
  }

  void note_entries(std::string_view text, const DebRepository& repository) {
    while (!text.empty()) {
      const auto end = text.find("\n\n");
      const auto stanza = text.substr(0, end);
      text.remove_prefix(end == text.npos ? text.size() : end + 2);
      const auto field = stanza.find("\nSHA256: ");
      if (field == stanza.npos || !wanted_.contains(std::string(stanza.substr(field + 9, 64)))) continue;
      const ControlFields fields(stanza);
      for (auto [one, last] = wanted_.equal_range(std::string(fields.value("SHA256"))); one != last; ++one)
        if (is_of(*one->second, repository) && is_entry_of(fields, *one->second)) named_.insert(one->second);
    }
  }

  static bool is_entry_of(const ControlFields& fields, const LockedPackage& package) {
    return fields.value("Package") == package.name && fields.value("Version") == package.version &&
           fields.value("Architecture") == package.architecture && fields.value("Size") == std::to_string(package.size);
  }

  void prove_package(const LockedPackage& package) {
    const auto subject = fmt::format("package {} {}", package.name, package.version);
    if (named_.contains(&package)) return add(Link::index, State::verified, subject);
    const bool may_be_unread =
        std::ranges::any_of(unread_repositories_, [&](const auto* repository) { return is_of(package, *repository); });
    if (may_be_unread)
      ++unread_;
    else
      add(Link::index, State::broken, subject,
          fmt::format("no index of {} that the lock names has it with this version, size and SHA-256; lock again",
                      package.repository));
  }

  const ResolveRequest& request_;
  std::multimap<std::string, const LockedPackage*> wanted_;  // by SHA-256
  std::set<const LockedPackage*> named_;
  std::vector<const DebRepository*> unread_repositories_;
  std::size_t unread_ = 0;
  std::vector<EvidencePart> parts_;
};

}  // namespace

void keep_release(const std::filesystem::path& cache, const lock::DebRepository& repository, const ReleaseFiles& files,
                  const std::filesystem::path& keyring) noexcept {
  try {
    const auto directory = directory_of(cache, repository);
    std::filesystem::create_directories(directory);
    const auto keep = [&](const std::filesystem::path& from, const char* name) {
      write_file_atomically(directory / name, read_file(from), Durable::no);
    };
    keep(keyring, keyring_name);
    if (files.signature.empty()) return keep(files.release, "InRelease");
    keep(files.signature, "Release.gpg");
    keep(files.release, "Release");
  } catch (const std::exception&) {
    // Then `verify` says that it is not there.
  }
}

std::vector<EvidencePart> prove(const ResolveRequest& request) { return Proof(request).run(); }

}  // namespace karapace::resolve::deb
