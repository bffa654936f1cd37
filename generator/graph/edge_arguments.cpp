// SPDX-License-Identifier: Apache-2.0
#include "generator/graph/edge_arguments.hpp"

#include "base/escape.hpp"
#include "generator/graph/quoting.hpp"

namespace karapace::graph {

namespace {

// One argument of execve(2) is at most 131,072 bytes, and sh -c gets the whole command as one: nothing that stays below
// this length by the estimate comes near that, however long the store's path is and however much there is to quote.
constexpr std::size_t longest_command = 1000;
constexpr std::size_t usual_record_path = 104;  // "~/.local/share/karapace/steps/<key>", spelled out

void append_word(std::string& text, std::string_view before, std::string_view value, char separator) {
  if (!text.empty()) text += separator;
  text += before;
  if (!value.empty()) text += shell_quoted(value);
}

}  // namespace

bool has_arguments_file(const Edge& edge) {
  // Ninja prints the command of a step that fails as it stands.
  auto shows = [](const Parameter& parameter) { return is_printable(parameter.value); };
  if (!std::all_of(edge.step.parameters.begin(), edge.step.parameters.end(), shows)) return true;
  std::size_t length = usual_record_path * (1 + edge.step.inputs.size());
  length += edge.location.archive.size() + edge.location.path.size();
  for (const auto& [name, value] : edge.step.parameters) length += 2 + name.size() + value.size();
  return length > longest_command;
}

void append_parameters(std::string& text, const Edge& edge, char separator) {
  if (!edge.location.path.empty()) {
    append_word(text, "--hint archive=", edge.location.archive, separator);
    append_word(text, "--hint path=", edge.location.path, separator);
  }
  for (const auto& [name, value] : edge.hints) append_word(text, "--hint " + name + "=", value, separator);
  for (const auto& [name, value] : edge.step.parameters) append_word(text, name + "=", value, separator);
}

std::string arguments_file_text(const Edge& edge, const std::filesystem::path& store,
                                const std::filesystem::path& mirrors) {
  auto steps = store.native() + "/steps/";
  std::string content;
  content.reserve(512 + (steps.size() + 2 * Digest::size + 1) * (1 + edge.step.inputs.size()));
  content += text(edge.step.kind);
  content += ' ';
  content += shell_quoted(steps + edge.key.hex());
  if (edge.step.kind == StepKind::fetch) append_word(content, mirrors_hint, mirrors.native(), '\n');
  append_parameters(content, edge, '\n');
  content += "\n--\n";
  for (const auto& input : edge.step.inputs) {
    content += shell_quoted(steps + input.hex());
    content += '\n';
  }
  return content;
}

}  // namespace karapace::graph
