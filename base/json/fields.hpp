// SPDX-License-Identifier: Apache-2.0
// JsonFields: an object written field by field on one line. For documents of a hundred thousand objects, which as a
// tree of values would take many times their size.
#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace karapace {

class JsonFields {
 public:
  /// Bytes that are no UTF-8, and control characters, as \xNN (base/escape.hpp).
  void string(std::string_view name, std::string_view value);
  void number(std::string_view name, std::integral auto value) { raw(name, fmt::to_string(value)); }
  template <std::integral Number>
  void number_or_null(std::string_view name, std::optional<Number> value) {
    raw(name, value ? fmt::to_string(*value) : "null");
  }
  void boolean(std::string_view name, std::same_as<bool> auto value) { raw(name, value ? "true" : "false"); }
  /// `json`: a value that is written already.
  void raw(std::string_view name, std::string_view json);

  std::string object() const { return "{" + text_ + "}"; }

 private:
  std::string text_;
};

}  // namespace karapace
