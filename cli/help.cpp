// SPDX-License-Identifier: Apache-2.0
// Help texts, made from the same data that the parser uses.
#include <algorithm>

#include <fmt/format.h>

#include "cli/command.hpp"

namespace karapace::cli {

namespace {

constexpr std::size_t indent = 2;
constexpr std::size_t widest_term = 28;
constexpr std::size_t name_width = 14;

std::string_view heading(Group group) {
  switch (group) {
    case Group::making: return "Making environments";
    case Group::using_: return "Using environments";
    case Group::store: return "Looking after the store";
    case Group::understanding: return "Understanding";
  }
  return "";
}

std::string spaced(std::string_view names) {
  std::string text;
  for (char c : names) text += c == ',' ? ", " : std::string(1, c);
  return text;
}

std::string term(const Option& option) {
  if (option.value_name.empty() || option.value_name == option.names) return spaced(option.names);
  return fmt::format("{} {}", spaced(option.names), option.value_name);
}

bool is_named(const Option& option) {
  return option.shape == Option::Shape::flag || option.shape == Option::Shape::value ||
         option.shape == Option::Shape::words;
}

bool repeats(const Option& option) { return std::holds_alternative<std::vector<std::string>*>(option.target); }

std::string entry(std::string_view left, std::string_view right, std::size_t width) {
  if (left.size() > width) return fmt::format("{0:{1}}{2}\n{0:{3}}{4}\n", "", indent, left, indent + width + 2, right);
  return fmt::format("{:{}}{:<{}}  {}\n", "", indent, left, width, right);
}

std::string option_list(const std::vector<Option>& options, bool named) {
  std::size_t width = 0;
  for (const auto& option : options) {
    if (is_named(option) == named) width = std::max(width, term(option).size());
  }
  width = std::min(width, widest_term);
  std::string text;
  for (const auto& option : options) {
    if (is_named(option) == named) text += entry(term(option), option.help, width);
  }
  return text;
}

std::string usage_line(const Command& command) {
  std::string line = "karapace " + command.text.name;
  const auto& options = command.options.all();
  if (std::any_of(options.begin(), options.end(), is_named)) line += " [OPTION]...";
  for (const auto& option : options) {
    if (is_named(option)) continue;
    auto word = option.names;
    if (option.shape == Option::Shape::rest) word = "[--] " + word + " [ARGUMENT]...";
    if (option.shape == Option::Shape::positional && repeats(option)) word += "...";
    line += option.presence == Option::Presence::required ? " " + word : " [" + word + "]";
  }
  return line;
}

std::string group_text(Group group, const std::vector<Command>& commands) {
  std::string text;
  for (const auto& command : commands) {
    if (command.text.group == group) text += entry(command.text.name, command.text.summary, name_width);
  }
  return text.empty() ? text : fmt::format("\n{}:\n{}", heading(group), text);
}

std::string global_options() {
  GlobalArguments arguments;
  Options options;
  declare_globals(options, arguments);
  return "\nGlobal options (before or after the command):\n" + option_list(options.all(), true);
}

}  // namespace

void declare_globals(Options& options, GlobalArguments& arguments) {
  options.value("--store", "PATH", arguments.store, "the store (else KARAPACE_STORE, $XDG_DATA_HOME/karapace)");
  options.flag("--json", arguments.json, "print one JSON document, errors too");
  options.counter("-v,--verbose", arguments.verbosity, "say more on standard error; repeat for more");
  options.flag("-h,--help", arguments.help, "show this help");
  options.flag("-V,--version", arguments.version, "show the version");
}

std::string program_help() {
  std::vector<Command> commands;
  for (const auto& entry : command_table()) commands.push_back(entry.make());
  std::string text =
      "Locked, content-addressed Linux environments built by Ninja.\n\nUsage: karapace COMMAND [ARGUMENT]...\n";
  for (auto group : {Group::making, Group::using_, Group::store, Group::understanding}) {
    text += group_text(group, commands);
  }
  return text + global_options() + "\nkarapace COMMAND --help tells more about a command.\n";
}

std::string word_help(std::string_view word) {
  auto text = fmt::format("Usage: karapace {} COMMAND [ARGUMENT]...\n\n", word);
  auto first = fmt::format("{} ", word);
  for (const auto& candidate : command_table()) {
    if (candidate.name.starts_with(first)) text += entry(candidate.name, candidate.make().text.summary, name_width);
  }
  return text + global_options() + fmt::format("\nkarapace {} COMMAND --help tells more about a command.\n", word);
}

std::string command_help(const Command& command) {
  auto text = fmt::format("{}\n\nUsage: {}\n", command.text.summary, usage_line(command));
  if (!command.text.description.empty()) text += fmt::format("\n{}\n", command.text.description);
  auto arguments = option_list(command.options.all(), false);
  if (!arguments.empty()) text += "\nArguments:\n" + arguments;
  auto options = option_list(command.options.all(), true);
  if (!options.empty()) text += "\nOptions:\n" + options;
  text += global_options();
  if (command.text.examples.empty()) return text;
  text += "\nExamples:\n";
  for (const auto& example : command.text.examples) {
    text += fmt::format("  {}\n      {}\n", example.command, example.explanation);
  }
  return text;
}

}  // namespace karapace::cli
