// SPDX-License-Identifier: Apache-2.0
// The text of a listing, byte for byte as docs/hash-contract.md has it: writer and strict reader.
#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "store/listing.hpp"

namespace karapace::store {

namespace {

constexpr std::string_view headers[] = {"karapace listing 1\n", "karapace listing 2\n"};
constexpr std::size_t digits_of_nanoseconds = 9;

template <class Number>
void append_number(std::string& text, Number number) {
  char digits[24];
  auto [end, error] = std::to_chars(digits, digits + sizeof digits, number);
  text += ' ';
  text.append(digits, end);
}

void append_attributes(std::string& text, const Entry& entry) {
  text += ' ';
  for (int shift = 9; shift >= 0; shift -= 3) text += static_cast<char>('0' + (entry.mode >> shift & 7));
}

void append_owner_and_time(std::string& text, const Entry& entry) {
  append_number(text, entry.uid);
  append_number(text, entry.gid);
  append_number(text, entry.mtime);
  if (entry.nanoseconds == 0) return;
  char digits[digits_of_nanoseconds + 1] = ".";
  auto rest = entry.nanoseconds;
  for (auto place = digits_of_nanoseconds; place > 0; --place, rest /= 10)
    digits[place] = static_cast<char>('0' + rest % 10);
  text.append(digits, sizeof digits);
}

void append_digest(std::string& text, const Digest& digest) {
  constexpr char digits[] = "0123456789abcdef";
  text += ' ';
  for (auto byte : digest.bytes()) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
}

void append_xattrs(std::string& text, const Entry& entry) {
  for (const auto& [name, value] : entry.xattrs) {
    text += ' ';
    append_escaped(text, name, '=');
    text += '=';
    append_escaped(text, value);
  }
}

void append_entry(std::string& text, const Entry& entry) {
  text += static_cast<char>(entry.type);
  text += " /";
  append_escaped(text, entry.path);
  bool has_mode =
      entry.type == EntryType::directory || entry.type == EntryType::regular || entry.type == EntryType::fifo;
  if (has_mode) append_attributes(text, entry);
  if (has_mode || entry.type == EntryType::symlink) append_owner_and_time(text, entry);
  if (entry.type == EntryType::regular) {
    append_number(text, entry.size);
    append_digest(text, entry.content);
  }
  if (entry.type == EntryType::symlink) text += ' ';
  if (entry.type == EntryType::hardlink) text += " /";
  append_escaped(text, entry.target);
  if (entry.opaque) text += " opaque";
  append_xattrs(text, entry);
  text += '\n';
}

/// Leaves this file only as a StoreError with the line's number, made by `parse`.
struct Malformed {
  std::string_view reason;
};

/// The fields of one line, from left to right; each call takes one or throws Malformed.
class Fields {
 public:
  explicit Fields(std::string_view line) : rest_(line) {}

  bool more() const noexcept { return !done_; }

  std::string_view next() {
    if (done_) throw Malformed{"a field is missing"};
    auto space = rest_.find(' ');
    auto field = rest_.substr(0, space);
    if (field.empty()) throw Malformed{"a field is empty"};
    done_ = space == rest_.npos;
    if (!done_) rest_.remove_prefix(space + 1);
    return field;
  }

  template <class Number>
  Number number() {
    return number_in<Number>(next());
  }

  /// Seconds, and nine digits of a second where they are not all zero.
  void time(Entry& entry) {
    auto field = next();
    auto dot = field.find('.');
    entry.mtime = number_in<std::int64_t>(field.substr(0, dot));
    if (dot == field.npos) return;
    auto digits = field.substr(dot + 1);
    if (digits.size() != digits_of_nanoseconds) throw Malformed{"a time does not have nine digits after its dot"};
    for (char c : digits) {
      if (c < '0' || c > '9') throw Malformed{"a time is malformed"};
      entry.nanoseconds = entry.nanoseconds * 10 + static_cast<std::uint32_t>(c - '0');
    }
    if (entry.nanoseconds == 0) throw Malformed{"a time has a dot and no part of a second"};
  }

  std::uint32_t mode() {
    auto field = next();
    std::uint32_t value = 0;
    if (field.size() != 4) throw Malformed{"a mode does not have four digits"};
    for (char c : field) {
      if (c < '0' || c > '7') throw Malformed{"a mode is not octal"};
      value = value << 3 | static_cast<std::uint32_t>(c - '0');
    }
    return value;
  }

  std::string bytes() { return decoded(next()); }

  std::string path() {
    auto field = next();
    if (field.front() != '/') throw Malformed{"a path does not begin with a slash"};
    return decoded(field.substr(1));
  }

  Digest digest() {
    auto value = Digest::from_hex(next());
    if (!value) throw Malformed{"a digest is malformed"};
    return *value;
  }

  Xattr xattr() {
    auto field = next();
    auto equals = field.find('=');
    if (equals == field.npos || equals == 0) throw Malformed{"an attribute is malformed"};
    return {decoded(field.substr(0, equals), '='), decoded(field.substr(equals + 1))};
  }

  /// Takes the next field when it is `word`.
  bool take(std::string_view word) {
    if (done_ || rest_.substr(0, rest_.find(' ')) != word) return false;
    next();
    return true;
  }

 private:
  template <class Number>
  static Number number_in(std::string_view field) {
    Number value{};
    if (field.empty()) throw Malformed{"a number is malformed"};
    auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
    bool whole = error == std::errc{} && end == field.data() + field.size();
    auto digits = field.substr(field.front() == '-' ? 1 : 0);
    bool canonical = !digits.starts_with('0') || field == "0";
    if (!whole || !canonical) throw Malformed{"a number is malformed"};
    return value;
  }

  static std::string decoded(std::string_view field, char also = 0) {
    auto value = unescaped(field, also);
    if (!value) throw Malformed{"an escape is malformed"};
    return std::move(*value);
  }

  std::string_view rest_;
  bool done_ = false;
};

Entry parse_entry(std::string_view line) {
  Fields fields(line);
  Entry entry;
  auto type = fields.next();
  if (type.size() != 1 || std::strchr("dflhpw", type[0]) == nullptr) throw Malformed{"the type is unknown"};
  entry.type = static_cast<EntryType>(type[0]);
  entry.path = fields.path();
  bool has_mode =
      entry.type == EntryType::directory || entry.type == EntryType::regular || entry.type == EntryType::fifo;
  if (has_mode) entry.mode = fields.mode();
  if (has_mode || entry.type == EntryType::symlink) {
    entry.uid = fields.number<std::uint32_t>();
    entry.gid = fields.number<std::uint32_t>();
    fields.time(entry);
  }
  if (entry.type == EntryType::regular) {
    entry.size = fields.number<std::uint64_t>();
    entry.content = fields.digest();
  }
  if (entry.type == EntryType::symlink) entry.target = fields.bytes();
  if (entry.type == EntryType::hardlink) entry.target = fields.path();
  if (entry.type == EntryType::directory) entry.opaque = fields.take("opaque");
  while (has_mode && fields.more()) entry.xattrs.push_back(fields.xattr());
  for (std::size_t i = 1; i < entry.xattrs.size(); ++i) {
    if (entry.xattrs[i].name <= entry.xattrs[i - 1].name) throw Malformed{"the attributes are not sorted"};
  }
  if (fields.more()) throw Malformed{"there are more fields than expected"};
  return entry;
}

}  // namespace

std::string Listing::text() const {
  std::string text;
  std::size_t estimate = headers[0].size();
  for (const auto& entry : entries_) estimate += entry.path.size() + entry.target.size() + 112;
  text.reserve(estimate);
  write_text([&](std::string_view part) { text += part; });
  return text;
}

void Listing::write_text(const std::function<void(std::string_view)>& write) const {
  constexpr std::size_t most = 1 << 20;
  std::string part(headers[format_ - 1]);
  for (const auto& entry : entries_) {
    append_entry(part, entry);
    if (part.size() < most) continue;
    write(part);
    part.clear();
  }
  write(part);
}

Listing Listing::parse(std::string_view text, std::string_view what) {
  auto damaged = [&](std::size_t line, std::string_view reason) {
    return StoreError(
        fmt::format("{} is damaged: line {}: {}; run `karapace verify-store --repair`", what, line, reason));
  };
  const auto* header =
      std::find_if(std::begin(headers), std::end(headers), [&](auto& h) { return text.starts_with(h); });
  if (header == std::end(headers)) throw damaged(1, "this is not a listing of format 1 or 2");
  text.remove_prefix(header->size());
  std::vector<Entry> entries;
  entries.reserve(text.size() / 120);
  for (std::size_t line = 2; !text.empty(); ++line) {
    auto end = text.find('\n');
    if (end == text.npos) throw damaged(line, "its end is missing");
    try {
      entries.push_back(parse_entry(text.substr(0, end)));
    } catch (const Malformed& malformed) {
      throw damaged(line, malformed.reason);
    }
    if (entries.size() > 1 && entries.back().path <= entries[entries.size() - 2].path) {
      throw damaged(line, "the paths are not sorted");
    }
    text.remove_prefix(end + 1);
  }
  try {
    Listing listing(std::move(entries));
    if (headers[listing.format_ - 1] != *header) throw StoreError("it is not written in the format that it needs");
    return listing;
  } catch (const StoreError& error) {
    throw StoreError(fmt::format("{} is damaged: {}; run `karapace verify-store --repair`", what, error.what()));
  }
}

}  // namespace karapace::store
