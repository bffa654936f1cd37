// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "generator/graph/ninja_text.hpp"
#include "generator/graph/quoting.hpp"
#include "store/identifiers.hpp"

namespace karapace::graph {

namespace {

[[noreturn]] void refuse(std::string_view word, std::string_view what, std::string_view character) {
  throw Error(fmt::format("gen: the path of the {} has a {} in it, which Ninja can not hold: move it: {}", what,
                          character, escaped_utf8(word)));
}

void require_one_line(std::string_view word, std::string_view what) {
  if (word.find_first_of("\n\r") != std::string_view::npos) refuse(word, what, "line end");
}

/// In a build statement; in the value of a variable a `|` means nothing.
void require_path(std::string_view word, std::string_view what) {
  require_one_line(word, what);
  if (word.find('|') != std::string_view::npos) refuse(word, what, "\"|\"");
}

void append_variable(std::string& text, std::string_view name, std::string_view value) {
  text += name;
  text += " = ";
  append_ninja_value(text, value);
  text += '\n';
}

std::string command_line(const std::vector<std::string>& words) {
  std::string line;
  for (const auto& word : words) {
    require_one_line(word, "command");
    if (!line.empty()) line += ' ';
    line += shell_quoted(word);
  }
  return line;
}

void append_regenerate(std::string& text, const Local& local) {
  text += "\nrule regenerate\n  command = ";
  append_ninja_value(text, command_line(local.regenerate));
  text += "\n  description = regenerate build.ninja\n  generator = 1\n\nbuild build.ninja: regenerate";
  std::string missing;
  for (const auto& source : local.sources) {
    require_path(source.native(), "manifest, lock, key or setup file");
    text += text.ends_with("regenerate") ? " | $\n  " : " $\n  ";
    append_ninja_path(text, source.native());
    // A source that is gone makes the graph out of date instead of stopping Ninja: gen says what to do.
    missing += "build ";
    append_ninja_path(missing, source.native());
    missing += ": phony\n";
  }
  text += "\n" + missing;
}

void append_names(std::string& text, const std::vector<LocalEnvironment>& environments) {
  std::map<std::string, std::vector<StepKey>> aliases;
  for (std::size_t i = 0; i < environments.size(); ++i) {
    const auto& [name, id, step] = environments[i];
    bool first = i == 0 || environments[i - 1].id != id;
    if (first) append_variable(text, "name_" + id.short_hex(), name);
    auto& steps = aliases[name];
    if (steps.empty() || steps.back() != step) steps.push_back(step);
  }
  text += '\n';
  for (const auto& [name, steps] : aliases) {
    if (name == "build.ninja") continue;
    text += "build ";
    append_ninja_path(text, name);
    text += ": phony";
    for (const auto& step : steps) text += " $steps/" + step.hex();
    text += '\n';
  }
}

}  // namespace

std::string local_text(Local local) {
  auto by_id = [](const LocalEnvironment& a, const LocalEnvironment& b) {
    return std::tie(a.id, a.name, a.step) < std::tie(b.id, b.name, b.step);
  };
  std::sort(local.environments.begin(), local.environments.end(), by_id);
  std::sort(local.sources.begin(), local.sources.end());
  local.sources.erase(std::unique(local.sources.begin(), local.sources.end()), local.sources.end());
  require_one_line(local.store.native(), "store");
  require_one_line(local.step_program.native(), "program");
  require_one_line(local.mirrors.native(), "store");
  std::string text = "# What belongs to this machine. Written by `karapace gen`; never compared.\n";
  // Where Ninja keeps its logs. In a directory that sessions can write to, a link could be put in their places.
  text += "builddir = .karapace\n";
  append_variable(text, "steps", (local.store / "steps").native());
  append_variable(text, "step", shell_quoted(local.step_program.native()));
  append_variable(text, "mirrors", shell_quoted(local.mirrors.native()));
  append_variable(text, "arguments", shell_quoted(local.arguments.native()));
  text += fmt::format("pool fetch\n  depth = {}\npool install\n  depth = {}\n", local.fetch_depth, local.install_depth);
  append_names(text, local.environments);
  if (!local.regenerate.empty()) append_regenerate(text, local);
  return text;
}

}  // namespace karapace::graph
