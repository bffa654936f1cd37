// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <exception>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/nearest_word.hpp"
#include "base/path_error.hpp"
#include "cli/command.hpp"

namespace karapace::cli {

namespace {

/// What other programs call it.
constexpr std::pair<std::string_view, std::string_view> foreign_names[] = {
    {"init", "new"}, {"run", "exec"},     {"shell", "enter"},  {"ls", "list"},
    {"ps", "list"},  {"show", "inspect"}, {"rm", "destroy"},   {"remove", "destroy"},
    {"prune", "gc"}, {"clean", "gc"},     {"generate", "gen"}, {"verify", "verify-store"}};

/// The one that it begins, that it is nearly, or that is called so elsewhere.
std::optional<std::string_view> meant_command(std::string_view name) {
  std::vector<std::string_view> names, begun;
  for (const auto& entry : command_table()) {
    names.push_back(entry.name);
    if (!name.empty() && entry.name.starts_with(name)) begun.push_back(entry.name);
  }
  if (begun.size() == 1) return begun.front();
  for (const auto& [foreign, own] : foreign_names)
    if (foreign == name) return own;
  return nearest_word(name, names);
}

const CommandEntry& find_command(std::string_view name) {
  if (const auto* found = find_entry(name)) return *found;
  auto meant = meant_command(name);
  auto hint = meant ? fmt::format("did you mean \"{}\"?", *meant) : std::string("see karapace --help");
  throw UsageError(fmt::format("there is no command \"{}\"; {}", escaped_utf8(name), hint));
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
  std::vector<std::string> topic;
  std::copy_if(words.begin(), words.end(), std::back_inserter(topic),
               [](const auto& w) { return !w.starts_with('-'); });
  if (topic.empty()) return show_help(context, program_help());
  auto name = topic.front();
  const bool has_second = is_first_word(name);
  if (has_second && topic.size() == 1) return show_help(context, word_help(name));
  if (has_second) name += " " + topic[1];
  const auto command = find_command(name).make();
  if (const std::size_t used = has_second ? 2 : 1; topic.size() > used)
    throw UsageError(
        fmt::format("help: unexpected word \"{}\"; see karapace {} --help", escaped_utf8(topic[used]), name));
  return show_help(context, command_help(command));
}

/// `words` after the first word of a two-word command, when the second is missing.
int run_without_second_word(Context& context, const std::string& first, std::span<const std::string> words) {
  bool help =
      std::any_of(words.begin(), words.end(), [](const auto& word) { return word == "-h" || word == "--help"; });
  if (help) return show_help(context, word_help(first));
  throw UsageError(fmt::format("{}: which command? karapace {} --help lists them", first, first));
}

/// --json must shape even the message about a command line that can not be parsed.
bool mentions_json(std::span<const std::string> words) {
  auto end = std::find(words.begin(), words.end(), "--");
  return std::find(words.begin(), end, "--json") != end;
}

/// `error_status`: set when the command that is found wants another status for its errors.
int dispatch(Context& context, std::span<const std::string> words, std::optional<int>& error_status) {
  auto index = command_index(words);
  if (index == words.size()) return run_without_command(context, words);
  auto name = words[index];
  if (name == "help") return run_help(context, words.subspan(index + 1));
  std::vector<std::string> arguments(words.begin(), words.end());
  arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(index));
  if (is_first_word(name)) {
    auto second = index + command_index(words.subspan(index + 1));
    if (second == arguments.size()) return run_without_second_word(context, name, words.subspan(index + 1));
    name += " " + arguments[second];
    arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(second));
  }
  auto command = find_command(name).make();
  error_status = command.text.error_status;
  GlobalArguments globals;
  Options accepted;
  declare_globals(accepted, globals);
  accepted.append(command.options);
  context.json = mentions_json(own_words(accepted, arguments));
  bool wants_help = asks_for_help(accepted, arguments);
  if (wants_help) return show_help(context, command_help(command));
  parse(accepted, name, arguments);
  adopt(context, globals);
  if (globals.help) return show_help(context, command_help(command));
  if (globals.version) return show_version(context);
  return command.run(context);
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

const CommandEntry* find_entry(std::string_view name) noexcept {
  const auto table = command_table();
  const auto found = std::find_if(table.begin(), table.end(), [&](const auto& entry) { return entry.name == name; });
  return found == table.end() ? nullptr : &*found;
}

bool is_first_word(std::string_view word) {
  const auto table = command_table();
  const auto first = fmt::format("{} ", word);
  return std::any_of(table.begin(), table.end(), [&](const auto& entry) { return entry.name.starts_with(first); });
}

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
