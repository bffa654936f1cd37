// SPDX-License-Identifier: Apache-2.0
// Help texts, made from the same data that the parser uses.
#include <algorithm>

#include <fmt/format.h>

#include "cli/command.hpp"

namespace karapace::cli {

namespace {

constexpr std::size_t indent = 2;
constexpr std::size_t widest_term = 28;
constexpr std::size_t name_width = 15;

constexpr Term of_most[] = {{"0", "Success."},
                            {"1", "It failed, or the command line is wrong."},
                            {"2", "The manifest, the lock or the graph is wrong."},
                            {"3", "The store is damaged, full, or can not be read."}};
constexpr Term of_answers[] = {
    {"0", "The answer is that nothing differs."}, {"1", "Something differs."}, {"2", "An error."}};
constexpr Term of_sessions[] = {{"the command's", "The command ran; 128 + N when signal N killed it."},
                                {"125", "Karapace itself failed, and said why."},
                                {"126", "The command can not be executed."},
                                {"127", "The command does not exist."}};
constexpr Term all_variables[] = {
    {"KARAPACE_STORE", "the store, when --store is not given"},
    {"XDG_DATA_HOME, HOME", "where the store is by default: $XDG_DATA_HOME/karapace, else ~/.local/share/karapace"},
    {"XDG_CONFIG_HOME", "where karapace/config.toml is: mirrors, registries, acquisition, keyrings"},
    {"XDG_CACHE_HOME", "where karapace keeps what can be fetched again"},
    {"KARAPACE_ID_MODE", "root, subid or single: asks for an id mode instead of choosing one"},
    {"NINJA", "the ninja that karapace build runs"},
    {"NO_COLOR", "no colours, also on a terminal"}};

std::string_view heading(Group group) {
  switch (group) {
    case Group::making: return "Making environments";
    case Group::using_: return "Using environments";
    case Group::releases: return "Releases, built from source";
    case Group::store: return "Looking after the store";
    case Group::sharing: return "Sharing environments";
    case Group::understanding: return "Understanding";
  }
  return "";
}

std::string spaced(std::string_view names) {
  std::string text;
  for (char c : names) text += c == ',' ? ", " : std::string(1, c);
  return text;
}

std::string entry(std::string_view left, std::string_view right, std::size_t width) {
  if (left.size() > width) return fmt::format("{0:{1}}{2}\n{0:{3}}{4}\n", "", indent, left, indent + width + 2, right);
  return fmt::format("{:{}}{:<{}}  {}\n", "", indent, left, width, right);
}

std::string option_list(const std::vector<Option>& options, bool named) {
  std::size_t width = 0;
  for (const auto& option : options) {
    if (option.is_named() == named) width = std::max(width, term(option).size());
  }
  width = std::min(width, widest_term);
  std::string text;
  for (const auto& option : options) {
    if (option.is_named() == named) text += entry(term(option), option.help, width);
  }
  return text;
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

std::string term(const Option& option) {
  if (option.value_name.empty() || option.value_name == option.names) return spaced(option.names);
  return fmt::format("{} {}", spaced(option.names), option.value_name);
}

std::string usage_line(const Command& command) {
  std::string line = "karapace " + command.text.name;
  const auto& options = command.options.all();
  if (std::any_of(options.begin(), options.end(), [](const auto& option) { return option.is_named(); }))
    line += " [OPTION]...";
  const bool takes_many = std::any_of(options.begin(), options.end(), [](const auto& option) {
    return option.shape == Option::Shape::positional && option.repeats();
  });
  for (const auto& option : options) {
    if (option.is_named()) continue;
    auto word = option.names;
    if (option.shape == Option::Shape::rest) word = (takes_many ? "-- " : "[--] ") + word + " [ARGUMENT]...";
    if (option.shape == Option::Shape::positional && option.repeats()) word += "...";
    line += option.presence == Option::Presence::required ? " " + word : " [" + word + "]";
  }
  return line;
}

std::span<const Term> variables() noexcept { return all_variables; }

std::vector<Term> exit_statuses(const CommandText& text) {
  if (!text.error_status) return {std::begin(of_most), std::end(of_most)};
  if (*text.error_status == 2) return {std::begin(of_answers), std::end(of_answers)};
  return {std::begin(of_sessions), std::end(of_sessions)};
}

void declare_globals(Options& options, GlobalArguments& arguments) {
  options.value("--store", "DIR", arguments.store, "the store (else KARAPACE_STORE, $XDG_DATA_HOME/karapace)");
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
  for (auto group :
       {Group::making, Group::using_, Group::releases, Group::store, Group::sharing, Group::understanding}) {
    text += group_text(group, commands);
  }
  text += global_options() + "\nVariables:\n";
  for (const auto& [name, explanation] : variables()) text += entry(name, explanation, 19);
  return text + "\nkarapace COMMAND --help tells more about a command.\n";
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
