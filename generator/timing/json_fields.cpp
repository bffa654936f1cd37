// SPDX-License-Identifier: Apache-2.0
#include "generator/timing/json_fields.hpp"

#include "generator/lock/json_text.hpp"
#include "store/escape.hpp"

namespace karapace::generator {

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

}  // namespace karapace::generator
