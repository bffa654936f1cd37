// SPDX-License-Identifier: Apache-2.0
#include "generator/graph/graph_reader.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "generator/graph/ninja_text.hpp"
#include "generator/graph/quoting.hpp"
#include "generator/graph/step_table.hpp"
#include "store/identifiers.hpp"

namespace karapace::graph {

namespace {

// What is wrong with a line; the reader adds which one it is.
struct Refusal {
  std::string why;
};

[[noreturn]] void refuse(std::string why) { throw Refusal{std::move(why)}; }

constexpr std::string_view step_prefix = "$steps/";
constexpr std::string_view from_file_suffix = "_from_file";
constexpr std::size_t key_digits = 2 * Digest::size;
constexpr std::size_t usual_edge = 300;  // bytes, to make room at once

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

void require(std::string_view& text, std::string_view prefix) {
  if (!take(text, prefix)) refuse(fmt::format("\"{}\" is expected here", prefix));
}

StepKey take_step(std::string_view& text) {
  require(text, step_prefix);
  auto key = StepKey::from_hex(text.substr(0, key_digits));
  if (!key) refuse("a step's key has 64 digits of 0-9 and a-f");
  text.remove_prefix(key_digits);
  return *key;
}

std::uint64_t number(std::string_view digits) {
  std::uint64_t value = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size())
    refuse(fmt::format("\"{}\" is not a number", digits));
  return value;
}

std::string plain(std::string_view value) {
  auto text = ninja_value(value);
  if (!text) refuse("a \"$\" stands here that no graph of ours has");
  return std::move(*text);
}

/// The words of an edge's arguments: "sha256=...", "run='[\"x\"]'"; and the two hints, by their option.
void adopt_arguments(Edge& edge, std::string_view text) {
  edge.step.parameters.reserve(4);
  while (!text.empty()) {
    bool is_hint = take(text, "--hint ");
    auto equals = text.find('=');
    if (equals == std::string_view::npos) refuse("NAME=VALUE is expected among the arguments");
    auto name = text.substr(0, equals);
    text.remove_prefix(equals + 1);
    auto value = take_shell_word(text);
    if (!value) refuse(fmt::format("the value of \"{}\" is not quoted for a shell", name));
    if (!text.empty()) require(text, " ");
    if (!is_hint) {
      edge.step.parameters.push_back({std::string(name), std::move(*value)});
    } else if (name == "archive") {
      edge.location.archive = std::move(*value);
    } else if (name == "path") {
      edge.location.path = std::move(*value);
    } else {
      refuse(fmt::format("\"{}\" is not a hint that a graph has", name));
    }
  }
  auto by_name = [](const Parameter& a, const Parameter& b) { return a.name >= b.name; };
  const auto& parameters = edge.step.parameters;
  if (std::adjacent_find(parameters.begin(), parameters.end(), by_name) != parameters.end()) {
    refuse("the arguments are not sorted by name, or one stands there twice");
  }
}

std::uint64_t required_number(const Edge& edge, std::string_view parameter) {
  auto value = edge.step.parameter(parameter);
  if (!value) refuse(fmt::format("a step of kind \"{}\" has a parameter \"{}\"", text(edge.step.kind), parameter));
  return number(*value);
}

std::uint64_t command_count(const Edge& edge) {
  auto commands = nlohmann::json::parse(edge.step.parameter("run").value_or(""), nullptr, false);
  if (!commands.is_array()) refuse("the parameter \"run\" is not a list of commands");
  return commands.size();
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text), rest_(text), places_(text.size() / usual_edge) {
    auto edges = text.size() / usual_edge;
    graph_.edges.reserve(edges);
    lines_.reserve(edges);
  }

  Graph read() {
    require(rest_, graph_marker);
    line_ = 2;
    skip_rules();
    while (take(rest_, "build ")) {
      read_edge();
      skip_rules();
    }
    read_defaults();
    bool as_written = take_seal();
    if (!rest_.empty()) refuse("no graph of ours has such a line");
    require_whole();
    verify_keys();
    if (!as_written)
      refuse("the graph is not as it was written, but changed or merged by hand: run `karapace gen` again");
    return std::move(graph_);
  }
  std::size_t line() const noexcept { return line_; }

 private:
  std::string_view next_line() {
    auto end = rest_.find('\n');
    if (end == std::string_view::npos) refuse("the last line has no end: the file was cut off");
    auto line = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    ++line_;
    return line;
  }

  /// Everything that is not about edges. A rule's variables are indented; an edge's are read with it.
  void skip_rules() {
    while (!rest_.empty() && !rest_.starts_with("build ") && !rest_.starts_with("default ")) {
      auto line = rest_.substr(0, rest_.find('\n'));
      bool known = line.empty() || line.starts_with('#') || line.starts_with("rule ") || line.starts_with("include ") ||
                   line.starts_with("ninja_required_version ") || (in_rule_ && line.starts_with("  "));
      if (!known) refuse("no graph of ours has such a line");
      in_rule_ = line.starts_with("rule ") || (in_rule_ && line.starts_with("  "));
      next_line();
    }
    in_rule_ = false;
  }

  void read_edge() {
    lines_.push_back(line_);
    Edge edge;
    auto line = rest_.substr(0, rest_.find('\n'));
    edge.key = take_step(line);
    require(line, ": ");
    read_kind(edge, line.substr(0, line.find(' ')));
    line.remove_prefix(std::min(line.find(' '), line.size()));
    edge.step.inputs.reserve(line.size() / (1 + step_prefix.size() + key_digits));
    while (!line.empty()) {
      require(line, " ");
      edge.step.inputs.push_back(take_step(line));
      auto found = places_.find(edge.step.inputs.back());
      if (!found) refuse("an input is not declared before the step that reads it");
      is_read_[*found] = 1;
    }
    next_line();
    read_variables(edge);
    if (!places_.insert(edge.key, graph_.edges.size())) refuse("the step stands here a second time");
    is_read_.push_back(edge.step.kind == StepKind::environment || edge.step.kind == StepKind::assemble);
    graph_.edges.push_back(std::move(edge));
  }

  void read_kind(Edge& edge, std::string_view rule) {
    from_file_ = rule.ends_with(from_file_suffix);
    if (from_file_) rule.remove_suffix(from_file_suffix.size());
    auto kind = step_kind_from(rule);
    if (!kind) refuse(fmt::format("there is no kind of step \"{}\"; a newer Karapace may know it", rule));
    edge.step.kind = *kind;
  }

  std::string_view variable(std::string_view name) {
    auto before = line_;
    auto line = next_line();
    line_ = before;
    require(line, "  ");
    if (!take(line, name)) refuse(fmt::format("the step's variable \"{}\" is missing: run `karapace gen` again", name));
    require(line, " = ");
    line_ = before + 1;
    return line;
  }

  void read_variables(Edge& edge) {
    auto what = variable("what");
    std::string_view name;
    if (edge.step.kind == StepKind::environment) {
      require(what, "${name_");
      name = what.substr(0, what.find('}'));
      what.remove_prefix(name.size());
      require(what, "} ");
    }
    edge.subject = plain(what);
    if (!name.empty() && name != edge.subject) refuse("the environment's two ids differ");
    if (from_file_ && variable("key") != edge.key.hex()) refuse("the variable \"key\" is not the step's key");
    adopt_arguments(edge, plain(variable("args")));
    edge.weight = weight(edge);
  }

  /// As the planner weighs: it stands nowhere in the file.
  std::uint64_t weight(const Edge& edge) {
    switch (edge.step.kind) {
      case StepKind::fetch: return required_number(edge, "size");
      case StepKind::unpack:
      case StepKind::commit:
        // A layer of an image knows those below it, too.
        if (edge.step.inputs.empty() || (edge.step.inputs.size() > 1 && edge.step.parameter("format") != "oci-layer"))
          refuse(fmt::format("a step of kind \"{}\" has one input", text(edge.step.kind)));
        return graph_.edges[*places_.find(edge.step.inputs[0])].weight;
      case StepKind::install: {
        auto layers = required_number(edge, "base-layers");
        if (layers > edge.step.inputs.size()) refuse("\"base-layers\" is more than there are inputs");
        return edge.step.inputs.size() - layers;
      }
      case StepKind::setup: return command_count(edge);
      case StepKind::environment: return 0;
      case StepKind::source:
        if (edge.step.inputs.size() != 1) refuse("a step of kind \"source\" has one input");
        return graph_.edges[*places_.find(edge.step.inputs[0])].weight;
      case StepKind::compile: return 1;
      case StepKind::assemble: return edge.step.inputs.size();
      case StepKind::pack: refuse("a step of kind \"pack\" belongs to an image, and to no graph of environments");
    }
    return 0;
  }

  /// `default` and the environments, in the order of the edges.
  void read_defaults() {
    std::string_view before = "default ";
    for (const auto& edge : graph_.edges) {
      if (edge.step.kind != StepKind::environment) continue;
      require(rest_, before);
      if (take_step(rest_) != edge.key) refuse("the environments to build are not those of the graph");
      before = " $\n  ";
      ++line_;
    }
    if (before != "default ") require(rest_, "\n");
  }

  /// Every step leads to an environment or a release, so a file that was cut off between two steps shows it.
  void require_whole() {
    bool whole = !is_read_.empty() && std::find(is_read_.begin(), is_read_.end(), 0) == is_read_.end();
    if (!whole) refuse("steps are missing from here on: the file was cut off");
  }

  /// Whether what stands before it is what was sealed; graphs of older releases have no seal.
  bool take_seal() {
    auto sealed = text_.substr(0, text_.size() - rest_.size());
    if (!take(rest_, graph_seal)) return true;
    auto digest = std::string(rest_.substr(0, rest_.find('\n')));
    next_line();
    return digest == blake3(sealed).hex();
  }

  void verify_keys() {
    std::vector<char> wrong(graph_.edges.size(), 0);
    constexpr std::size_t together = 1024;
    for_each_index(graph_.edges.size() / together + 1, available_threads(), [&](std::size_t part) {
      auto end = std::min(graph_.edges.size(), (part + 1) * together);
      for (auto i = part * together; i < end; ++i) wrong[i] = graph_.edges[i].step.key() != graph_.edges[i].key;
    });
    auto found = std::find(wrong.begin(), wrong.end(), 1);
    if (found == wrong.end()) return;
    line_ = lines_[static_cast<std::size_t>(found - wrong.begin())];
    refuse("the step's key is not what its kind, arguments and inputs give: the file was changed by hand");
  }

  std::string_view text_;
  std::string_view rest_;
  std::size_t line_ = 1;
  bool in_rule_ = false;
  bool from_file_ = false;  // of the edge that is being read
  Graph graph_;
  StepTable places_;
  std::vector<std::size_t> lines_;  // of each edge
  std::vector<char> is_read_;       // each edge: by another one; environments and releases are wanted themselves
};

}  // namespace

Graph read_graph(std::string_view text, std::string_view name) {
  if (!text.starts_with(graph_marker)) {
    throw GraphError(fmt::format("{}:1: this is not a graph of Karapace, which begins with \"{}\"", name,
                                 graph_marker.substr(0, graph_marker.size() - 1)));
  }
  Reader reader(text);
  try {
    return reader.read();
  } catch (const Refusal& refusal) {
    throw GraphError(fmt::format("{}:{}: {}", name, reader.line(), refusal.why));
  }
}

}  // namespace karapace::graph
