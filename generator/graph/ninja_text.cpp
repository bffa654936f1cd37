// SPDX-License-Identifier: Apache-2.0
#include "generator/graph/ninja_text.hpp"

#include <array>
#include <iterator>
#include <set>

#include <fmt/format.h>

#include "generator/graph/quoting.hpp"

namespace karapace::generator {

namespace {

// One argument of execve(2) is at most 131,072 bytes, and sh -c gets the whole command as one.
constexpr std::size_t longest_command = 100'000;

struct Rule {
  std::string_view name;
  std::string_view before;  // hints that every such edge has
  std::string_view pool;
};

constexpr std::array<Rule, 5> rules = {{{"fetch", " --hint mirrors=$mirrors", "fetch"},
                                        {"unpack", "", ""},
                                        {"install", "", "install"},
                                        {"setup", "", "install"},
                                        {"environment", "", ""}}};

enum class Length { fits_command_line, needs_file };

void append_rule(std::string& text, const Rule& rule, Length length) {
  std::string arguments = fmt::format("{} $out{} $args -- $in", rule.name, rule.before);
  if (length == Length::fits_command_line) {
    text += fmt::format("\nrule {}\n  command = $step {}\n", rule.name, arguments);
  } else {
    text += fmt::format("\nrule {}_long\n  command = $step @$arguments_file\n  rspfile = $arguments_file\n"
                        "  rspfile_content = {}\n",
                        rule.name, arguments);
  }
  text += fmt::format("  description = {} $what\n  restat = 1\n", rule.name);
  if (!rule.pool.empty()) text += fmt::format("  pool = {}\n", rule.pool);
}

class Writer {
 public:
  explicit Writer(const Graph& graph) : graph_(graph) { text_.reserve(estimate()); }

  std::string write() {
    text_ += graph_marker;
    text_ += "# Written by `karapace gen`: change the manifests instead. What belongs to this machine is included.\n"
             "ninja_required_version = 1.5\ninclude ";
    text_ += local_file;
    text_ += '\n';
    for (const auto& rule : rules) append_rule(text_, rule, Length::fits_command_line);
    for (const auto& edge : graph_.edges) append_edge(edge);
    append_defaults();
    return std::move(text_);
  }

 private:
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

  /// The longest that the command can become: the store's path counts once per input and once for the output.
  static std::size_t command_length(const Edge& edge, const std::string& arguments) {
    constexpr std::size_t path = longest_store_path + sizeof "/steps/" + 2 * Digest::size;
    constexpr std::size_t programs = 2 * 4096;
    return programs + arguments.size() + path * (1 + edge.step.inputs.size());
  }

  void declare_long(StepKind kind) {
    if (!declared_long_.insert(kind).second) return;
    for (const auto& rule : rules) {
      if (rule.name == text(kind)) append_rule(text_, rule, Length::needs_file);
    }
  }

  void append_edge(const Edge& edge) {
    write_arguments(edge);
    bool is_long = command_length(edge, arguments_) > longest_command;
    if (is_long) declare_long(edge.step.kind);
    text_ += "\nbuild ";
    append_output(edge.key);
    text_ += ": ";
    text_ += text(edge.step.kind);
    if (is_long) text_ += "_long";
    for (const auto& input : edge.step.inputs) {
      text_ += ' ';
      append_output(input);
    }
    text_ += "\n  what = ";
    append_subject(edge);
    text_ += "\n  args = ";
    append_ninja_value(text_, arguments_);
    if (is_long) fmt::format_to(std::back_inserter(text_), "\n  arguments_file = .karapace/{}.args", edge.key.hex());
    text_ += '\n';
  }

  /// Environments are named in local.ninja: their names belong to projects, not to locks.
  void append_subject(const Edge& edge) {
    if (edge.step.kind == StepKind::environment) fmt::format_to(std::back_inserter(text_), "${{name_{}}} ", edge.subject);
    append_ninja_value(text_, edge.subject);
  }

  void write_arguments(const Edge& edge) {
    arguments_.clear();
    if (!edge.location.path.empty()) {
      append_argument("--hint archive=", edge.location.archive);
      append_argument("--hint path=", edge.location.path);
    }
    for (const auto& [name, value] : edge.step.parameters) {
      name_ = name;
      name_ += '=';
      append_argument(name_, value);
    }
  }

  void append_argument(std::string_view before, std::string_view value) {
    if (!arguments_.empty()) arguments_ += ' ';
    arguments_ += before;
    arguments_ += value.empty() ? std::string() : shell_quoted(value);
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
  std::set<StepKind> declared_long_;
  std::string arguments_;
  std::string name_;
};

}  // namespace

std::string ninja_text(const Graph& graph) { return Writer(graph).write(); }

}  // namespace karapace::generator
