// SPDX-License-Identifier: Apache-2.0
#include "cli/options.hpp"

#include <algorithm>
#include <iterator>
#include <type_traits>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/error.hpp"
#include "cli/suggest.hpp"

namespace karapace::cli {

namespace {

bool has_name(const Option& option, std::string_view word) {
  std::string_view rest = option.names;
  while (!rest.empty()) {
    auto comma = rest.find(',');
    if (rest.substr(0, comma) == word) return true;
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
  }
  return false;
}

/// Whether `word` is an option whose value is the next word.
bool takes_next_word(const Options& options, std::string_view word) {
  if (word.find('=') != std::string_view::npos) return false;
  return std::any_of(options.all().begin(), options.all().end(), [&](const Option& option) {
    return option.shape == Option::Shape::value && has_name(option, word);
  });
}

struct Split {
  std::vector<std::string> own;
  std::vector<std::string> rest;
};

/// Parts a command's own words from the command line that it passes on.
Split split_rest(const Options& options, std::span<const std::string> words) {
  auto is_positional = [](const Option& option) { return option.shape == Option::Shape::positional; };
  auto expected = std::count_if(options.all().begin(), options.all().end(), is_positional);
  auto end = words.begin();
  for (std::ptrdiff_t seen = 0; end != words.end(); ++end) {
    if (*end == "--") return {{words.begin(), end}, {end + 1, words.end()}};
    if (end->starts_with('-') && *end != "-") {
      if (takes_next_word(options, *end) && end + 1 != words.end()) ++end;
      continue;
    }
    if (seen == expected) break;
    ++seen;
  }
  return {{words.begin(), end}, {end, words.end()}};
}

std::string complaint_about_number(const std::string& word) {
  bool is_number = !word.empty() && word.size() < 20 &&
                   std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
  return is_number ? std::string() : fmt::format("\"{}\" is not a whole number", word);
}

template <class T>
constexpr bool is_number = std::is_same_v<T, std::uint64_t> || std::is_same_v<T, std::optional<std::uint64_t>>;

struct Adder {
  CLI::App& app;
  const Option& option;

  CLI::Option* operator()(bool* target) const { return app.add_flag(option.names, *target); }
  CLI::Option* operator()(int* target) const { return app.add_flag(option.names, *target); }
  CLI::Option* operator()(std::vector<std::string>* target) const {
    auto* added = app.add_option(option.names, *target);
    // One value per occurrence, else an option would swallow the positionals after it.
    return option.shape == Option::Shape::value ? added->allow_extra_args(false) : added;
  }
  CLI::Option* operator()(std::optional<std::vector<std::string>>* target) const {
    // CLI11 gives an option without words one empty word.
    auto assign = [target](const std::vector<std::string>& words) {
      target->emplace();
      std::copy_if(words.begin(), words.end(), std::back_inserter(**target),
                   [](const std::string& word) { return !word.empty() && word != "{}"; });
    };
    return app.add_option_function<std::vector<std::string>>(option.names, assign)->expected(0, 10'000);
  }
  template <class T>
  CLI::Option* operator()(T* target) const {
    auto* added = app.add_option(option.names, *target);
    // The library takes "-3" for 2^64 - 3.
    return is_number<T> ? added->check(complaint_about_number, "") : added;
  }
};

bool is_rest(const Option& option) { return option.shape == Option::Shape::rest; }

Split split(const Options& options, std::span<const std::string> words) {
  if (std::any_of(options.all().begin(), options.all().end(), is_rest)) return split_rest(options, words);
  return {{words.begin(), words.end()}, {}};
}

void parse_with(CLI::App& app, const Options& options, Split words) {
  for (const auto& option : options.all()) {
    if (is_rest(option)) continue;
    std::visit(Adder{app, option}, option.target)->required(option.presence == Option::Presence::required);
  }
  std::reverse(words.own.begin(), words.own.end());  // CLI11 takes them last first
  app.parse(words.own);
  for (const auto& option : options.all()) {
    if (!is_rest(option)) continue;
    if (option.presence == Option::Presence::required && words.rest.empty()) throw CLI::RequiredError(option.names);
    *std::get<std::vector<std::string>*>(option.target) = words.rest;
  }
}

std::vector<std::string_view> names_of(const Options& options) {
  std::vector<std::string_view> names;
  for (const auto& option : options.all()) {
    for (std::string_view rest = option.names; rest.starts_with('-');) {
      auto comma = std::min(rest.find(','), rest.size());
      if (rest.substr(0, comma).starts_with("--")) names.push_back(rest.substr(0, comma));
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  return names;
}

std::string unexpected(const Options& options, const std::vector<std::string>& words) {
  auto option = std::find_if(words.begin(), words.end(), [](const std::string& word) { return word.starts_with('-'); });
  if (option == words.end())
    return words.empty() ? "a word too many" : fmt::format("unexpected word \"{}\"", words.front());
  auto name = option->substr(0, option->find('='));
  auto near = nearest(name, names_of(options));
  if (near) return fmt::format("there is no option \"{}\"; did you mean \"{}\"?", name, *near);
  return fmt::format("there is no option \"{}\"", name);
}

/// "--store: 1 required TEXT missing", "--store: At Most 1 required but received 2"
std::string wrong_count(const Options& options, std::string_view message) {
  auto name = message.substr(0, message.find(": "));
  auto option = std::find_if(options.all().begin(), options.all().end(),
                             [&](const Option& candidate) { return has_name(candidate, name); });
  bool missing = message.find("missing") != message.npos || message.find("At least") != message.npos;
  if (option == options.all().end()) return std::string(message);
  if (missing) return fmt::format("{0} needs a value: {0} {1}", name, option->value_name);
  return fmt::format("{} is given more than once", name);
}

/// What is wrong, in our words.
std::string problem_of(const CLI::Error& error, const CLI::App& app, const Options& options) {
  std::string message = error.what();
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) return unexpected(options, app.remaining());
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) return wrong_count(options, message);
  if (dynamic_cast<const CLI::ConversionError*>(&error) != nullptr && message.starts_with("Could not convert: "))
    return "not understood: " + message.substr(message.find(": ") + 2);
  return message;
}

}  // namespace

void Options::flag(std::string names, bool& target, std::string help) {
  add({Option::Shape::flag, std::move(names), {}, std::move(help), Presence::optional, &target});
}

void Options::counter(std::string names, int& target, std::string help) {
  add({Option::Shape::flag, std::move(names), {}, std::move(help), Presence::optional, &target});
}

void Options::rest(std::string name, std::vector<std::string>& target, std::string help, Presence presence) {
  add({Option::Shape::rest, name, name, std::move(help), presence, &target});
}

bool asks_for_help(const Options& options, std::span<const std::string> words) {
  auto own = split(options, words).own;
  auto end = std::find(own.begin(), own.end(), "--");
  return std::any_of(own.begin(), end, [](const std::string& word) { return word == "-h" || word == "--help"; });
}

void parse(const Options& options, std::string_view command, std::span<const std::string> words) {
  CLI::App app;
  app.set_help_flag();
  try {
    parse_with(app, options, split(options, words));
  } catch (const CLI::Error& error) {
    if (command.empty()) throw UsageError(fmt::format("{}; see karapace --help", problem_of(error, app, options)));
    const bool unknown = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
    const bool passes_on = std::any_of(options.all().begin(), options.all().end(), is_rest);
    const auto problem = problem_of(error, app, options);
    const auto* hint =
        unknown && passes_on && !problem.ends_with('?') ? "; what is meant for COMMAND comes after \"--\"" : "";
    throw UsageError(fmt::format("{}: {}{}; see karapace {} --help", command, problem, hint, command));
  }
}

}  // namespace karapace::cli
