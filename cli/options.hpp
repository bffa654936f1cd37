// SPDX-License-Identifier: Apache-2.0
// Options: what a command accepts on its command line, as data bound to the fields that receive it.
//
// One declaration yields the parser, the help text, docs/commands.md's check, what shells complete and the man pages.
//
// -x, -xy (both), -xVALUE, -x VALUE, --word, --word=VALUE, --word VALUE; after "--" nothing is an option. What may be
// given once is refused the second time, a flag takes no value, and an option is never taken for another's value.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace karapace::cli {

/// Where a parsed value goes. A std::string keeps its default when the option is absent.
using OptionTarget =
    std::variant<bool*, std::string*, std::optional<std::string>*, std::vector<std::string>*, std::uint64_t*,
                 std::optional<std::uint64_t>*, int*, std::optional<std::vector<std::string>>*>;

struct Option {
  enum class Shape {
    flag,        // bool (set) or int (counted)
    value,       // takes one value; a vector collects repetitions
    words,       // takes the words after it that are no options, perhaps none
    positional,  // one word, or the remaining words for a vector
    rest,        // a command and its arguments, passed on untouched
  };
  enum class Presence { optional, required };
  Shape shape{};
  std::string names;       // "-n,--dry-run", "--store"; for positionals the upper-case name
  std::string value_name;  // "PATH"; empty for flags. cli/completion.cpp knows what completes ENVIRONMENT, FILE, ...
  std::string help;
  Presence presence = Presence::optional;
  OptionTarget target;
  std::vector<std::string> choices = {};  // every value there is, for who completes a command line; empty: others, too

  /// A flag, or what takes values after its name.
  bool is_named() const noexcept { return shape == Shape::flag || shape == Shape::value || shape == Shape::words; }
  /// A list of values, one for each time that it is given.
  bool repeats() const noexcept { return std::holds_alternative<std::vector<std::string>*>(target); }
  /// "-n", "--dry-run"; one for positionals.
  std::vector<std::string_view> all_names() const;
};

class Options {
 public:
  using Presence = Option::Presence;

  void flag(std::string names, bool& target, std::string help);
  /// -v -v -v counts.
  void counter(std::string names, int& target, std::string help);
  /// `target`: std::string, std::optional<std::string>, std::uint64_t, std::optional<std::uint64_t>, or
  /// std::vector<std::string> for an option that may be repeated.
  template <class T>
  void value(std::string names, std::string value_name, T& target, std::string help,
             std::vector<std::string> choices = {}) {
    add({Option::Shape::value, std::move(names), std::move(value_name), std::move(help), Presence::optional, &target,
         std::move(choices)});
  }
  /// `target`: absent without the option, empty when no word follows it.
  void words(std::string names, std::string value_name, std::optional<std::vector<std::string>>& target,
             std::string help) {
    add({Option::Shape::words, std::move(names), "[" + value_name + "...]", std::move(help), Presence::optional,
         &target});
  }
  /// `target` as for `value`; a vector takes all remaining words.
  template <class T>
  void positional(std::string name, T& target, std::string help, Presence presence = Presence::optional,
                  std::vector<std::string> choices = {}) {
    add({Option::Shape::positional, name, name, std::move(help), presence, &target, std::move(choices)});
  }
  /// Everything after the positionals (and an optional "--"), untouched: `exec ENV [--] COMMAND [ARGUMENT...]`. It
  /// begins at "--" or at the first word after the positionals that does not begin with "-"; only at "--" when one of
  /// them takes many words. Declare it last.
  void rest(std::string name, std::vector<std::string>& target, std::string help,
            Presence presence = Presence::optional);

  const std::vector<Option>& all() const noexcept { return options_; }
  void append(const Options& others) { options_.insert(options_.end(), others.all().begin(), others.all().end()); }

 private:
  void add(Option option) { options_.push_back(std::move(option)); }
  std::vector<Option> options_;
};

/// Those that belong to the command itself and may be options: not what it passes on, nothing after "--".
std::vector<std::string> own_words(const Options& options, std::span<const std::string> words);

/// Whether -h or --help is among the words that belong to the command itself; then nothing else need be right.
bool asks_for_help(const Options& options, std::span<const std::string> words);

/// Parses `words` (without program and command name) into the targets. UsageError that names the command and tells
/// how to get its help.
void parse(const Options& options, std::string_view command, std::span<const std::string> words);

}  // namespace karapace::cli
