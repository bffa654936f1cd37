// SPDX-License-Identifier: Apache-2.0
#include "cli/options.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/nearest_word.hpp"

namespace karapace::cli {

namespace {

bool has_name(const Option& option, std::string_view word) {
  const auto names = option.all_names();
  return std::find(names.begin(), names.end(), word) != names.end();
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

/// Parts a command's own words from the command line that it passes on. Where a positional takes all words that there
/// are, only "--" ends them.
Split split_rest(const Options& options, std::span<const std::string> words) {
  auto is_positional = [](const Option& option) { return option.shape == Option::Shape::positional; };
  auto expected = std::count_if(options.all().begin(), options.all().end(), is_positional);
  if (std::any_of(options.all().begin(), options.all().end(),
                  [&](const Option& option) { return is_positional(option) && option.repeats(); }))
    expected = std::ssize(words);
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

bool is_rest(const Option& option) { return option.shape == Option::Shape::rest; }

Split split(const Options& options, std::span<const std::string> words) {
  if (std::any_of(options.all().begin(), options.all().end(), is_rest)) return split_rest(options, words);
  return {{words.begin(), words.end()}, {}};
}

/// As messages have it: the long name.
std::string_view display_name(const Option& option) {
  return std::string_view(option.names).substr(option.names.rfind(',') + 1);
}

std::uint64_t number_from(const Option& option, const std::string& word) {
  std::uint64_t number = 0;
  const auto* end = word.data() + word.size();
  auto [stop, error] = std::from_chars(word.data(), end, number);
  if (!word.empty() && error == std::errc() && stop == end) return number;
  throw UsageError(fmt::format("{}: \"{}\" is not a whole number", display_name(option), escaped_utf8(word)));
}

/// Puts a word where it goes.
struct Assign {
  const Option& option;
  const std::string& word;

  void operator()(std::string* target) const { *target = word; }
  void operator()(std::optional<std::string>* target) const { *target = word; }
  void operator()(std::vector<std::string>* target) const { target->push_back(word); }
  void operator()(std::optional<std::vector<std::string>>* target) const { (*target)->push_back(word); }
  void operator()(std::uint64_t* target) const { *target = number_from(option, word); }
  void operator()(std::optional<std::uint64_t>* target) const { *target = number_from(option, word); }
  void operator()(bool*) const {}
  void operator()(int*) const {}
};

/// The long ones.
std::vector<std::string_view> names_of(const Options& options) {
  std::vector<std::string_view> names;
  for (const auto& option : options.all()) {
    for (auto name : option.all_names()) {
      if (name.starts_with("--")) names.push_back(name);
    }
  }
  return names;
}

[[noreturn]] void refuse_option(const Options& options, std::string_view name) {
  auto text = fmt::format("there is no option \"{}\"", escaped_utf8(name));
  if (auto near = nearest_word(name, names_of(options)))
    throw UsageError(fmt::format("{}; did you mean \"{}\"?", text, *near));
  bool passes_on = std::any_of(options.all().begin(), options.all().end(), is_rest);
  throw UsageError(passes_on ? text + "; what is meant for COMMAND comes after \"--\"" : text);
}

[[noreturn]] void refuse_without_value(const Option& option) {
  throw UsageError(fmt::format("{0} needs a value: {0} {1}", display_name(option), option.value_name));
}

/// A whole character of UTF-8, for messages.
std::string_view character_at(std::string_view word, std::size_t start) {
  auto end = start + 1;
  while (end < word.size() && (static_cast<unsigned char>(word[end]) & 0xC0) == 0x80) ++end;
  return word.substr(start, end - start);
}

const Option* find_option(const Options& options, std::string_view name) {
  auto found = std::find_if(options.all().begin(), options.all().end(),
                            [&](const Option& option) { return name.size() > 1 && has_name(option, name); });
  return found == options.all().end() || !found->names.starts_with('-') ? nullptr : &*found;
}

/// --name, --name=value, -n, -nv, -j4: whether it begins as an option of these does.
bool begins_as_option(const Options& options, std::string_view word) {
  if (word.starts_with("--")) return find_option(options, word.substr(0, word.find('='))) != nullptr;
  return word.starts_with('-') && find_option(options, word.substr(0, 2)) != nullptr;
}

/// One command line's words, one after the other.
class Parser {
 public:
  Parser(const Options& options, Split words) : options_(options), words_(std::move(words)) {}

  void run() {
    while (at_ < words_.own.size()) {
      const auto& word = words_.own[at_++];
      if (only_positionals_ || word == "-" || !word.starts_with('-')) {
        take_positional(word);
      } else if (word == "--") {
        only_positionals_ = true;
      } else if (word.starts_with("--")) {
        take_long(word);
      } else {
        take_short(word);
      }
    }
    take_rest();
    require_all();
  }

 private:
  const Option& known(std::string_view name) const {
    const auto* option = find_option(options_, name);
    if (option == nullptr) refuse_option(options_, name);
    return *option;
  }

  void take_long(std::string_view word) {
    auto equals = word.find('=');
    const auto& option = known(word.substr(0, equals));
    std::optional<std::string> value;
    if (equals != word.npos) value = word.substr(equals + 1);
    take(option, std::move(value));
  }

  /// -nv, -j4, -j 4
  void take_short(std::string_view word) {
    for (std::size_t i = 1; i < word.size(); ++i) {
      const auto& option = known(fmt::format("-{}", character_at(word, i)));
      bool is_flag = option.shape == Option::Shape::flag;
      auto rest = word.substr(i + 1);
      if (is_flag && !rest.starts_with('=')) {
        take(option, std::nullopt);
        continue;
      }
      return take(option, rest.empty() ? std::nullopt : std::optional<std::string>(rest));
    }
  }

  void take(const Option& option, std::optional<std::string> value) {
    switch (option.shape) {
      case Option::Shape::flag: return set(option, value);
      case Option::Shape::words: return take_words(option, value);
      default: return take_value(option, value);
    }
  }

  static void set(const Option& option, const std::optional<std::string>& value) {
    if (value) throw UsageError(fmt::format("{} takes no value", display_name(option)));
    if (auto* const* counted = std::get_if<int*>(&option.target)) ++**counted;
    if (auto* const* flag = std::get_if<bool*>(&option.target)) **flag = true;
  }

  void take_words(const Option& option, const std::optional<std::string>& value) {
    auto& target = *std::get<std::optional<std::vector<std::string>>*>(option.target);
    if (!target) target.emplace();
    if (value) return assign(option, *value);
    while (at_ < words_.own.size() && !words_.own[at_].starts_with('-')) assign(option, words_.own[at_++]);
  }

  /// Of two options in a row the first lacks its value.
  void take_value(const Option& option, std::optional<std::string> value) {
    if (!value) {
      if (at_ == words_.own.size() || begins_as_option(options_, words_.own[at_])) refuse_without_value(option);
      value = words_.own[at_++];
    }
    if (value->empty()) refuse_without_value(option);
    bool is_first = seen_.insert(&option).second;
    if (!is_first && !option.repeats())
      throw UsageError(fmt::format("{} is given more than once", display_name(option)));
    assign(option, *value);
  }

  void take_positional(const std::string& word) {
    for (const auto& option : options_.all()) {
      if (option.shape != Option::Shape::positional) continue;
      if (!seen_.insert(&option).second && !option.repeats()) continue;
      // As a rule a variable that is not set.
      if (word.empty()) throw UsageError(fmt::format("{} is an empty word", option.names));
      return assign(option, word);
    }
    throw UsageError(fmt::format("unexpected word \"{}\"", escaped_utf8(word)));
  }

  void take_rest() {
    for (const auto& option : options_.all()) {
      if (!is_rest(option)) continue;
      *std::get<std::vector<std::string>*>(option.target) = words_.rest;
      if (!words_.rest.empty()) seen_.insert(&option);
    }
  }

  void require_all() const {
    for (const auto& option : options_.all()) {
      if (option.presence == Option::Presence::required && !seen_.contains(&option))
        throw UsageError(fmt::format("{} is missing", option.names));
    }
  }

  static void assign(const Option& option, const std::string& word) { std::visit(Assign{option, word}, option.target); }

  const Options& options_;
  Split words_;
  std::size_t at_ = 0;
  bool only_positionals_ = false;
  std::set<const Option*> seen_;
};

}  // namespace

std::vector<std::string_view> Option::all_names() const {
  std::vector<std::string_view> found;
  for (std::string_view rest = names; !rest.empty();) {
    const auto name = rest.substr(0, rest.find(','));
    found.push_back(name);
    rest.remove_prefix(std::min(name.size() + 1, rest.size()));
  }
  return found;
}

void Options::flag(std::string names, bool& target, std::string help) {
  add({Option::Shape::flag, std::move(names), {}, std::move(help), Presence::optional, &target});
}

void Options::counter(std::string names, int& target, std::string help) {
  add({Option::Shape::flag, std::move(names), {}, std::move(help), Presence::optional, &target});
}

void Options::rest(std::string name, std::vector<std::string>& target, std::string help, Presence presence) {
  add({Option::Shape::rest, name, name, std::move(help), presence, &target});
}

namespace {

/// -h, also in a bundle of flags: -vh.
bool has_short_help(const Options& options, std::string_view word) {
  for (std::size_t i = 1; i < word.size(); ++i) {
    if (word[i] == 'h') return true;
    const auto* option = find_option(options, fmt::format("-{}", word[i]));
    if (option == nullptr || option->shape != Option::Shape::flag) return false;
  }
  return false;
}

}  // namespace

std::vector<std::string> own_words(const Options& options, std::span<const std::string> words) {
  auto own = split(options, words).own;
  own.erase(std::find(own.begin(), own.end(), "--"), own.end());
  return own;
}

bool asks_for_help(const Options& options, std::span<const std::string> words) {
  auto own = own_words(options, words);
  return std::any_of(own.begin(), own.end(), [&](const std::string& word) {
    if (word.starts_with("--")) return word == "--help";
    return word.starts_with('-') && has_short_help(options, word);
  });
}

void parse(const Options& options, std::string_view command, std::span<const std::string> words) {
  try {
    Parser(options, split(options, words)).run();
  } catch (const UsageError& error) {
    if (command.empty()) throw UsageError(fmt::format("{}; see karapace --help", error.what()));
    throw UsageError(fmt::format("{}: {}; see karapace {} --help", command, error.what(), command));
  }
}

}  // namespace karapace::cli
