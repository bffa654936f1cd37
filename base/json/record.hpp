// SPDX-License-Identifier: Apache-2.0
// Records: JSON of which each kind has one list of its fields, by which it is written and read.
//
//   constexpr auto mount_fields = fields_of<Mount>(member("host", &Mount::host), member("target", &Mount::target),
//                                                  optional_member("access", &Mount::access, access_words));
//   json_text(mount_fields, mount);        // the fields in this order, each on a line
//   parse_json(mount_fields, text, "FILE");  // a Mount: the fields in any order, and no others; "FILE:1:2: ..." else
//
// So a field more is a line more. How a value stands in JSON is said by its codec, an object with
// `write(JsonWriter&, value)` and `read(JsonReader&, value)`; a list of fields is one, too. A codec may judge what it
// reads, so rules stand beside the fields they are for.
#pragma once

#include <array>
#include <concepts>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/digest.hpp"
#include "base/json/reader.hpp"
#include "base/json/writer.hpp"

namespace karapace {

/// A list, each element of it by the same codec.
template <class Codec>
struct ListOf {
  Codec element;
  Layout layout = Layout::lines;

  template <class T>
  void write(JsonWriter& json, const std::vector<T>& values) const {
    json.open('[', layout);
    for (const auto& value : values) {
      json.next();
      element.write(json, value);
    }
    json.close(']');
  }
  template <class T>
  void read(JsonReader& json, std::vector<T>& values) const {
    json.array([&] { element.read(json, values.emplace_back()); });
  }
};
template <class Codec>
constexpr ListOf<Codec> list_of(Codec element, Layout layout = Layout::lines) {
  return {element, layout};
}

/// The codec of fields that name none: identifiers are their digits, paths are escaped (they are bytes; JSON is UTF-8),
/// what there may be is null when it is not, lists have a line per element.
struct PlainCodec {
  static void write(JsonWriter& json, const std::string& value) { json.string(value); }
  static void write(JsonWriter& json, bool value) { json.boolean(value); }
  static void write(JsonWriter& json, const Digest& digest) { json.string(digest.hex()); }
  static void write(JsonWriter& json, const std::filesystem::path& path);
  static void write(JsonWriter& json, const std::set<std::string>& values);
  static void write(JsonWriter& json, std::integral auto value) { json.number(value); }
  template <class Tag>
  static void write(JsonWriter& json, const Identifier<Tag>& id) {
    write(json, id.digest());
  }
  template <class T>
  static void write(JsonWriter& json, const std::optional<T>& value) {
    value ? write(json, *value) : json.null();
  }
  template <class T>
  static void write(JsonWriter& json, const std::vector<T>& values) {
    ListOf<PlainCodec>{}.write(json, values);
  }
  template <class T>
  static void write(JsonWriter& json, const std::map<std::string, T>& values) {
    json.open('{', Layout::lines);
    for (const auto& [name, value] : values) {
      json.name(name);
      write(json, value);
    }
    json.close('}');
  }

  static void read(JsonReader& json, std::string& value) { value = json.string(); }
  static void read(JsonReader& json, bool& value) { value = json.boolean(); }
  static void read(JsonReader& json, Digest& digest);
  static void read(JsonReader& json, std::filesystem::path& path);
  static void read(JsonReader& json, std::set<std::string>& values);
  static void read(JsonReader& json, std::int64_t& value) { value = json.signed_number(); }
  static void read(JsonReader& json, std::unsigned_integral auto& value) {
    using Number = std::remove_reference_t<decltype(value)>;
    value = static_cast<Number>(json.number(std::numeric_limits<Number>::max()));
  }
  template <class Tag>
  static void read(JsonReader& json, Identifier<Tag>& id) {
    Digest digest;
    read(json, digest);
    id = Identifier<Tag>(digest);
  }
  template <class T>
  static void read(JsonReader& json, std::optional<T>& value) {
    if (!json.null()) read(json, value.emplace());
  }
  template <class T>
  static void read(JsonReader& json, std::vector<T>& values) {
    ListOf<PlainCodec>{}.read(json, values);
  }
  template <class T>
  static void read(JsonReader& json, std::map<std::string, T>& values) {
    json.map([&](const std::string& name, std::size_t at) {
      auto [value, is_new] = values.try_emplace(name);
      if (!is_new) json.fail_at(at, fmt::format("\"{}\" appears twice", name));
      read(json, value->second);
    });
  }
};

/// Strings of any bytes, escaped as paths are.
struct EscapedCodec {
  static void write(JsonWriter& json, const std::string& bytes);
  static void write(JsonWriter& json, const std::map<std::string, std::string>& values);
  static void read(JsonReader& json, std::string& bytes);
  static void read(JsonReader& json, std::map<std::string, std::string>& values);
};
constexpr EscapedCodec escaped_bytes{};

/// The words of enumerators; other words are refused ("\"x\" " + complaint).
template <class Enum, std::size_t count>
struct Words {
  std::string_view complaint;
  std::array<std::pair<Enum, std::string_view>, count> all;

  constexpr std::string_view text(Enum value) const noexcept {
    for (const auto& [enumerator, word] : all)
      if (enumerator == value) return word;
    return "";
  }
  constexpr std::optional<Enum> find(std::string_view wanted) const noexcept {
    for (const auto& [enumerator, word] : all)
      if (word == wanted) return enumerator;
    return std::nullopt;
  }
  void write(JsonWriter& json, Enum value) const { json.string(text(value)); }
  void read(JsonReader& json, Enum& value) const {
    auto at = json.position();
    auto word = json.string();
    auto found = find(word);
    if (!found) json.fail_at(at, fmt::format("\"{}\" {}", word, complaint));
    value = *found;
  }
};
template <class Enum, std::size_t count>
constexpr Words<Enum, count> words_of(std::string_view complaint,
                                      const std::pair<Enum, std::string_view> (&all)[count]) {
  return {complaint, std::to_array(all)};
}

/// A field: its name, where its value is in the record (a pointer to a member, or a function that returns a reference),
/// and its codec.
template <class Place, class Codec>
struct Member {
  std::string_view name;
  Place place;
  Codec codec;

  template <class Record>
  void write(JsonWriter& json, const Record& record) const {
    json.plain_name(name);
    codec.write(json, std::invoke(place, record));
  }
  template <class Record>
  auto reading(JsonReader& json, Record& record) const {
    return field(name, [this, &json, &record] { codec.read(json, std::invoke(place, record)); });
  }
};
template <class Place, class Codec = PlainCodec>
constexpr Member<Place, Codec> member(std::string_view name, Place place, Codec codec = {}) {
  return {name, place, codec};
}

/// One that is left out when its value is the default; the codec is that of what an std::optional may hold.
template <class Place, class Codec>
struct OptionalMember {
  std::string_view name;
  Place place;
  Codec codec;

  template <class Record>
  void write(JsonWriter& json, const Record& record) const {
    const auto& value = std::invoke(place, record);
    if (value == std::remove_cvref_t<decltype(value)>{}) return;
    json.plain_name(name);
    write_held(json, value);
  }
  template <class Record>
  auto reading(JsonReader& json, Record& record) const {
    return optional_field(name, [this, &json, &record] { codec.read(json, room(std::invoke(place, record))); });
  }

 private:
  template <class T>
  void write_held(JsonWriter& json, const T& value) const {
    codec.write(json, value);
  }
  template <class T>
  void write_held(JsonWriter& json, const std::optional<T>& value) const {
    if (value) codec.write(json, *value);
  }
  template <class T>
  static T& room(T& value) {
    return value;
  }
  template <class T>
  static T& room(std::optional<T>& value) {
    return value.emplace();
  }
};
template <class Place, class Codec = PlainCodec>
constexpr OptionalMember<Place, Codec> optional_member(std::string_view name, Place place, Codec codec = {}) {
  return {name, place, codec};
}

/// The field "format", which is this number in every record.
struct FormatMember {
  std::uint64_t number;
  std::string_view what = "format";

  template <class Record>
  void write(JsonWriter& json, const Record& /*record*/) const {
    json.plain_name("format");
    json.number(number);
  }
  template <class Record>
  auto reading(JsonReader& json, Record& /*record*/) const {
    return field("format", [this, &json] { require(json); });
  }
  void require(JsonReader& json) const;
};

/// All fields of a record.
template <class Record, class... Members>
struct Fields {
  Layout layout;
  std::tuple<Members...> members;

  void write(JsonWriter& json, const Record& record) const {
    json.open('{', layout);
    std::apply([&](const auto&... each) { (each.write(json, record), ...); }, members);
    json.close('}');
  }
  void read(JsonReader& json, Record& record) const {
    std::apply([&](const auto&... each) { json.object(each.reading(json, record)...); }, members);
  }
};
template <class Record, class... Members>
constexpr Fields<Record, Members...> fields_of(Members... members) {
  return {Layout::lines, {members...}};
}
/// The record on one line.
template <class Record, class... Members>
constexpr Fields<Record, Members...> line_of(Members... members) {
  return {Layout::one_line, {members...}};
}

/// With a line end, unless without space.
template <class Record, class... Members>
std::string json_text(const Fields<Record, Members...>& fields, const Record& record,
                      JsonWriter::Space space = JsonWriter::Space::usual) {
  JsonWriter json(space);
  fields.write(json, record);
  auto text = json.take();
  if (space == JsonWriter::Space::usual) text += '\n';
  return text;
}

/// LockError "name:line:column: ..." when the text is not exactly one such record.
template <class Record, class... Members>
Record parse_json(const Fields<Record, Members...>& fields, std::string_view text, std::string_view name) {
  JsonReader json(text, name);
  Record record{};
  fields.read(json, record);
  json.finish();
  return record;
}

/// Throws StoreError "<what> is damaged (<reason>); <remedy>".
[[noreturn]] void refuse_damaged(std::string_view what, std::string_view remedy, std::string_view reason);

/// What `read` returns; whatever it throws becomes StoreError "<what> is damaged (...); <remedy>".
template <class Read>
auto read_or_damaged(std::string_view what, std::string_view remedy, Read read) {
  try {
    return read();
  } catch (const std::exception& error) {
    refuse_damaged(what, remedy, error.what());
  }
}

}  // namespace karapace
