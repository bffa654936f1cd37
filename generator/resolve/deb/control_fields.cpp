// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/deb/control_fields.hpp"

#include <set>

#include <strings.h>

#include "base/words.hpp"
#include "deb/control_file.hpp"

namespace karapace::resolve::deb {
namespace {

constexpr std::string_view blanks = " \t\r\n";

bool same_name(std::string_view one, std::string_view other) noexcept {
  return one.size() == other.size() && strncasecmp(one.data(), other.data(), one.size()) == 0;
}

}  // namespace

ControlFields::ControlFields(std::string_view text) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (trimmed(line).empty()) {
      if (fields_.empty()) continue;
      return;
    }
    if (line.front() == ' ' || line.front() == '\t') {
      if (fields_.empty()) return;
      fields_.back().second.append("\n").append(line);
      continue;
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return;
    fields_.emplace_back(line.substr(0, colon), trimmed(line.substr(colon + 1)));
  }
}

std::string_view ControlFields::value(std::string_view name) const noexcept {
  for (const auto& [field, text] : fields_) {
    if (same_name(field, name)) return text;
  }
  return {};
}

std::optional<std::string> ControlFields::repeated() const {
  std::set<std::string_view, karapace::deb::NameOrder> names;
  for (const auto& [name, value] : fields_)
    if (!names.insert(name).second) return name;
  return std::nullopt;
}

std::vector<std::string_view> words(std::string_view value) {
  std::vector<std::string_view> list;
  while (true) {
    const auto begin = value.find_first_not_of(blanks);
    if (begin == std::string_view::npos) return list;
    value.remove_prefix(begin);
    const auto end = value.find_first_of(blanks);
    list.push_back(value.substr(0, end));
    value.remove_prefix(end == std::string_view::npos ? value.size() : end);
  }
}

}  // namespace karapace::resolve::deb
