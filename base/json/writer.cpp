// SPDX-License-Identifier: Apache-2.0
#include "base/json/writer.hpp"

#include <stdexcept>

#include "base/json/text.hpp"

namespace karapace {

void JsonWriter::string(std::string_view value) {
  if (find_invalid_utf8(value) != std::string_view::npos) throw std::invalid_argument("a string is not UTF-8");
  append_json(text_, value);
}

void JsonWriter::open(char bracket, Layout layout) {
  text_ += bracket;
  levels_.push_back({layout == Layout::lines && !compact_});
  if (levels_.back().has_lines) ++indentation_;
}

void JsonWriter::next() {
  auto& level = levels_.back();
  if (!level.is_empty) text_ += level.has_lines || compact_ ? "," : ", ";
  level.is_empty = false;
  if (level.has_lines) new_line();
}

void JsonWriter::name(std::string_view name) {
  next();
  string(name);
  text_ += compact_ ? ":" : ": ";
}

void JsonWriter::plain_name(std::string_view name) {
  next();
  text_ += '"';
  text_ += name;
  text_ += compact_ ? "\":" : "\": ";
}

void JsonWriter::close(char bracket) {
  const auto level = levels_.back();
  levels_.pop_back();
  if (level.has_lines) {
    --indentation_;
    if (!level.is_empty) new_line();
  }
  text_ += bracket;
}

void JsonWriter::new_line() {
  text_ += '\n';
  text_.append(indentation_, ' ');
}

}  // namespace karapace
