// SPDX-License-Identifier: Apache-2.0
// JsonReader: reads JSON of a known shape, strictly, and says line and column of what it does not like.
//
// The general JSON library does not tell where a value stood, and a thousand locks are read whenever a thousand
// manifests are planned; so this reader pulls values straight into the fields they belong to. It accepts RFC 8259
// text with the following limits: UTF-8, no NUL in strings, whole numbers only, no field twice.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace karapace {

/// A field of an object: its name and what reads its value. May be absent when `optional`.
template <class Read>
struct JsonField {
  std::string_view name;
  Read read;
  bool optional = false;
};

template <std::invocable Read>
JsonField<Read> field(std::string_view name, Read read) {
  return {name, std::move(read), false};
}
template <std::invocable Read>
JsonField<Read> optional_field(std::string_view name, Read read) {
  return {name, std::move(read), true};
}

class JsonReader {
 public:
  /// LockError when `text` is not UTF-8. Both views must outlive the reader.
  JsonReader(std::string_view text, std::string_view name);

  /// Offset of the next value: what `fail_at` wants.
  std::size_t position();
  /// Throws LockError "name:line:column: message".
  [[noreturn]] void fail_at(std::size_t offset, std::string_view message) const;

  std::string string();
  std::uint64_t number(std::uint64_t most = std::numeric_limits<std::uint64_t>::max());
  std::int64_t signed_number();
  bool boolean();
  /// Goes past a null and says so; leaves everything else.
  bool null();
  /// What comes next, without going there: whether it is an array, and the name of the first field of an object.
  bool is_array();
  std::string first_name() const;
  /// Calls `read` for each element.
  template <class Read>
  void array(Read read) {
    expect('[', "an array");
    if (consume(']')) return;
    do read();
    while (more(']'));
  }
  /// Calls `read(name, position of the name)` for each field; any names.
  template <class Read>
  void map(Read read) {
    expect('{', "an object");
    if (consume('}')) return;
    do {
      std::size_t at = position();
      std::string name = string();
      expect(':', "a colon");
      read(std::move(name), at);
    } while (more('}'));
  }
  /// An object of exactly these fields, in any order.
  template <class... Read>
  void object(const JsonField<Read>&... fields) {
    std::size_t begin = position();
    bool seen[sizeof...(fields)] = {};
    map([&](const std::string& name, std::size_t at) {
      std::size_t index = 0;
      bool known = (... || read_if(fields, name, at, seen[index++]));
      if (!known) fail_at(at, fmt::format("unknown field \"{}\"", name));
    });
    std::size_t index = 0;
    (require(fields, begin, seen[index++]), ...);
  }
  /// Goes past a value of any kind; `fail_at` when it is nested deeper than anybody writes.
  void skip();
  /// Nothing but space may follow.
  void finish();

 private:
  template <class Read>
  bool read_if(const JsonField<Read>& field, std::string_view name, std::size_t at, bool& seen) {
    if (field.name != name) return false;
    if (seen) fail_at(at, fmt::format("field \"{}\" appears twice", name));
    seen = true;
    field.read();
    return true;
  }
  template <class Read>
  void require(const JsonField<Read>& field, std::size_t begin, bool seen) const {
    if (!seen && !field.optional) fail_at(begin, fmt::format("field \"{}\" is missing", field.name));
  }
  void skip_space() noexcept;
  void skip(unsigned depth);
  void expect(char c, std::string_view what);
  bool consume(char c);
  /// After an element: true at a comma, false at `close`.
  bool more(char close);
  std::string escaped_string(std::size_t begin);
  void append_escape(std::string& value);
  std::uint32_t hex4();

  std::string_view text_;
  std::string_view name_;
  std::size_t at_ = 0;
};

}  // namespace karapace
