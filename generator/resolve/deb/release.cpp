// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/deb/release.hpp"

#include <algorithm>
#include <array>
#include <ctime>

#include <apt-pkg/strutl.h>
#include <fmt/format.h>
#include <openssl/evp.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "generator/resolve/deb/control_fields.hpp"

namespace karapace::resolve::deb {
namespace {

constexpr std::int64_t clock_tolerance_seconds = 600;

std::int64_t seconds_of(std::string_view field, std::string_view value, std::string_view prefix) {
  time_t seconds = 0;
  if (!RFC1123StrToTime(std::string(value), seconds)) {
    throw LockError(
        fmt::format("{}the {} \"{}\" of its Release file is no date; use another mirror", prefix, field, value));
  }
  return seconds;
}

/// "<sha256> <size> <path>", three words a line.
std::map<std::string, Sha256, std::less<>> files_of(std::string_view value) {
  std::map<std::string, Sha256, std::less<>> files;
  const auto list = words(value);
  for (std::size_t i = 0; i + 2 < list.size(); i += 3) {
    if (auto digest = Sha256::from_hex(list[i])) files.emplace(list[i + 2], *digest);
  }
  return files;
}

void check_dates(const Release& release, const ResolveRequest& request, const std::string& prefix) {
  const auto& acquisition = request.mirrors.acquisition;
  const std::int64_t now = std::time(nullptr);
  if (request.valid_until == ValidUntil::check && acquisition.check_valid_until && release.valid_until &&
      *release.valid_until < now) {
    throw LockError(
        fmt::format("{}its Release file expired on {}: the mirror is out of date or somebody holds back "
                    "updates; use another mirror, or accept it with check_valid_until = false under "
                    "[acquisition] in config.toml",
                    prefix, date_text(*release.valid_until)));
  }
  if (acquisition.check_date && release.date > now + clock_tolerance_seconds) {
    throw LockError(fmt::format("{}its Release file is of {}, which is in the future; check this machine's clock",
                                prefix, date_text(release.date)));
  }
}

/// Few Releases say until when they are valid; the lock there was says what has been seen already.
void check_rollback(const Release& release, const Repository& repository, const ResolveRequest& request) {
  if (request.rollback == Rollback::allow) return;
  const auto known = std::find_if(request.known.begin(), request.known.end(),
                                  [&](const auto& before) { return name_of(before) == repository.label(); });
  if (known == request.known.end()) return;
  const auto& known_date = std::get<lock::DebRepository>(*known).date;
  const std::string date = date_text(release.date);
  if (known_date <= date) return;
  throw LockError(
      fmt::format("{}its Release file is of {}, that of the lock of {}: the mirror is out of date or somebody holds "
                  "back updates; use another mirror, or accept the older one with --allow-rollback",
                  repository.message_prefix(), date, known_date));
}

/// The repositories beside a suite's own, which the same keys sign; the longer names first.
constexpr std::array<std::string_view, 6> pockets{"proposed-updates", "backports-sloppy", "updates",
                                                  "security",         "backports",        "proposed"};

/// "security" of "bookworm-security", "" of "bookworm".
std::string_view pocket_of(std::string_view suite) {
  for (const auto pocket : pockets) {
    if (!suite.ends_with(pocket)) continue;
    if (suite.size() == pocket.size() || suite[suite.size() - pocket.size() - 1] == '-') return pocket;
  }
  return {};
}

/// Ubuntu's pockets have one codename, so the codename alone does not tell them apart. Debian's Suite is an alias
/// ("stable-security") in the pocket that the codename names.
bool is_named(const Release& release, std::string_view wanted) {
  if (release.suite == wanted) return true;
  const bool in_pocket = release.suite.empty() || pocket_of(release.suite) == pocket_of(wanted);
  return release.codename == wanted && in_pocket;
}

/// Apt's own rule (metaIndex::CheckDist): "buster/updates" may call itself "buster".
std::string_view without_last_part(std::string_view suite) { return suite.substr(0, suite.rfind('/')); }

bool is_of_another_pocket(const Release& release, std::string_view wanted) {
  const auto& said = release.suite.empty() ? release.codename : release.suite;
  return !said.empty() && pocket_of(said) != pocket_of(without_last_part(wanted));
}

std::string names_text(const Release& release) {
  if (release.suite.empty() && release.codename.empty()) return "its Release file does not say of which suite it is";
  return fmt::format("the Release file is of \"{}\" (codename \"{}\")", release.suite, release.codename);
}

/// A signature vouches for a suite of that key's owner, not for the one that was asked for: the name is checked too.
void check_name(const Release& release, const Repository& repository, std::vector<std::string>& notes) {
  const auto& wanted = repository.suite;
  if (is_named(release, wanted) || is_named(release, without_last_part(wanted))) return;
  const auto message = names_text(release);
  if (repository.role != Role::additional)
    throw LockError(repository.message_prefix() + message + "; use another mirror");
  if (is_of_another_pocket(release, wanted)) {
    throw LockError(repository.message_prefix() + message +
                    "; write that suite in [repositories] of the manifest, or check the uri there");
  }
  notes.push_back(fmt::format("{}: {}", repository.label(), message));
}

}  // namespace

Release parse_release(std::string_view signed_text, std::string_view prefix) {
  const ControlFields fields(signed_text);
  if (const auto field = fields.repeated()) {
    throw LockError(fmt::format("{}its Release file has the field {} twice; use another mirror, or tell its owner",
                                prefix, escaped_utf8(*field)));
  }
  Release release{.suite = std::string(fields.value("Suite")),
                  .codename = std::string(fields.value("Codename")),
                  .date = seconds_of("Date", fields.value("Date"), prefix),
                  .valid_until = {},
                  .files = files_of(fields.value("SHA256"))};
  if (const auto until = fields.value("Valid-Until"); !until.empty()) {
    release.valid_until = seconds_of("Valid-Until", until, prefix);
  }
  if (release.files.empty()) {
    throw LockError(
        fmt::format("{}its Release file has no SHA256 sums; ask the repository's owner to add them", prefix));
  }
  return release;
}

void check_release(const Release& release, const Repository& repository, const ResolveRequest& request,
                   std::vector<std::string>& notes) {
  check_name(release, repository, notes);
  check_dates(release, request, repository.message_prefix());
  check_rollback(release, repository, request);
}

Sha256 sha256_of(std::string_view bytes) {
  std::array<std::uint8_t, Digest::size> digest{};
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1)
    throw Error("lock: libcrypto cannot compute SHA-256");
  return Sha256(Digest(digest));
}

std::string date_text(std::int64_t seconds) {
  const auto time = static_cast<time_t>(seconds);
  std::tm parts{};
  gmtime_r(&time, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace karapace::resolve::deb
