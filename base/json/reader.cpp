// SPDX-License-Identifier: Apache-2.0
#include "base/json/reader.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/json/text.hpp"

namespace karapace {

namespace {

void append_utf8(std::string& text, std::uint32_t point) {
  auto put = [&](std::uint32_t byte) { text += static_cast<char>(byte); };
  if (point < 0x80) return put(point);
  if (point < 0x800) {
    put(0xc0 | point >> 6);
    return put(0x80 | (point & 0x3f));
  }
  if (point < 0x10000) {
    put(0xe0 | point >> 12);
  } else {
    put(0xf0 | point >> 18);
    put(0x80 | (point >> 12 & 0x3f));
  }
  put(0x80 | (point >> 6 & 0x3f));
  put(0x80 | (point & 0x3f));
}

}  // namespace

JsonReader::JsonReader(std::string_view text, std::string_view name) : text_(text), name_(name) {
  auto invalid = find_invalid_utf8(text);
  if (invalid != std::string_view::npos) fail_at(invalid, "not UTF-8");
}

void JsonReader::fail_at(std::size_t offset, std::string_view message) const {
  std::string_view before = text_.substr(0, offset);
  auto line = 1 + std::count(before.begin(), before.end(), '\n');
  auto start = before.rfind('\n');
  auto column = offset - (start == std::string_view::npos ? 0 : start + 1) + 1;
  throw LockError(fmt::format("{}:{}:{}: {}", name_, line, column, printable_word(message)));
}

void JsonReader::skip_space() noexcept {
  while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r')) {
    ++at_;
  }
}

std::size_t JsonReader::position() {
  skip_space();
  return at_;
}

bool JsonReader::consume(char c) {
  skip_space();
  if (at_ == text_.size() || text_[at_] != c) return false;
  ++at_;
  return true;
}

void JsonReader::expect(char c, std::string_view what) {
  if (!consume(c)) fail_at(at_, at_ == text_.size() ? "the file ends too early" : fmt::format("expected {}", what));
}

bool JsonReader::more(char close) {
  if (consume(',')) return true;
  expect(close, fmt::format("\",\" or \"{}\"", close));
  return false;
}

std::string JsonReader::string() {
  expect('"', "a string");
  std::size_t begin = at_;
  while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\' &&
         static_cast<unsigned char>(text_[at_]) >= 0x20) {
    ++at_;
  }
  if (at_ == text_.size() || text_[at_] != '"') return escaped_string(begin);
  return std::string(text_.substr(begin, at_++ - begin));
}

std::string JsonReader::escaped_string(std::size_t begin) {
  std::string value(text_.substr(begin, at_ - begin));
  while (true) {
    if (at_ == text_.size()) fail_at(at_, "the file ends within a string");
    char c = text_[at_];
    if (static_cast<unsigned char>(c) < 0x20) fail_at(at_, "a control character in a string");
    ++at_;
    if (c == '"') return value;
    if (c == '\\') {
      append_escape(value);
    } else {
      value += c;
    }
  }
}

void JsonReader::append_escape(std::string& value) {
  static constexpr std::string_view letters = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
  std::size_t start = at_ - 1;
  if (at_ == text_.size()) fail_at(at_, "the file ends within a string");
  char c = text_[at_++];
  if (auto index = letters.find(c); index != std::string_view::npos) {
    value += meanings[index];
    return;
  }
  if (c != 'u') fail_at(start, "unknown escape in a string");
  std::uint32_t point = hex4();
  if (point >= 0xd800 && point < 0xdc00 && text_.substr(at_, 2) == "\\u") {
    at_ += 2;
    std::uint32_t low = hex4();
    if (low < 0xdc00 || low > 0xdfff) fail_at(start, "half of a surrogate pair in a string");
    point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
  } else if (point >= 0xd800 && point <= 0xdfff) {
    fail_at(start, "half of a surrogate pair in a string");
  }
  if (point == 0) fail_at(start, "a NUL character in a string");
  append_utf8(value, point);
}

std::uint32_t JsonReader::hex4() {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i, ++at_) {
    char c = at_ < text_.size() ? text_[at_] : '\0';
    std::uint32_t digit = c >= '0' && c <= '9'   ? static_cast<std::uint32_t>(c - '0')
                          : c >= 'a' && c <= 'f' ? static_cast<std::uint32_t>(c - 'a' + 10)
                          : c >= 'A' && c <= 'F' ? static_cast<std::uint32_t>(c - 'A' + 10)
                                                 : 16;
    if (digit == 16) fail_at(at_, "expected four hex digits after \\u");
    value = value << 4 | digit;
  }
  return value;
}

std::uint64_t JsonReader::number(std::uint64_t most) {
  std::size_t begin = position();
  std::uint64_t value = 0;
  bool fits = true;
  for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
    auto digit = static_cast<std::uint64_t>(text_[at_] - '0');
    if (value > (most - std::min(digit, most)) / 10) fits = false;
    value = value * 10 + digit;
  }
  bool leading_zero = at_ - begin > 1 && text_[begin] == '0';
  bool goes_on = at_ < text_.size() && std::string_view(".eE").find(text_[at_]) != std::string_view::npos;
  if (at_ == begin || leading_zero || goes_on) fail_at(begin, "expected a whole number, not negative");
  if (!fits) fail_at(begin, "the number is too large");
  return value;
}

std::int64_t JsonReader::signed_number() {
  std::size_t begin = position();
  bool is_negative = consume('-');
  if (is_negative && position() != begin + 1) fail_at(begin, "expected a whole number");
  auto value = static_cast<std::int64_t>(number(std::numeric_limits<std::int64_t>::max()));
  return is_negative ? -value : value;
}

bool JsonReader::null() {
  constexpr std::string_view word = "null";
  bool is_null = text_.substr(position(), word.size()) == word;
  if (is_null) at_ += word.size();
  return is_null;
}

bool JsonReader::is_array() { return text_.substr(position(), 1) == "["; }

std::string JsonReader::first_name() const {
  JsonReader ahead = *this;
  ahead.expect('{', "an object");
  return ahead.string();
}

bool JsonReader::boolean() {
  std::size_t begin = position();
  for (std::string_view word : {"true", "false"}) {
    if (text_.substr(begin, word.size()) != word) continue;
    at_ += word.size();
    return word == "true";
  }
  fail_at(begin, "expected true or false");
}

void JsonReader::skip() { skip(0); }

void JsonReader::skip(unsigned depth) {
  const auto begin = position();
  if (depth > 100) fail_at(begin, "it is nested too deeply");
  const char first = begin < text_.size() ? text_[begin] : '\0';
  if (first == '{') return map([&](const std::string& /*name*/, std::size_t /*at*/) { skip(depth + 1); });
  if (first == '[') return array([&] { skip(depth + 1); });
  if (first == '"') return static_cast<void>(string());
  if (first == 't' || first == 'f') return static_cast<void>(boolean());
  if (!null()) signed_number();
}

void JsonReader::finish() {
  if (position() != text_.size()) fail_at(at_, "unexpected text after the end");
}

}  // namespace karapace
