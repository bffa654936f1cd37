// SPDX-License-Identifier: Apache-2.0
#include "cli/build_progress.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/words.hpp"

namespace karapace::cli {

namespace {

using timing::EdgeIndex;
using Milliseconds = BuildProgress::Milliseconds;
using Time = BuildProgress::Time;

/// Only to weigh chains of steps against each other while nothing is known: milliseconds per byte, package or step, as
/// of a small machine.
double usual(StepKind kind) {
  switch (kind) {
    case StepKind::fetch: return 1e-4;
    case StepKind::unpack: return 1e-4;
    case StepKind::install: return 30;
    case StepKind::setup: return 1000;
    case StepKind::commit: return 1000;
    case StepKind::environment: return 10;
    case StepKind::pack: return 1000;
    case StepKind::source: return 1e-4;
    case StepKind::compile: return 10000;
    case StepKind::assemble: return 10;
  }
  return 1;
}

double milliseconds_between(Time from, Time to) { return std::chrono::duration<double, std::milli>(to - from).count(); }

/// Ninja's words for an edge, without the name that a project gives its environment.
std::string plain_description(const std::string& description) {
  constexpr std::string_view environment = "environment ";
  if (!description.starts_with(environment)) return description;
  return std::string(environment) + description.substr(description.rfind(' ') + 1);
}

Milliseconds whole(double milliseconds) { return Milliseconds(static_cast<long long>(milliseconds + 0.5)); }

/// "12 s", "3 min 5 s": no tenths, which would only flicker.
std::string rounded(double milliseconds) {
  const auto seconds = (whole(milliseconds).count() + 999) / 1000;
  return seconds < 60 ? fmt::format("{} s", seconds) : duration_text(std::chrono::seconds(seconds));
}

void join(std::string& text, const std::string& part) {
  if (part.empty()) return;
  if (!text.empty()) text += ", ";
  text += part;
}

}  // namespace

std::string cut(std::string_view text, std::size_t width) {
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool begins = (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80;
    if (begins && ++characters > width) return std::string(text.substr(0, i));
  }
  return std::string(text);
}

BuildProgress::BuildProgress(timing::MeasuredGraph measured, const std::vector<EarlierStep>& earlier,
                             unsigned processors, Time begin)
    : measured_(std::move(measured)),
      states_(measured_.graph.edges.size()),
      processors_(std::max(processors, 1U)),
      begin_(begin) {
  for (const auto& [kind, amount, duration] : earlier) {
    auto& rate = earlier_rates_[kind];
    rate.milliseconds += static_cast<double>(duration.count());
    rate.amount += static_cast<double>(std::max<std::uint64_t>(amount, 1));
  }
  for (auto edge : states_.indices()) {
    by_description_[plain_description(graph::description(measured_.edge(edge)))].push_back(edge);
    by_key_.emplace(measured_.edge(edge).key, edge);
    if (const auto& known = measured_.measurements[edge].work) {
      auto& rate = earlier_rates_[measured_.edge(edge).step.kind];
      rate.milliseconds += static_cast<double>(known->count());
      rate.amount += amount_of(edge);
    }
    if (!measured_.measurements[edge].built) want(edge);
  }
}

/// Bytes, packages, or 1.
double BuildProgress::amount_of(EdgeIndex edge) const {
  if (auto bytes = timing::bytes_of(measured_, edge)) return static_cast<double>(std::max<std::uint64_t>(*bytes, 1));
  if (auto packages = timing::packages_of(measured_, edge))
    return static_cast<double>(std::max<std::size_t>(*packages, 1));
  return 1;
}

/// Whether it unpacks a package of an archive.
bool BuildProgress::is_package(EdgeIndex edge) const {
  if (measured_.edge(edge).step.kind != StepKind::unpack) return false;
  const auto& inputs = measured_.inputs[edge];
  return std::any_of(inputs.begin(), inputs.end(),
                     [&](EdgeIndex input) { return !measured_.edge(input).location.archive.empty(); });
}

void BuildProgress::want(EdgeIndex edge) {
  if (std::exchange(states_[edge].wanted, true)) return;
  if (is_package(edge)) ++packages_.total;
  if (measured_.edge(edge).step.kind == StepKind::fetch) bytes_total_ += timing::bytes_of(measured_, edge).value_or(0);
}

/// The first of this description that can still start, or end.
std::optional<EdgeIndex> BuildProgress::edge_of(const std::string& description, bool started) const {
  const auto found = by_description_.find(plain_description(description));
  if (found == by_description_.end()) return std::nullopt;
  for (auto edge : found->second) {
    const auto& state = states_[edge];
    if (!state.done && state.since.has_value() != started) return edge;
  }
  return std::nullopt;
}

void BuildProgress::note(const project::NinjaStatus& status, Time now) {
  const bool started = status.started > status_.started;
  const bool finished = status.finished > status_.finished;
  if (status.finished < status_.finished) begin_ = now;  // ninja wrote its graph anew and began again
  status_ = status;
  if (started == finished) return;
  const auto edge = edge_of(status.description, started);
  if (!edge) return;
  if (!started) return finish(*edge, now);
  // A record that is there is found, which is no work; Ninja asks because its log does not know it.
  states_[*edge].since = now;
}

void BuildProgress::finish(EdgeIndex edge, Time now) {
  auto& state = states_[edge];
  state.done = true;
  if (!state.wanted) return;
  const auto kind = measured_.edge(edge).step.kind;
  if (is_package(edge)) ++packages_.done;
  if (kind == StepKind::fetch) {
    bytes_done_ += timing::bytes_of(measured_, edge).value_or(0);
    downloaded_.erase(edge);
    return;
  }
  auto& rate = now_rates_[kind];
  rate.milliseconds += milliseconds_between(*state.since, now);
  rate.amount += amount_of(edge);
}

void BuildProgress::note_downloads(const std::map<StepKey, std::uint64_t>& downloads, Time now) {
  bool any = false;
  for (const auto& [key, bytes] : downloads) {
    const auto edge = by_key_.find(key);
    if (edge == by_key_.end() || states_[edge->second].done || !states_[edge->second].wanted) continue;
    downloaded_[edge->second] = std::min(bytes, timing::bytes_of(measured_, edge->second).value_or(bytes));
  }
  for (auto edge : states_.indices()) {
    const auto& state = states_[edge];
    if (state.since && !state.done && measured_.edge(edge).step.kind == StepKind::fetch) any = true;
  }
  if (any && looked_) fetching_ += std::chrono::duration_cast<Milliseconds>(now - *looked_);
  looked_ = now;
}

BuildProgress::Bytes BuildProgress::bytes() const {
  Bytes bytes{bytes_done_, bytes_total_};
  for (const auto& [edge, size] : downloaded_) bytes.done += size;
  return bytes;
}

std::optional<double> BuildProgress::milliseconds_per_byte(Time) const {
  const auto done = bytes().done;
  if (done == 0 || fetching_ < std::chrono::milliseconds(500)) return std::nullopt;
  return static_cast<double>(fetching_.count()) / static_cast<double>(done);
}

/// Of a step that is no fetch.
BuildProgress::Need BuildProgress::need(EdgeIndex edge, Time now) const {
  const auto& state = states_[edge];
  if (state.done || !state.wanted) return {};
  const auto kind = measured_.edge(edge).step.kind;
  std::optional<double> unit;
  for (const auto* rates : {&now_rates_, &earlier_rates_}) {
    const auto rate = rates->find(kind);
    if (!unit && rate != rates->end()) unit = rate->second.per_unit();
  }
  const double estimate = amount_of(edge) * unit.value_or(usual(kind));
  const double left = state.since ? estimate - milliseconds_between(*state.since, now) : estimate;
  return {std::max(left, 1.0), unit.has_value() && left > 0};
}

BuildProgress::TimeLeft BuildProgress::time_left(Time now) const {
  double unpacking = 0;
  bool known = true;
  timing::PerEdge<Milliseconds> tail(states_.size());
  for (auto edge : states_.indices()) {
    const auto kind = measured_.edge(edge).step.kind;
    if (kind == StepKind::fetch || states_[edge].done || !states_[edge].wanted) continue;
    const auto [milliseconds, is_known] = need(edge, now);
    known = known && is_known;
    if (!is_known) continue;
    if (kind == StepKind::unpack)
      unpacking += milliseconds / processors_;
    else
      tail[edge] = whole(milliseconds);
  }
  double fetching = 0;
  if (const auto [done, total] = bytes(); done < total) {
    const auto unit = milliseconds_per_byte(now);
    known = known && unit;
    fetching = unit.value_or(0) * static_cast<double>(total - done);
  }
  const auto last = timing::critical_path(measured_.inputs, tail).duration;
  return {whole(std::max(fetching, unpacking)) + last, known};
}

std::optional<EdgeIndex> BuildProgress::awaited(Time now) const {
  const auto unit = milliseconds_per_byte(now).value_or(usual(StepKind::fetch));
  timing::PerEdge<Milliseconds> durations(states_.size());
  for (auto edge : states_.indices()) {
    if (states_[edge].done || !states_[edge].wanted) continue;
    double milliseconds = 1;
    if (measured_.edge(edge).step.kind == StepKind::fetch) {
      const auto under_way = downloaded_.find(edge);
      milliseconds =
          unit * (amount_of(edge) - (under_way == downloaded_.end() ? 0.0 : static_cast<double>(under_way->second)));
    } else {
      milliseconds = need(edge, now).milliseconds;
    }
    durations[edge] = std::max(whole(milliseconds), Milliseconds(1));
  }
  for (auto edge : timing::critical_path(measured_.inputs, durations).edges)
    if (durations[edge].count() > 0) return edge;
  return std::nullopt;
}

std::string BuildProgress::awaited_line(Time now) const {
  const auto edge = awaited(now);
  if (!edge) return "";
  const auto& state = states_[*edge];
  auto line = fmt::format("{}: {}", state.since ? "waiting for" : "next", graph::description(measured_.edge(*edge)));
  std::string details;
  if (const auto size = downloaded_.find(*edge); size != downloaded_.end())
    join(details,
         fmt::format("{} of {}", size_text(size->second), size_text(timing::bytes_of(measured_, *edge).value_or(0))));
  if (state.since) join(details, rounded(milliseconds_between(*state.since, now)));
  return details.empty() ? line : fmt::format("{} ({})", line, details);
}

std::string BuildProgress::amounts(Time now) const {
  auto text = fmt::format("[{}/{}]", status_.finished, status_.total);
  std::string parts;
  if (const auto [done, total] = bytes(); total > 0) {
    join(parts, fmt::format("{} of {}", size_text(done), size_text(total)));
    const auto unit = done < total ? milliseconds_per_byte(now) : std::nullopt;
    if (unit) join(parts, fmt::format("{}/s", size_text(static_cast<std::uint64_t>(1000 / *unit))));
  }
  if (packages_.total > 0) join(parts, fmt::format("{} of {}", packages_.done, counted(packages_.total, "package")));
  join(parts, rounded(milliseconds_between(begin_, now)));
  const auto [known, is_whole] = time_left(now);
  if (is_whole || known.count() >= 1000) {
    join(parts,
         fmt::format("{} {} left", is_whole ? "about" : "at least", rounded(static_cast<double>(known.count()))));
  }
  return text + " " + parts;
}

std::vector<std::string> BuildProgress::lines(Time now, std::size_t width) const {
  std::vector<std::string> lines = {cut(amounts(now), width)};
  if (auto line = awaited_line(now); !line.empty()) lines.push_back(cut("  " + line, width));
  return lines;
}

std::string BuildProgress::summary(Time now) const {
  if (status_.finished == 0) return "";
  auto text = fmt::format("{} in {}", counted(status_.finished, "step"), rounded(milliseconds_between(begin_, now)));
  // Of two lines of ninja's that come as one the first is not seen; when all is done nothing is missing.
  const auto fetched = status_.finished == status_.total ? bytes_total_ : bytes_done_;
  if (fetched > 0) text += fmt::format(", {} fetched", size_text(fetched));
  return text;
}

}  // namespace karapace::cli
