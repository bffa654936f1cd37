// SPDX-License-Identifier: Apache-2.0
// Section: a table of the manifest while it is read. What is wrong is collected, so that all of it is told at once;
// keys that nobody asked for are refused in the end.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/nearest_word.hpp"
#include "base/words.hpp"
#include "generator/manifest/manifest.hpp"
#include "generator/manifest/rules.hpp"
#include "generator/manifest/toml.hpp"

namespace karapace::manifest {

using toml::source_position;

/// Everything that is wrong with a file, told at once and in its order.
class Problems {
 public:
  explicit Problems(std::string_view name) : name_(name) {}
  /// What a stranger wrote into the file may be in the message: no terminal gets to obey it.
  void add(const source_position& at, std::string_view message) {
    problems_.push_back({at.line, at.column, printable_word(message)});
  }
  Place place(const source_position& at) const { return {fmt::format("{}:{}:{}", name_, at.line, at.column)}; }
  void throw_if_any() {
    if (problems_.empty()) return;
    std::sort(problems_.begin(), problems_.end());
    std::string message;
    for (const auto& [line, column, what] : problems_) {
      if (!message.empty()) message += '\n';
      message += fmt::format("{}:{}:{}: {}", name_, line, column, what);
    }
    throw ManifestError(message);
  }

 private:
  using Problem = std::tuple<toml::source_index, toml::source_index, std::string>;
  std::string_view name_;
  std::vector<Problem> problems_;
};

/// "an array"
inline std::string_view type_text(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table: return "a table";
    case toml::node_type::array: return "an array";
    case toml::node_type::string: return "a string";
    case toml::node_type::integer: return "an integer";
    case toml::node_type::floating_point: return "a number with a point";
    case toml::node_type::boolean: return "a boolean";
    default: return "a date or time";
  }
}

/// A string, and where it stands.
struct Word {
  std::string text;
  source_position at;
};

/// One table of the file: reads keys with the type they must have, and in the end refuses those that nobody read.
class Section {
 public:
  Section(const toml::table& table, std::string path, source_position at, Problems& problems)
      : table_(table), path_(std::move(path)), at_(at), problems_(problems) {}
  Section(const Section&) = delete;
  Section& operator=(const Section&) = delete;
  ~Section() {
    for (const auto& [key, node] : table_) {
      if (!known_.contains(key.str())) refuse_unknown(key);
    }
  }

  const toml::table& table() const noexcept { return table_; }
  source_position at() const noexcept { return at_; }
  /// "system.packages"
  std::string path(std::string_view key) const {
    return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
  }
  void problem(const source_position& at, std::string_view message) { problems_.add(at, message); }
  Problems& problems() noexcept { return problems_; }

  const toml::node* find(std::string_view key) {
    known_.insert(std::string(key));
    return table_.get(key);
  }
  void expect(const toml::node& node, std::string_view what, std::string_view wanted) {
    problem(node.source().begin, fmt::format("{} must be {}, not {}", what, wanted, type_text(node)));
  }
  /// A trimmed string without control characters: a name, a path.
  std::optional<Word> word(std::string_view key) {
    const auto* node = find(key);
    return node ? word_of(*node, path(key)) : std::nullopt;
  }
  /// The same, and its absence is a problem.
  std::optional<Word> required(std::string_view key, std::string_view example) {
    if (find(key)) return word(key);
    problem(at_, fmt::format("{} is missing: write {} = {}", path(key), key, example));
    return std::nullopt;
  }
  std::optional<Word> word_of(const toml::node& node, std::string_view what) {
    auto text = text_of(node, what);
    if (!text) return text;
    text->text = std::string(trimmed(text->text));
    if (auto complaint = judge_line(text->text)) {
      problem(text->at, fmt::format("{} {}", what, *complaint));
      return std::nullopt;
    }
    return text;
  }
  /// A string as it is written, without NUL.
  std::optional<Word> text_of(const toml::node& node, std::string_view what) {
    const auto* value = node.as_string();
    if (!value) {
      expect(node, what, "a string");
      return std::nullopt;
    }
    if (auto complaint = judge_text(value->get())) {
      problem(node.source().begin, fmt::format("{} {}", what, *complaint));
      return std::nullopt;
    }
    return Word{value->get(), node.source().begin};
  }
  bool boolean(std::string_view key) {
    const auto* node = find(key);
    if (!node) return false;
    if (!node->is_boolean()) expect(*node, path(key), "true or false");
    return node->value<bool>().value_or(false);
  }
  std::vector<Word> words(std::string_view key) {
    return strings(key, [this](const toml::node& node, const std::string& what) { return word_of(node, what); });
  }
  std::vector<Word> texts(std::string_view key) {
    return strings(key, [this](const toml::node& node, const std::string& what) { return text_of(node, what); });
  }
  void section(std::string_view key, const std::function<void(Section&)>& read) {
    const auto* node = find(key);
    if (!node) return;
    if (const auto* table = node->as_table()) {
      Section inner(*table, path(key), node->source().begin, problems_);
      read(inner);
    } else {
      expect(*node, path(key), "a table");
    }
  }
  /// The tables of an array of them, `[[setup.files]]`.
  void tables(std::string_view key, const std::function<void(Section&)>& read) {
    const auto* node = find(key);
    if (!node) return;
    const auto wanted = fmt::format("[[{}]] tables", path(key));
    const auto* array = node->as_array();
    if (!array) return expect(*node, path(key), wanted);
    for (const auto& element : *array) {
      if (const auto* table = element.as_table()) {
        Section inner(*table, path(key), element.source().begin, problems_);
        read(inner);
      } else {
        expect(element, path(key), wanted);
      }
    }
  }
  /// A path relative to the manifest, "./" taken off; its absence is a problem.
  std::optional<Word> project_path(std::string_view key, std::string_view example) {
    auto path_word = required(key, example);
    if (!path_word) return std::nullopt;
    while (path_word->text.starts_with("./")) path_word->text.erase(0, 2);
    if (!pleases(*path_word, path(key), judge_relative_path)) return std::nullopt;
    return path_word;
  }
  /// A word that must please `judge`; the complaint is told as `what "word" complaint`.
  bool pleases(const Word& word, std::string_view what, Complaint (*judge)(std::string_view)) {
    auto complaint = judge(word.text);
    if (complaint) problem(word.at, fmt::format("{} \"{}\" {}", what, word.text, *complaint));
    return !complaint;
  }

 private:
  template <class Read>
  std::vector<Word> strings(std::string_view key, Read read) {
    std::vector<Word> all;
    const auto* node = find(key);
    if (!node) return all;
    const auto* array = node->as_array();
    if (!array) {
      expect(*node, path(key), "an array of strings");
      return all;
    }
    for (std::size_t i = 0; i < array->size(); ++i) {
      if (auto word = read((*array)[i], fmt::format("{}[{}]", path(key), i))) all.push_back(std::move(*word));
    }
    return all;
  }
  void refuse_unknown(const toml::key& key) {
    std::vector<std::string_view> words(known_.begin(), known_.end());
    std::string message = fmt::format("unknown key \"{}\"", key.str());
    if (!path_.empty()) message += fmt::format(" in [{}]", path_);
    if (auto word = nearest_word(key.str(), words)) message += fmt::format("; did you mean \"{}\"?", *word);
    problem(key.source().begin, message);
  }

  const toml::table& table_;
  std::string path_;
  source_position at_;
  Problems& problems_;
  std::set<std::string, std::less<>> known_;
};

/// [system]; base and repositories are read already.
void read_system(Section& system, Manifest& manifest);
/// [image]
void read_image(Section& image, Manifest& manifest);

}  // namespace karapace::manifest
