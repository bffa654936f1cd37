// SPDX-License-Identifier: Apache-2.0
#include "generator/timing/ninja_log.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"

namespace karapace::timing {

namespace {

constexpr std::string_view signature = "# ninja log v";
constexpr unsigned oldest_version = 5;
constexpr unsigned newest_version = 7;

template <class Number>
std::optional<Number> number(std::string_view digits, int base = 10) {
  Number value{};
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

std::string_view take_line(std::string_view& text) {
  auto end = text.find('\n');
  auto line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

/// Nothing unless the line is whole: five fields, and times that Ninja could have written.
std::optional<LogEntry> entry_from(std::string_view line) {
  std::array<std::string_view, 5> fields;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    auto tab = line.find('\t');
    if ((tab == std::string_view::npos) != (i + 1 == fields.size())) return std::nullopt;
    fields[i] = line.substr(0, tab);
    line.remove_prefix(tab == std::string_view::npos ? line.size() : tab + 1);
  }
  auto start = number<std::int32_t>(fields[0]);
  auto end = number<std::int32_t>(fields[1]);
  auto stamp = number<std::int64_t>(fields[2]);
  auto command = number<std::uint64_t>(fields[4], 16);
  if (!start || !end || !stamp || !command) return std::nullopt;
  if (*start < 0 || *end < *start || *stamp < 0 || fields[3].empty()) return std::nullopt;
  return LogEntry{Milliseconds(*start), Milliseconds(*end), std::chrono::nanoseconds(*stamp), std::string(fields[3]),
                  *command};
}

unsigned version_of(std::string_view line, std::string_view name) {
  std::optional<unsigned> version;
  if (line.starts_with(signature)) version = number<unsigned>(line.substr(signature.size()));
  if (!version) throw Error(fmt::format("{} is no log of ninja", escaped_utf8(name)));
  if (*version >= oldest_version && *version <= newest_version) return *version;
  throw Error(fmt::format("{} is a log of version {}, and only {} to {} are known: build with another ninja",
                          escaped_utf8(name), *version, oldest_version, newest_version));
}

}  // namespace

bool NinjaLog::has_times() const {
  return std::any_of(entries.begin(), entries.end(), [](const LogEntry& entry) { return entry.end.count() != 0; });
}

NinjaLog parse_ninja_log(std::string_view text, std::string_view name) {
  NinjaLog log;
  log.version = newest_version;
  if (text.empty()) return log;  // made, but not written to when ninja was killed
  log.version = version_of(take_line(text), name);
  log.entries.reserve(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')));
  while (!text.empty()) {
    bool whole = text.find('\n') != std::string_view::npos;
    auto entry = entry_from(take_line(text));
    if (entry && whole) {
      log.entries.push_back(std::move(*entry));
    } else {
      ++log.malformed;
    }
  }
  return log;
}

}  // namespace karapace::timing
