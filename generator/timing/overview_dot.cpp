// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include "base/words.hpp"
#include "generator/timing/dot_markup.hpp"
#include "generator/timing/dot_text.hpp"

namespace karapace::timing {

namespace {

using Kind = OverviewNode::Kind;

constexpr std::size_t slowest_shown = 5;
constexpr int bar_width = 60;
constexpr int least_bar_width = 2;
constexpr std::string_view base_prefix = "base ";

/// "git" of "git 1:2.39.5-0+deb12u2"
std::string_view name_of(std::string_view subject) { return subject.substr(0, subject.find(' ')); }

// A package of a group, and what its fetch and its unpack took together.
struct Member {
  std::string name;
  std::uint64_t bytes = 0;
  std::optional<Milliseconds> time;
  bool critical = false;
};

// The sums over a node's edges of one kind.
struct Sum {
  std::size_t count = 0;
  std::uint64_t bytes = 0;
  std::optional<Milliseconds> time;
};

class NodeText {
 public:
  NodeText(const MeasuredGraph& measured, const Overview& overview, const OverviewNode& node)
      : measured_(measured), overview_(overview), node_(node) {}

  std::string write() {
    auto colours = dot::colours_of(edge(main()).step.kind);
    bool unbuilt = built() == 0;
    if (unbuilt) colours = dot::not_built;
    auto border = node_.critical ? dot::critical : colours.border;
    add_content();
    return fmt::format(
        "<<TABLE BORDER=\"{}\" CELLBORDER=\"0\" CELLSPACING=\"0\" CELLPADDING=\"4\" STYLE=\"ROUNDED{}\" COLOR=\"{}\" "
        "BGCOLOR=\"{}\">{}</TABLE>>",
        node_.critical ? 3 : 1, unbuilt ? ",DASHED" : "", border, colours.fill, rows_);
  }

 private:
  EdgeIndex main() const { return node_.edges.back(); }
  const graph::Edge& edge(EdgeIndex index) const { return measured_.edge(index); }
  const Measurement& measurement(EdgeIndex index) const { return measured_.measurements[index]; }
  bool is_group() const {
    return node_.kind == Kind::packages || node_.kind == Kind::archive || node_.kind == Kind::files;
  }

  std::size_t built() const {
    return static_cast<std::size_t>(std::count_if(node_.edges.begin(), node_.edges.end(),
                                                  [&](EdgeIndex index) { return measurement(index).built; }));
  }
  Sum sum(StepKind kind) const {
    Sum sum;
    for (auto index : node_.edges) {
      if (edge(index).step.kind != kind) continue;
      ++sum.count;
      sum.bytes += bytes_of(measured_, index).value_or(0);
      if (auto time = measurement(index).time()) sum.time = sum.time.value_or(Milliseconds()) + *time;
    }
    return sum;
  }

  void wide(std::string_view content) {
    rows_ += fmt::format("<TR><TD ALIGN=\"LEFT\" COLSPAN=\"3\">{}</TD></TR>", content);
  }
  void cells(std::string_view left, std::string_view middle, std::string_view right) {
    rows_ += fmt::format("<TR><TD ALIGN=\"LEFT\">{}</TD><TD ALIGN=\"LEFT\">{}</TD><TD ALIGN=\"RIGHT\">{}</TD></TR>",
                         left, middle, right);
  }

  void add_content() {
    wide(fmt::format("<FONT POINT-SIZE=\"15\">{}</FONT>", dot::bold(heading())));
    if (is_base()) wide(dot::escaped(edge(main()).subject.substr(base_prefix.size())));
    if (node_.groups > 1) wide(dot::small(fmt::format("of {} groups, each for other installations", node_.groups)));
    add_environments();
    if (is_group()) {
      add_sum(StepKind::fetch);
      add_sum(StepKind::unpack);
      add_slowest();
    } else {
      add_time();
    }
    add_state();
  }

  std::string heading() const {
    auto fetches = sum(StepKind::fetch).count;
    switch (node_.kind) {
      case Kind::packages: return counted(sum(StepKind::unpack).count, "package");
      case Kind::files: return counted(fetches, "file");
      case Kind::archive: return std::string(edge(main()).subject);
      case Kind::environment: return environment_name(measured_, main());
      case Kind::install: return is_base() ? "install base" : "install " + edge(main()).subject;
      case Kind::setup: return "set-up: " + edge(main()).subject;
      case Kind::commit: break;
    }
    return graph::description(edge(main()));
  }

  /// A bootstrap's subject is long: "base debian/bookworm, 96 packages".
  bool is_base() const { return node_.kind == Kind::install && edge(main()).subject.starts_with(base_prefix); }

  /// For whom, where a graph has several environments and not all need it.
  void add_environments() {
    if (node_.kind == Kind::environment) {
      if (environment_name(measured_, main()) != edge(main()).subject) wide(dot::small(edge(main()).subject));
      return;
    }
    std::size_t all = 0;
    for (const auto& node : overview_.nodes) all += node.kind == Kind::environment ? 1 : 0;
    const auto& needed = node_.environments;
    if (all < 2 || needed.empty()) return;
    if (needed.size() == all) return wide(dot::small("for all environments"));
    std::string names;
    for (std::size_t i = 0; i < std::min<std::size_t>(needed.size(), 3); ++i) {
      names += (i == 0 ? "" : ", ") + environment_name(measured_, needed[i]);
    }
    if (needed.size() > 3) names += fmt::format(" and {} more", needed.size() - 3);
    wide(dot::small("for " + names));
  }

  void add_sum(StepKind kind) {
    auto sums = sum(kind);
    if (sums.count == 0 || (kind == StepKind::unpack && !sums.time)) return;
    auto bytes = kind == StepKind::fetch ? dot::escaped(size_text(sums.bytes)) : std::string();
    cells(text(kind), bytes, sums.time ? duration_text(*sums.time) : "");
  }

  /// Each with the time of its fetch and its unpack, slowest first.
  std::vector<Member> members() const {
    std::map<std::string_view, Member> by_subject;
    for (auto index : node_.edges) {
      auto& member = by_subject[edge(index).subject];
      member.name = name_of(edge(index).subject);
      member.critical |= measurement(index).critical;
      if (edge(index).step.kind == StepKind::fetch) member.bytes += bytes_of(measured_, index).value_or(0);
      // The few milliseconds of a hit say nothing about the package.
      if (auto work = measurement(index).work) member.time = member.time.value_or(Milliseconds()) + *work;
    }
    std::vector<Member> all;
    for (auto& [subject, member] : by_subject) all.push_back(std::move(member));
    std::stable_sort(all.begin(), all.end(), [](const Member& a, const Member& b) {
      return std::tuple(a.time, a.critical, a.bytes) > std::tuple(b.time, b.critical, b.bytes);
    });
    return all;
  }

  /// The slowest by name, the critical one always among them, and the rest as one line. Without times the largest.
  void add_slowest() {
    if (node_.kind != Kind::packages) return;
    auto all = members();
    if (all.empty()) return;
    auto critical = std::find_if(all.begin(), all.end(), [](const Member& member) { return member.critical; });
    if (critical != all.end() && critical - all.begin() >= static_cast<std::ptrdiff_t>(slowest_shown)) {
      std::rotate(all.begin() + slowest_shown - 1, critical, critical + 1);
    }
    rows_ += "<HR/>";
    timed_ = all[0].time.has_value();
    auto shown = std::min(slowest_shown, all.size());
    auto greatest = all[0];
    for (std::size_t i = 0; i < shown; ++i) add_member(all[i], greatest);
    add_rest(std::vector<Member>(all.begin() + static_cast<std::ptrdiff_t>(shown), all.end()));
  }
  std::string amount_of(const Member& member) const {
    if (!timed_) return size_text(member.bytes);
    return member.time ? duration_text(*member.time) : "";
  }
  void add_member(const Member& member, const Member& greatest) {
    auto colour = member.critical ? dot::critical : timed_ ? dot::colours_of(StepKind::fetch).border : dot::line;
    auto name = member.critical ? fmt::format("<FONT COLOR=\"{}\">{}</FONT>", dot::critical, dot::bold(member.name))
                                : dot::escaped(member.name);
    auto share =
        timed_ ? static_cast<double>(member.time.value_or(Milliseconds()).count()) /
                     static_cast<double>(std::max<std::int64_t>(greatest.time->count(), 1))
               : static_cast<double>(member.bytes) / static_cast<double>(std::max<std::uint64_t>(greatest.bytes, 1));
    cells(name, bar(colour, std::max(least_bar_width, static_cast<int>(share * bar_width))), amount_of(member));
  }
  /// What is left of the width is a cell too: dot would put a narrow table into the middle.
  static std::string bar(std::string_view colour, int width) {
    constexpr std::string_view sized = "WIDTH=\"{}\" HEIGHT=\"8\" FIXEDSIZE=\"TRUE\"></TD>";
    auto text = fmt::format(
        "<TABLE BORDER=\"0\" CELLBORDER=\"0\" CELLSPACING=\"0\" CELLPADDING=\"0\"><TR><TD BGCOLOR=\"{}\" ", colour);
    text += fmt::format(sized, width);
    if (width < bar_width) text += "<TD " + fmt::format(sized, bar_width - width);
    return text + "</TR></TABLE>";
  }
  void add_rest(const std::vector<Member>& rest) {
    if (rest.empty()) return;
    Member sum;
    for (const auto& member : rest) {
      sum.bytes += member.bytes;
      if (member.time) sum.time = sum.time.value_or(Milliseconds()) + *member.time;
    }
    cells(dot::small(counted(rest.size(), "other")), "", dot::small(amount_of(sum)));
  }

  void add_time() {
    auto time = measurement(main()).time();
    if (!time) return;
    auto words = duration_text(*time);
    wide(node_.critical ? fmt::format("<FONT COLOR=\"{}\">{}</FONT>", dot::critical, dot::bold(words))
                        : dot::escaped(words));
  }

  void add_state() {
    auto missing = node_.edges.size() - built();
    std::size_t hits = 0;
    std::size_t untimed = 0;
    for (auto index : node_.edges) {
      const auto& one = measurement(index);
      hits += one.last && one.last->hit ? 1 : 0;
      untimed += one.built && !one.time() ? 1 : 0;
    }
    if (missing == node_.edges.size()) {
      wide(dot::small("not built"));
    } else if (missing > 0) {
      wide(dot::small(counted(missing, "step") + " not built", dot::critical));
    }
    if (hits == node_.edges.size()) {
      wide(dot::small(hits == 1 || !is_group() ? "cache hit" : "all cache hits"));
    } else if (hits > 0 && is_group()) {
      wide(dot::small(counted(hits, "cache hit")));
    }
    if (untimed == node_.edges.size() && measured_.timed > 0) wide(dot::small("time not known"));
  }

  const MeasuredGraph& measured_;
  const Overview& overview_;
  const OverviewNode& node_;
  std::string rows_;
  bool timed_ = false;  // whether members are compared by time; else by size
};

}  // namespace

std::string overview_dot(const MeasuredGraph& measured, const Overview& overview) {
  auto text = dot::head(measured);
  for (auto i : overview.nodes.indices()) {
    text += fmt::format("  n{} [label={}];\n", i.value(), NodeText(measured, overview, overview.nodes[i]).write());
  }
  for (auto to : overview.nodes.indices()) {
    for (auto from : overview.nodes[to].inputs)
      text += dot::arrow(from.value(), to.value(), overview.is_critical(from, to));
  }
  return text + "}\n";
}

}  // namespace karapace::timing
