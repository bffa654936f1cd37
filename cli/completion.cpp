// SPDX-License-Identifier: Apache-2.0
// What shells complete, made from the same data that the parser uses.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "cli/command.hpp"

namespace karapace::cli {

namespace {

using Paths = Completion::Paths;

enum class Kind { nothing, environments, files, directories };

/// What the names of values stand for, as they are written in help texts.
Kind kind_of(std::string_view value_name) {
  static constexpr std::pair<std::string_view, Kind> kinds[] = {{"ENVIRONMENT", Kind::environments},
                                                                {"ENV|STEP", Kind::environments},
                                                                {"INSTANCE", Kind::environments},
                                                                {"MANIFEST", Kind::files},
                                                                {"FILE", Kind::files},
                                                                {"PATH", Kind::files},
                                                                {"ARCHIVE", Kind::files},
                                                                {"OLD", Kind::files},
                                                                {"NEW", Kind::files},
                                                                {"COMMAND", Kind::files},
                                                                {"DIRECTORY", Kind::directories},
                                                                {"DIR", Kind::directories}};
  for (const auto& [name, kind] : kinds)
    if (name == value_name) return kind;
  return Kind::nothing;
}

/// One command line, from its first word to the one that is completed.
class Line {
 public:
  Line(std::span<const std::string> words, const NameLookup& names)
      : before_(words.begin(), words.end() - 1), current_(words.back()), names_(names) {
    declare_globals(globals_, global_arguments_);
  }

  Completion run() {
    const auto index = command_index(before_);
    if (index == before_.size()) return at_command();
    auto name = take(index);
    if (name == "help") return before_.size() == index ? with_commands("") : help_topic(index);
    if (is_first_word(name)) {
      if (const auto second = index + command_index(std::span(before_).subspan(index)); second < before_.size())
        name += " " + take(second);
      else
        return current_.starts_with('-') ? with_options(globals_) : with_commands(name + " ");
    }
    const auto* entry = find_entry(name);
    if (entry == nullptr) return {};
    auto command = entry->make();
    auto accepted = globals_;
    accepted.append(command.options);
    return in_command(accepted);
  }

 private:
  std::string take(std::size_t index) {
    auto word = before_[index];
    before_.erase(before_.begin() + static_cast<std::ptrdiff_t>(index));
    return word;
  }

  void add(Completion& completion, std::string_view word, std::string_view explanation) const {
    const auto typed = std::string_view(current_).substr(completion.prefix.size());
    if (word.starts_with(typed)) completion.candidates.push_back({std::string(word), std::string(explanation)});
  }

  Completion at_command() const {
    if (!before_.empty() && before_.back() == "--store") return {Paths::directories, {}, {}};
    return current_.starts_with('-') ? with_options(globals_) : with_commands("");
  }

  Completion help_topic(std::size_t index) const {
    const auto& topic = before_[index];
    return before_.size() == index + 1 && is_first_word(topic) ? with_commands(topic + " ") : Completion();
  }

  /// The next word of commands that begin with `first`.
  Completion with_commands(std::string_view first) const {
    std::map<std::string, std::string> found;
    for (const auto& entry : command_table()) {
      if (!entry.name.starts_with(first)) continue;
      const auto rest = entry.name.substr(first.size());
      const auto word = std::string(rest.substr(0, rest.find(' ')));
      const bool is_whole = word == rest;
      found.emplace(word, is_whole ? entry.make().text.summary : fmt::format("karapace {} --help tells more", word));
    }
    if (first.empty()) found.emplace("help", "Tell about a command");
    Completion completion;
    for (const auto& [word, summary] : found) add(completion, word, summary);
    return completion;
  }

  Completion with_options(const Options& options) const {
    Completion completion;
    for (const auto& option : options.all()) {
      const bool again = option.repeats() || std::holds_alternative<int*>(option.target);
      if (!option.is_named() || (!again && is_given(option))) continue;
      for (auto name : option.all_names())
        if (name.starts_with("--") || option.all_names().size() == 1) add(completion, name, option.help);
    }
    return completion;
  }

  bool is_given(const Option& option) const {
    const auto names = option.all_names();
    return std::any_of(before_.begin(), before_.end(), [&](std::string_view word) {
      return std::find(names.begin(), names.end(), word.substr(0, word.find('='))) != names.end();
    });
  }

  static const Option* named(const Options& options, std::string_view name) {
    for (const auto& option : options.all()) {
      const auto names = option.all_names();
      if (option.is_named() && std::find(names.begin(), names.end(), name) != names.end()) return &option;
    }
    return nullptr;
  }

  /// The place that the words before leave us at.
  Completion in_command(const Options& accepted) const {
    std::vector<const Option*> places;
    const Option* rest = nullptr;
    for (const auto& option : accepted.all()) {
      if (option.shape == Option::Shape::positional) places.push_back(&option);
      if (option.shape == Option::Shape::rest) rest = &option;
    }
    std::size_t place = 0;
    const Option* open = nullptr;  // what takes the next word
    for (const auto& word : before_) {
      if (word == "--") return rest != nullptr ? with_value(*rest) : at_place(places, place);
      if (open != nullptr && open->shape == Option::Shape::value) {
        open = nullptr;
      } else if (word.starts_with('-') && word != "-") {
        open = named(accepted, word);
        if (open != nullptr && open->shape == Option::Shape::flag) open = nullptr;
      } else if (open == nullptr) {
        if (place == places.size()) return rest != nullptr ? with_value(*rest) : Completion();
        if (!places[place]->repeats()) ++place;
      }
    }
    if (open != nullptr && open->shape == Option::Shape::value) return with_value(*open);
    if (const auto equals = current_.find('='); current_.starts_with("--") && equals != current_.npos) {
      const auto* option = named(accepted, std::string_view(current_).substr(0, equals));
      return option == nullptr ? Completion() : with_value(*option, current_.substr(0, equals + 1));
    }
    if (current_.starts_with('-')) return with_options(accepted);
    if (open != nullptr) return with_value(*open);
    if (place == places.size() && rest != nullptr) return with_value(*rest);
    return at_place(places, place);
  }

  Completion at_place(const std::vector<const Option*>& places, std::size_t place) const {
    return place < places.size() ? with_value(*places[place]) : Completion();
  }

  Completion with_value(const Option& option, std::string prefix = "") const {
    Completion completion{Paths::none, {}, std::move(prefix)};
    for (const auto& choice : option.choices) add(completion, choice, "");
    const auto typed = std::string_view(current_).substr(completion.prefix.size());
    switch (kind_of(option.value_name)) {
      case Kind::nothing: break;
      case Kind::files: completion.paths = Paths::files; break;
      case Kind::directories: completion.paths = Paths::directories; break;
      case Kind::environments:
        if (typed.find('/') != typed.npos || typed.starts_with('.') || typed.starts_with('~')) {
          completion.paths = Paths::files;
        } else {
          for (const auto& found : names_(store_option())) add(completion, found.word, found.explanation);
        }
    }
    return completion;
  }

  std::string store_option() const {
    for (std::size_t i = 0; i < before_.size() && before_[i] != "--"; ++i) {
      if (before_[i].starts_with("--store=")) return before_[i].substr(8);
      if (before_[i] == "--store" && i + 1 < before_.size()) return before_[i + 1];
    }
    return "";
  }

  std::vector<std::string> before_;  // without the command's name, once that is known
  std::string current_;
  const NameLookup& names_;
  GlobalArguments global_arguments_;
  Options globals_;
};

}  // namespace

Completion complete(std::span<const std::string> words, const NameLookup& names) {
  return words.empty() ? Completion() : Line(words, names).run();
}

}  // namespace karapace::cli
