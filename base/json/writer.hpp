// SPDX-License-Identifier: Apache-2.0
// JsonWriter: JSON text whose bytes count: what JsonReader reads, written value by value in a layout that is chosen.
#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace karapace {

/// How the elements of an array or object are set.
enum class Layout {
  lines,     // each on a line of its own, indented by one more space
  one_line,  // ["a", "b"]
};

class JsonWriter {
 public:
  enum class Space { usual, none };  // none: without any, whatever the layouts
  explicit JsonWriter(Space space = Space::usual) : compact_(space == Space::none) {}

  /// std::invalid_argument when it is not UTF-8.
  void string(std::string_view value);
  void number(std::integral auto value) { text_ += fmt::to_string(value); }
  void boolean(std::same_as<bool> auto value) { text_ += value ? "true" : "false"; }
  void null() { text_ += "null"; }
  /// `[` or `{`; before each element comes `next`, before each value of an object `name`, or `plain_name`, which is one
  /// of ours and printable ASCII.
  void open(char bracket, Layout layout);
  void next();
  void name(std::string_view name);
  void plain_name(std::string_view name);
  void close(char bracket);

  std::string take() { return std::move(text_); }

 private:
  struct Level {
    bool has_lines;
    bool is_empty = true;
  };
  void new_line();

  bool compact_;
  std::vector<Level> levels_;
  std::size_t indentation_ = 0;
  std::string text_;
};

}  // namespace karapace
