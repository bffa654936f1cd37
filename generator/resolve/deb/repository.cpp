// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/deb/repository.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>
#include <string_view>

#include <fmt/format.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "generator/manifest/package_request.hpp"
#include "generator/manifest/preference.hpp"
#include "generator/manifest/suites.hpp"

namespace karapace::resolve::deb {
namespace {

using resolve::ResolveRequest;
using Use = manifest::ReleaseSuite::Use;

struct Distribution {
  std::string_view name;
  std::string_view keyring;
  std::string_view keyring_package;
  std::vector<std::string> components;
};

const Distribution& distribution_of(const resolve::ResolveRequest& request) {
  static const std::array<Distribution, 2> known{{
      {"debian", "/usr/share/keyrings/debian-archive-keyring.gpg", "debian-archive-keyring", {"main"}},
      {"ubuntu", "/usr/share/keyrings/ubuntu-archive-keyring.gpg", "ubuntu-keyring", {"main", "universe"}},
  }};
  for (const auto& distribution : known) {
    if (distribution.name == request.distribution) return distribution;
  }
  throw LockError(fmt::format("{}the distribution \"{}\" is not known; known are debian and ubuntu",
                              message_prefix(request), request.distribution));
}

std::vector<std::string> urls_of(const resolve::ResolveRequest& request, const std::string& archive) {
  const auto found = request.mirrors.archives.find(archive);
  if (found == request.mirrors.archives.end() || found->second.empty()) {
    throw LockError(fmt::format("{}no mirror is known for the archive \"{}\"; name one under [mirrors] in config.toml",
                                message_prefix(request), archive));
  }
  return found->second;
}

/// A site's own keyring for this archive, else the distribution's, which a package of the host brings.
std::filesystem::path keyring_of(const resolve::ResolveRequest& request, const Distribution& distribution,
                                 const std::string& archive) {
  if (const auto own = request.mirrors.keyrings.find(archive); own != request.mirrors.keyrings.end()) {
    if (access(own->second.c_str(), R_OK) == 0) return own->second;
    throw LockError(errno_message(fmt::format("{}cannot read \"{}\", the keyring that [keyrings] in config.toml names",
                                              message_prefix(request), own->second.string()),
                                  errno));
  }
  if (access(std::string(distribution.keyring).c_str(), R_OK) == 0) return distribution.keyring;
  throw LockError(fmt::format("{}the keyring {} that vouches for {} is missing; install the package {}",
                              message_prefix(request), distribution.keyring, distribution.name,
                              distribution.keyring_package));
}

/// These words are written into apt's sources and into paths; anything else than a plain word is refused.
void require_plain(const resolve::ResolveRequest& request, std::string_view what, std::string_view word) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("+._~-/").find(c) != std::string_view::npos;
  };
  const bool parts = word.starts_with('/') || word.find("..") != std::string_view::npos;
  if (!word.empty() && !parts && std::all_of(word.begin(), word.end(), plain)) return;
  throw LockError(fmt::format("{}\"{}\" cannot be the {} of a repository", message_prefix(request), word, what));
}

void require_plain(const resolve::ResolveRequest& request) {
  require_plain(request, "suite", request.suite);
  require_plain(request, "architecture", request.architecture);
  for (const auto& architecture : request.foreign_architectures) require_plain(request, "architecture", architecture);
  for (const auto& repository : request.repositories) {
    require_plain(request, "name", repository.name);
    for (const auto& component : repository.components) require_plain(request, "component", component);
  }
}

Repository part_of(const resolve::ResolveRequest& request, const Distribution& distribution,
                   const manifest::ReleaseSuite& part) {
  return {.archive = part.archive,
          .suite = part.suite,
          .components = distribution.components,
          .urls = urls_of(request, part.archive),
          .keyring = keyring_of(request, distribution, part.archive),
          .role = part.use == Use::always ? Role::distribution : Role::asked};
}

std::set<std::string> asked_suites(const resolve::ResolveRequest& request) {
  std::set<std::string> suites;
  for (const auto& word : request.packages) suites.insert(manifest::package_request(word).suite);
  for (const auto& word : request.prefer) suites.insert(manifest::preference(word.text).source);
  suites.erase("");
  return suites;
}

/// Those that packages ask for, and those of packages that stay because they are held.
std::set<std::string> wanted_suites(const resolve::ResolveRequest& request) {
  auto suites = asked_suites(request);
  for (const auto& word : request.hold) {
    const auto held = manifest::package_request(word.text);
    for (const auto& kept : request.keep) {
      const auto slash = kept.repository.find('/');
      if (kept.name == held.name && slash != std::string::npos) suites.insert(kept.repository.substr(slash + 1));
    }
  }
  return suites;
}

/// A manifest with a suite as its base said so itself; which suites belong to an archive is known only now.
void require_known_suites(const resolve::ResolveRequest& request) {
  std::vector<std::string> additional;
  for (const auto& repository : request.repositories)
    additional.insert(additional.end(), {repository.suite, repository.name});
  const manifest::BaseSuite base{request.distribution, request.suite};
  for (const auto& [word, place] : request.prefer) {
    const auto source = manifest::preference(word).source;
    const auto complaint = source.empty() ? std::nullopt : manifest::judge_known_suite(source, base, additional);
    if (complaint)
      throw ManifestError(fmt::format("{}preference \"{}\": {}",
                                      place.text.empty() ? message_prefix(request) : place.text + ": ", word,
                                      *complaint));
  }
  for (const auto& suite : asked_suites(request)) {
    const auto complaint = manifest::judge_known_suite(suite, base, additional);
    if (complaint) throw LockError(message_prefix(request) + *complaint);
  }
}

/// Of one address and suite apt knows one source, with one keyring.
void require_another(const resolve::AdditionalRepository& wanted, const Repository& repository,
                     const std::vector<Repository>& others) {
  for (const auto& other : others) {
    const auto same = [&](const std::string& url) { return std::ranges::find(other.urls, url) != other.urls.end(); };
    const auto found = std::ranges::find_if(repository.urls, same);
    if (other.suite != repository.suite || found == repository.urls.end()) continue;
    const auto& place = wanted.uri_place.text;
    throw ManifestError(fmt::format(
        "{}repositories.{}: {} is where {} comes from, too: leave the repository out, or name another mirror "
        "when it is for other components",
        place.empty() ? "lock: " : place + ": ", wanted.name, *found, other.label()));
  }
}

Repository additional(const resolve::ResolveRequest& request, const resolve::AdditionalRepository& wanted) {
  if (wanted.suite.empty() || wanted.suite.ends_with('/') || wanted.components.empty()) {
    throw LockError(
        fmt::format("lock: repository \"{}\": a suite and at least one component are needed; flat "
                    "repositories (a suite that ends in \"/\") are not supported",
                    wanted.name));
  }
  require_plain(request, "suite", wanted.suite);
  if (access(wanted.key.c_str(), R_OK) != 0) {
    throw LockError(errno_message(
        fmt::format("lock: repository \"{}\": cannot read its key \"{}\"", wanted.name, wanted.key.string()), errno));
  }
  return {.archive = wanted.name,
          .suite = wanted.suite,
          .components = wanted.components,
          .urls = urls_of(request, wanted.name),
          .keyring = wanted.key,
          .keyring_content = wanted.key_content,
          .role = Role::additional};
}

}  // namespace

std::string Repository::read_keyring() const {
  auto bytes = read_file(keyring);
  if (!keyring_content || blake3(bytes) == *keyring_content) return bytes;
  throw LockError(fmt::format("lock: repository \"{}\": its key \"{}\" changed while the lock was made; run it again",
                              archive, keyring.string()));
}

std::string message_prefix(const resolve::ResolveRequest& request) {
  return fmt::format("lock: {}/{}: ", request.distribution, request.suite);
}

std::vector<Repository> repositories_of(const resolve::ResolveRequest& request) {
  require_plain(request);
  const Distribution& distribution = distribution_of(request);
  require_known_suites(request);
  const auto wanted = wanted_suites(request);
  std::vector<Repository> repositories;
  for (const auto& part : manifest::suites_of(distribution.name, request.suite)) {
    if (part.use == Use::always || wanted.contains(part.suite))
      repositories.push_back(part_of(request, distribution, part));
  }
  for (const auto& other : request.repositories) {
    auto repository = additional(request, other);
    require_another(other, repository, repositories);
    repositories.push_back(std::move(repository));
  }
  return repositories;
}

}  // namespace karapace::resolve::deb
