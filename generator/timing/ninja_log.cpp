// SPDX-License-Identifier: Apache-2.0
#include "generator/timing/ninja_log.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <set>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

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

using std::chrono::nanoseconds;
using namespace std::chrono_literals;

// File systems stamp with the kernel's tick (up to 10 ms), and the two clocks drift apart while a build runs.
constexpr nanoseconds tolerance = 20ms;
// What takes longer did work, so its output's time tells when.
constexpr Milliseconds longest_hit = 100ms;
// Older versions of Ninja count seconds, which are of no use here.
constexpr nanoseconds least_stamp = 240h;

bool is_build_file(std::string_view output) { return output == "build.ninja" || output.ends_with("/build.ninja"); }

class Search {
 public:
  Search(const NinjaLog& log, std::optional<nanoseconds> written, const std::vector<bool>& hits)
      : log_(log), written_(written), hits_(hits) {
    find_latest();
    find_regenerations();
    for (std::size_t i = 0; i < size(); ++i) {
      if (is_candidate(i)) latest_begin_ = std::max(latest_begin_, log_.entries[i].stamp - log_.entries[i].end);
    }
  }

  std::vector<std::size_t> run() const {
    if (log_.version >= 6) return all_certain();
    auto by_order = tail();
    if (!is_shuffled()) return by_order;
    return joined(all_certain(), by_order);
  }

 private:
  std::size_t size() const { return log_.entries.size(); }
  auto command_of(std::size_t i) const {
    const auto& entry = log_.entries[i];
    return std::tuple(entry.command, entry.start, entry.end);
  }

  void find_latest() {
    for (std::size_t i = 0; i < size(); ++i) latest_[log_.entries[i].output] = i;
  }
  void find_regenerations() {
    for (std::size_t i = 0; i < size(); ++i) {
      if (is_build_file(log_.entries[i].output)) regenerations_.insert(command_of(i));
    }
  }
  bool regenerates(std::size_t i) const { return !regenerations_.empty() && regenerations_.contains(command_of(i)); }
  /// Version 5 stamps hits with the time of something older.
  bool has_stamp(std::size_t i) const {
    const auto& entry = log_.entries[i];
    bool is_own = log_.version >= 6 || hits_.empty() || !hits_[i];
    return is_own && entry.stamp > least_stamp && (!written_ || entry.stamp <= *written_ + tolerance);
  }
  bool is_candidate(std::size_t i) const { return has_stamp(i) && !regenerates(i); }
  /// It did its work in the run whose begin is the latest that any entry shows.
  bool is_certain(std::size_t i) const {
    return is_candidate(i) && log_.entries[i].stamp - log_.entries[i].start >= latest_begin_ - tolerance;
  }

  std::vector<std::size_t> all_certain() const {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < size(); ++i) {
      if (latest_.at(log_.entries[i].output) == i && is_certain(i)) found.push_back(i);
    }
    return found;
  }

  /// The last entries as far back as they can be of one run.
  std::vector<std::size_t> tail() const {
    auto i = size();
    while (i > 0 && regenerates(i - 1)) --i;
    std::vector<std::size_t> found;
    std::unordered_set<std::string_view> outputs;
    while (i-- > 0 && !regenerates(i)) {
      const auto& entry = log_.entries[i];
      if (!found.empty() && entry.end > log_.entries[found.back()].end) break;
      if (!outputs.insert(entry.output).second) break;
      if (has_stamp(i) && !is_certain(i) && entry.duration() > longest_hit) break;
      found.push_back(i);
    }
    std::reverse(found.begin(), found.end());
    return found;
  }

  /// In a log as it was appended to, ends grow but for the few places where a run began.
  bool is_shuffled() const {
    std::size_t descents = 0;
    for (std::size_t i = 1; i < size(); ++i) descents += log_.entries[i].end < log_.entries[i - 1].end ? 1 : 0;
    return size() >= 4 && descents * 3 > size();
  }

  /// `certain` and what was appended to the log after the first of them in its tail.
  std::vector<std::size_t> joined(std::vector<std::size_t> certain, const std::vector<std::size_t>& tail) const {
    auto first = std::find_if(tail.begin(), tail.end(), [&](std::size_t i) { return is_certain(i); });
    std::set<std::size_t> all(certain.begin(), certain.end());
    all.insert(first, tail.end());
    return {all.begin(), all.end()};
  }

  const NinjaLog& log_;
  std::optional<nanoseconds> written_;
  const std::vector<bool>& hits_;
  std::unordered_map<std::string_view, std::size_t> latest_;  // output -> its last entry
  std::set<std::tuple<std::uint64_t, Milliseconds, Milliseconds>> regenerations_;
  nanoseconds latest_begin_{};
};

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

std::vector<std::size_t> last_run(const NinjaLog& log, std::optional<nanoseconds> written,
                                  const std::vector<bool>& hits) {
  if (!log.has_times()) return {};
  return Search(log, written, hits).run();
}

}  // namespace karapace::timing
