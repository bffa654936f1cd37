// SPDX-License-Identifier: Apache-2.0
#include "cli/edge_command.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "store/graph_files.hpp"

namespace karapace::cli {

namespace {

constexpr std::string_view form = "KIND OUT [--hint NAME=VALUE]... [NAME=VALUE]... -- INPUT...";

UsageError misuse(std::string_view what) { return UsageError(fmt::format("{}; an edge's command is {}", what, form)); }

StepKey key_of(const std::filesystem::path& record) {
  auto key = StepKey::from_hex(record.filename().string());
  if (!key || record.parent_path().filename() != "steps") {
    throw misuse(fmt::format("\"{}\" is not a step record (<store>/steps/<64 hex digits>)", record.string()));
  }
  return *key;
}

Parameter name_and_value(std::string_view word) {
  auto equals = word.find('=');
  if (equals == 0 || equals == std::string_view::npos) throw misuse(fmt::format("\"{}\" is not NAME=VALUE", word));
  return {std::string(word.substr(0, equals)), std::string(word.substr(equals + 1))};
}

/// Reads the words between OUT and "--"; answers how many there were.
std::size_t read_parameters(std::span<const std::string> words, EdgeCommand& command,
                            std::vector<Parameter>& parameters) {
  std::size_t i = 0;
  for (; i < words.size() && words[i] != "--"; ++i) {
    if (words[i] != "--hint") {
      parameters.push_back(name_and_value(words[i]));
      continue;
    }
    if (++i == words.size()) throw misuse("--hint needs NAME=VALUE");
    auto hint = name_and_value(words[i]);
    command.hints[hint.name] = hint.value;
  }
  return i;
}

void require_unique(const std::vector<Parameter>& parameters) {
  std::map<std::string_view, int> seen;
  for (const auto& parameter : parameters) {
    if (++seen[parameter.name] > 1) throw misuse(fmt::format("the parameter \"{}\" is given twice", parameter.name));
  }
}

EdgeCommand parse_words(std::span<const std::string> words) {
  if (words.size() < 2) throw misuse("too few arguments");
  auto kind = step_kind_from(words[0]);
  if (!kind) throw misuse(fmt::format("there is no kind of step \"{}\"", words[0]));
  EdgeCommand command;
  command.output = words[1];
  command.key = key_of(command.output);
  command.store = std::filesystem::absolute(command.output).parent_path().parent_path();
  std::vector<Parameter> parameters;
  auto rest = words.subspan(2);
  rest = rest.subspan(read_parameters(rest, command, parameters));
  require_unique(parameters);
  std::vector<StepKey> inputs;
  for (const auto& word : rest.empty() ? rest : rest.subspan(1)) inputs.push_back(key_of(word));
  command.step = Step::normalised(*kind, std::move(parameters), std::move(inputs));
  return command;
}

/// A crash of the machine may have cut it off.
EdgeCommand read_command(const std::string& file) {
  auto text = read_file_if_exists(file);
  if (!text) throw UsageError(fmt::format("there is no file \"{}\": `karapace gen` writes it again", file));
  store::note_use_of_graph_file(file);
  try {
    return parse_words(split_words(*text));
  } catch (const UsageError& error) {
    throw StepError(
        fmt::format("the file of arguments \"{}\" is damaged ({}); run karapace gen again", file, error.what()));
  }
}

}  // namespace

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  bool inside_word = false;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    bool space = c == ' ' || c == '\n' || c == '\t';
    if (!quoted && space) {
      inside_word = false;
      continue;
    }
    if (!inside_word) words.emplace_back();
    inside_word = true;
    if (c == '\'') {
      quoted = !quoted;
    } else if (!quoted && c == '\\' && i + 1 < text.size()) {
      words.back() += text[++i];
    } else {
      words.back() += c;
    }
  }
  if (quoted) throw UsageError("it ends inside a quoted word");
  return words;
}

EdgeCommand parse_edge_command(std::span<const std::string> words) {
  const bool from_file = words.size() == 1 && words[0].starts_with('@');
  auto command = from_file ? read_command(words[0].substr(1)) : parse_words(words);
  auto key = command.step.key();
  if (key == command.key) return command;
  throw StepError(fmt::format("{} step {}: kind, parameters and inputs give the key {}; run karapace gen again",
                              text(command.step.kind), command.key.short_hex(), key.short_hex()));
}

}  // namespace karapace::cli
