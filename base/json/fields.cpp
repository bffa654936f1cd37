// SPDX-License-Identifier: Apache-2.0
#include "base/json/fields.hpp"

#include "base/escape.hpp"
#include "base/json/text.hpp"

namespace karapace {

void JsonFields::raw(std::string_view name, std::string_view json) {
  if (!text_.empty()) text_ += ',';
  text_ += '"';
  text_ += name;
  text_ += "\":";
  text_ += json;
}

void JsonFields::string(std::string_view name, std::string_view value) {
  raw(name, "");
  std::string written;
  append_json(written, escaped_utf8(value));
  text_ += is_printable(written) ? written : printable_json(written);
}

}  // namespace karapace
