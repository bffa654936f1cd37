// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <exception>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/nearest_word.hpp"
#include "base/path_error.hpp"
#include "cli/command.hpp"

namespace karapace::cli {

namespace {

/// The command's place in `words`: the first word that is neither a global option nor its value.
std::size_t command_index(std::span<const std::string> words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--store") {
      ++i;
    } else if (!words[i].starts_with('-')) {
      return i;
    }
  }
  return words.size();
}

/// Whether `word` begins commands of two words.
bool is_first_word(std::string_view word) {
  auto table = command_table();
  auto first = fmt::format("{} ", word);
  return std::any_of(table.begin(), table.end(),
                     [&](const CommandEntry& entry) { return entry.name.starts_with(first); });
}

const CommandEntry& find_command(std::string_view name) {
  auto table = command_table();
  auto found = std::find_if(table.begin(), table.end(), [&](const CommandEntry& entry) { return entry.name == name; });
  if (found != table.end()) return *found;
  std::vector<std::string_view> names;
  for (const auto& entry : table) names.push_back(entry.name);
  auto near = nearest_word(name, names);
  auto hint = near ? fmt::format("did you mean \"{}\"?", *near) : std::string("see karapace --help");
  throw UsageError(fmt::format("there is no command \"{}\"; {}", name, hint));
}

int show_version(const Context& context) {
  if (context.json) {
    context.print_json("karapace.version", {{"program", "karapace"}, {"program_version", KARAPACE_VERSION}});
  } else {
    context.print("karapace " KARAPACE_VERSION "\n");
  }
  return 0;
}

int show_help(const Context& context, const std::string& text) {
  if (context.json) {
    context.print_json("karapace.help", {{"text", text}});
  } else {
    context.print(text);
  }
  return 0;
}

void adopt(Context& context, const GlobalArguments& globals) {
  context.store_option = globals.store;
  context.json = globals.json;
  context.verbosity = globals.verbosity;
}

int run_without_command(Context& context, std::span<const std::string> words) {
  GlobalArguments globals;
  Options options;
  declare_globals(options, globals);
  parse(options, "", words);
  adopt(context, globals);
  if (globals.version) return show_version(context);
  if (globals.help) return show_help(context, program_help());
  throw UsageError("no command was given; karapace --help lists them");
}

/// The commands that a person tries first: `karapace help` and `karapace help COMMAND`.
int run_help(const Context& context, std::span<const std::string> words) {
  auto topic = std::find_if(words.begin(), words.end(), [](const std::string& word) { return !word.starts_with('-'); });
  if (topic == words.end()) return show_help(context, program_help());
  auto name = *topic;
  if (is_first_word(name)) {
    if (topic + 1 == words.end()) return show_help(context, word_help(name));
    name += " " + *(topic + 1);
  }
  return show_help(context, command_help(find_command(name).make()));
}

/// `words` after the first word of a two-word command, when the second is missing.
int run_without_second_word(Context& context, const std::string& first, std::span<const std::string> words) {
  bool help =
      std::any_of(words.begin(), words.end(), [](const auto& word) { return word == "-h" || word == "--help"; });
  if (help) return show_help(context, word_help(first));
  throw UsageError(fmt::format("{}: which command? karapace {} --help lists them", first, first));
}

/// `error_status`: set when the command that is found wants another status for its errors.
int dispatch(Context& context, std::span<const std::string> words, std::optional<int>& error_status) {
  auto index = command_index(words);
  if (index == words.size()) return run_without_command(context, words);
  auto name = words[index];
  if (name == "help") return run_help(context, words.subspan(index + 1));
  auto after = static_cast<std::ptrdiff_t>(index) + 1;
  if (is_first_word(name)) {
    bool has_second = index + 1 < words.size() && !words[index + 1].starts_with('-');
    if (!has_second) return run_without_second_word(context, name, words.subspan(index + 1));
    name += " " + words[index + 1];
    ++after;
  }
  auto command = find_command(name).make();
  error_status = command.text.error_status;
  GlobalArguments globals;
  Options accepted;
  declare_globals(accepted, globals);
  accepted.append(command.options);
  std::vector<std::string> arguments(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(index));
  arguments.insert(arguments.end(), words.begin() + after, words.end());
  bool wants_help = asks_for_help(accepted, arguments);
  if (wants_help) return show_help(context, command_help(command));
  parse(accepted, name, arguments);
  adopt(context, globals);
  if (globals.help) return show_help(context, command_help(command));
  if (globals.version) return show_version(context);
  return command.run(context);
}

/// --json must shape even the message about a command line that can not be parsed.
bool mentions_json(std::span<const std::string> words) {
  auto end = std::find(words.begin(), words.end(), "--");
  return std::find(words.begin(), end, "--json") != end;
}

int fail(const Context& context, std::string_view code, std::string_view message, int status) noexcept {
  try {
    print_error(context, code, message, status);
  } catch (const std::exception&) {
    return status;  // standard output is gone, too; the status still tells
  }
  return status;
}

}  // namespace

int run_program(std::span<const std::string> words) noexcept {
  Context context;
  std::optional<int> error_status;
  try {
    context = make_context();
    context.json = mentions_json(words);
    return dispatch(context, words, error_status);
  } catch (const Error& error) {
    return fail(context, code_text(error.kind()), error.what(), error_status.value_or(exit_code(error.kind())));
  } catch (const std::bad_alloc&) {
    return fail(context, "error", "out of memory", error_status.value_or(1));
  } catch (const std::exception& error) {
    return fail(context, "error", told_text(error), error_status.value_or(1));
  }
}

}  // namespace karapace::cli
