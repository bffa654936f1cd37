// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/deb/release.hpp"

#include <ctime>

#include <apt-pkg/strutl.h>
#include <fmt/format.h>

#include "base/error.hpp"
#include "generator/resolve/deb/control_fields.hpp"

namespace karapace::resolve_deb {
namespace {

std::int64_t seconds_of(std::string_view field, std::string_view value, std::string_view prefix) {
  time_t seconds = 0;
  if (!RFC1123StrToTime(std::string(value), seconds)) {
    throw LockError(fmt::format("{}the {} \"{}\" of its Release file is no date; use another mirror", prefix, field,
                                value));
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

}  // namespace

Release parse_release(std::string_view signed_text, std::string_view prefix) {
  const ControlFields fields(signed_text);
  Release release{.suite = std::string(fields.value("Suite")),
                  .codename = std::string(fields.value("Codename")),
                  .date = seconds_of("Date", fields.value("Date"), prefix),
                  .valid_until = {},
                  .files = files_of(fields.value("SHA256"))};
  if (const auto until = fields.value("Valid-Until"); !until.empty()) {
    release.valid_until = seconds_of("Valid-Until", until, prefix);
  }
  if (release.files.empty()) {
    throw LockError(fmt::format("{}its Release file has no SHA256 sums; ask the repository's owner to add them",
                                prefix));
  }
  return release;
}

std::string date_text(std::int64_t seconds) {
  const auto time = static_cast<time_t>(seconds);
  std::tm parts{};
  gmtime_r(&time, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace karapace::resolve_deb
