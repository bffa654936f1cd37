// SPDX-License-Identifier: Apache-2.0
#include "generator/graph/ninja_text.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <set>

#include <fmt/format.h>

#include "generator/graph/edge_arguments.hpp"
#include "generator/graph/quoting.hpp"
#include "store/identifiers.hpp"

namespace karapace::graph {

namespace {

struct Rule {
  std::string_view name;
  std::string_view pool;
};

constexpr std::array<Rule, 10> rules = {{{"fetch", "fetch"},
                                         {"unpack", ""},
                                         {"install", "install"},
                                         {"setup", "install"},
                                         {"commit", ""},
                                         {"environment", ""},
                                         {"pack", ""},
                                         {"source", ""},
                                         {"compile", "install"},
                                         {"assemble", ""}}};

enum class Arguments { in_command, in_file };

void append_rule(std::string& text, const Rule& rule, Arguments arguments) {
  if (arguments == Arguments::in_command) {
    auto mirrors = rule.name == "fetch" ? fmt::format(" {}$mirrors", mirrors_hint) : std::string();
    text += fmt::format("\nrule {0}\n  command = $step {0} $out{1} $args -- $in\n", rule.name, mirrors);
  } else {
    text += fmt::format("\nrule {}_from_file\n  command = $step @$arguments/$key\n", rule.name);
  }
  // Records belong to every project of the store: `ninja -t clean` leaves a generator's outputs alone. And since a
  // record's name tells its command, one that Ninja's log does not know is as good as one that it does.
  text += fmt::format("  description = {} $what\n  restat = 1\n  generator = 1\n", rule.name);
  if (!rule.pool.empty()) text += fmt::format("  pool = {}\n", rule.pool);
}

class Writer {
 public:
  explicit Writer(const Graph& graph) : graph_(graph) { text_.reserve(estimate()); }

  std::string write() {
    text_ += graph_marker;
    text_ +=
        "# Written by `karapace gen`: change the manifests instead. What belongs to this machine is included.\n"
        "ninja_required_version = 1.5\ninclude ";
    text_ += local_file;
    text_ += '\n';
    for (const auto& rule : rules) {
      // Few graphs have such steps: the text of all others stays what it was before there were any.
      constexpr std::array rare{StepKind::commit, StepKind::pack, StepKind::source, StepKind::compile,
                                StepKind::assemble};
      const bool is_rare = std::ranges::any_of(rare, [&](StepKind kind) { return rule.name == text(kind); });
      if (!is_rare || has_step_of(rule.name)) append_rule(text_, rule, Arguments::in_command);
    }
    for (const auto& edge : graph_.edges) append_edge(edge);
    append_defaults();
    auto seal = blake3(text_).hex();
    return std::move(text_.append(graph_seal).append(seal).append("\n"));
  }

 private:
  bool has_step_of(std::string_view kind) const {
    return std::any_of(graph_.edges.begin(), graph_.edges.end(),
                       [&](const Edge& edge) { return text(edge.step.kind) == kind; });
  }

  std::size_t estimate() const {
    std::size_t size = 8192;
    for (const auto& edge : graph_.edges) {
      size += 160 + edge.subject.size() + 73 * edge.step.inputs.size();
      if (edge.step.kind == StepKind::fetch) size += 128 + edge.location.path.size() + edge.location.archive.size();
      for (const auto& parameter : edge.step.parameters) size += 2 + parameter.name.size() + parameter.value.size();
    }
    return size;
  }

  void append_output(const StepKey& key) {
    text_ += "$steps/";
    text_ += key.hex();
  }

  void declare_from_file(StepKind kind) {
    if (!declared_from_file_.insert(kind).second) return;
    for (const auto& rule : rules) {
      if (rule.name == text(kind)) append_rule(text_, rule, Arguments::in_file);
    }
  }

  void append_edge(const Edge& edge) {
    bool from_file = has_arguments_file(edge);
    if (from_file) declare_from_file(edge.step.kind);
    text_ += "\nbuild ";
    append_output(edge.key);
    text_ += ": ";
    text_ += text(edge.step.kind);
    if (from_file) text_ += "_from_file";
    for (const auto& input : edge.step.inputs) {
      text_ += ' ';
      append_output(input);
    }
    text_ += "\n  what = ";
    append_subject(edge);
    if (from_file) {
      text_ += "\n  key = ";
      text_ += edge.key.hex();
    }
    // Also where the command reads them from a file: build.ninja alone tells everything about its steps.
    arguments_.clear();
    append_parameters(arguments_, edge, ' ');
    text_ += "\n  args = ";
    append_ninja_value(text_, arguments_);
    text_ += '\n';
  }

  /// Environments are named in local.ninja: their names belong to projects, not to locks.
  void append_subject(const Edge& edge) {
    if (edge.step.kind == StepKind::environment)
      fmt::format_to(std::back_inserter(text_), "${{name_{}}} ", edge.subject);
    append_ninja_value(text_, edge.subject);
  }

  void append_defaults() {
    bool any = false;
    for (const auto& edge : graph_.edges) {
      if (edge.step.kind != StepKind::environment) continue;
      text_ += any ? " $\n  " : "\ndefault ";
      any = true;
      append_output(edge.key);
    }
    if (any) text_ += '\n';
  }

  const Graph& graph_;
  std::string text_;
  std::set<StepKind> declared_from_file_;
  std::string arguments_;
};

}  // namespace

std::string ninja_text(const Graph& graph) { return Writer(graph).write(); }

}  // namespace karapace::graph
