// SPDX-License-Identifier: Apache-2.0
// What the fields of a lock's text are made of (lock_text.cpp, release_lock.cpp): words by their rules, and lists of
// which each element is checked with those before it. They write canonically and read strictly.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/json/record.hpp"
#include "generator/lock/lock_rules.hpp"

namespace karapace::lock {

/// A string by its rule.
struct Word {
  Complaint (*judge)(std::string_view);

  static void write(JsonWriter& json, const std::string& value) { json.string(value); }
  void read(JsonReader& json, std::string& value) const {
    auto at = json.position();
    value = json.string();
    if (auto complaint = judge(value)) json.fail_at(at, fmt::format("\"{}\" {}", value, *complaint));
  }
};

/// A list of which each element is checked with those before it: `check(json, where it stands, before, element)`.
template <class Codec, class Check>
struct CheckedList {
  ListOf<Codec> list;
  Check check;

  template <class T>
  void write(JsonWriter& json, const std::vector<T>& values) const {
    list.write(json, values);
  }
  template <class T>
  void read(JsonReader& json, std::vector<T>& values) const {
    json.array([&] {
      auto at = json.position();
      T value;
      list.element.read(json, value);
      check(json, at, values, value);
      values.push_back(std::move(value));
    });
  }
};

template <class Codec, class Check>
constexpr CheckedList<Codec, Check> checked(Codec element, Check check, Layout layout = Layout::lines) {
  return {{element, layout}, check};
}

/// In ascending order of a key, none twice.
template <class Key>
struct Sorted {
  Key key;
  std::string_view what;

  template <class T>
  void operator()(const JsonReader& json, std::size_t at, const std::vector<T>& before, const T& value) const {
    if (before.empty() || std::invoke(key, before.back()) < std::invoke(key, value)) return;
    json.fail_at(at, fmt::format("{} must be sorted, none twice", what));
  }
};

template <class Codec, class Key>
constexpr auto sorted(Codec element, Key key, std::string_view what) {
  return checked(element, Sorted<Key>{key, what});
}
constexpr auto sorted_words(Word word, Layout layout) {
  return checked(word, Sorted<std::identity>{{}, "these"}, layout);
}
constexpr auto words(Word word) { return list_of(word, Layout::one_line); }

/// The field `release`.
struct ReleaseCodec {
  static void write(JsonWriter& json, const LockedRelease& release);
  /// Also requires that the main package and all that sources depend on are there, and that none depends on itself.
  static void read(JsonReader& json, LockedRelease& release);
};

}  // namespace karapace::lock
