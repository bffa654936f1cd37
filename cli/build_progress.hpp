// SPDX-License-Identifier: Apache-2.0
// BuildProgress: how far a build is, from what ninja says of edges, the sizes in locks and the files being downloaded.
//
// The time left is an estimate and says so. It is made of rates: bytes per second of this build's downloads, and what
// steps of each kind took per byte or package, in this build or else in the log of earlier ones. What has no rate yet
// is not guessed: then only "at least" is said of what is known, or nothing. Nor is a step believed to be nearly done
// that takes longer than was thought.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "generator/project/ninja.hpp"
#include "generator/timing/measured_graph.hpp"

namespace karapace::cli {

/// A step of an earlier build that is no part of this graph.
struct EarlierStep {
  StepKind kind{};
  std::uint64_t amount = 0;  // packages of an installation
  std::chrono::milliseconds duration{};
};

class BuildProgress {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Milliseconds = std::chrono::milliseconds;

  BuildProgress(timing::MeasuredGraph measured, const std::vector<EarlierStep>& earlier, unsigned processors,
                Time begin);

  void note(const project::NinjaStatus& status, Time now);
  /// Bytes of the fetch steps that are under way.
  void note_downloads(const std::map<StepKey, std::uint64_t>& downloads, Time now);

  struct Bytes {
    std::uint64_t done = 0;
    std::uint64_t total = 0;
  };
  Bytes bytes() const;
  struct Packages {
    std::size_t done = 0;
    std::size_t total = 0;
  };
  Packages packages() const { return packages_; }
  struct TimeLeft {
    Milliseconds known{};
    bool whole = false;  // else there is work that nobody knows the time of
  };
  TimeLeft time_left(Time now) const;
  /// The first step that is not done of the chain that the end of the build waits for longest.
  std::optional<timing::EdgeIndex> awaited(Time now) const;

  /// Lines for a terminal of this width, none longer.
  std::vector<std::string> lines(Time now, std::size_t width) const;
  /// "214 steps in 52 s, 130.4 MiB fetched"; empty when nothing was done.
  std::string summary(Time now) const;

 private:
  struct State {
    bool wanted = false;  // has no record yet, or ninja started it
    bool done = false;
    std::optional<Time> since;
  };
  struct Rate {
    double milliseconds = 0;
    double amount = 0;
    std::optional<double> per_unit() const { return amount > 0 ? std::optional(milliseconds / amount) : std::nullopt; }
  };
  struct Need {
    double milliseconds = 0;  // that it still needs
    bool known = true;
  };

  std::optional<timing::EdgeIndex> edge_of(const std::string& description, bool started) const;
  bool is_package(timing::EdgeIndex edge) const;
  double amount_of(timing::EdgeIndex edge) const;
  void want(timing::EdgeIndex edge);
  void finish(timing::EdgeIndex edge, Time now);
  std::optional<double> milliseconds_per_byte(Time now) const;
  Need need(timing::EdgeIndex edge, Time now) const;
  std::string awaited_line(Time now) const;
  std::string amounts(Time now) const;

  timing::MeasuredGraph measured_;
  timing::PerEdge<State> states_;
  std::unordered_map<std::string, std::vector<timing::EdgeIndex>> by_description_;
  std::unordered_map<StepKey, timing::EdgeIndex> by_key_;
  std::map<StepKind, Rate> now_rates_;
  std::map<StepKind, Rate> earlier_rates_;
  std::map<timing::EdgeIndex, std::uint64_t> downloaded_;  // of those under way
  Packages packages_;
  std::uint64_t bytes_done_ = 0;  // of fetches that ended
  std::uint64_t bytes_total_ = 0;
  Milliseconds fetching_{};  // how long anything was being fetched
  std::optional<Time> looked_;
  project::NinjaStatus status_;
  unsigned processors_;
  Time begin_;
};

/// `text` in no more than so many characters.
std::string cut(std::string_view text, std::size_t width);

}  // namespace karapace::cli
