// SPDX-License-Identifier: Apache-2.0
// ControlFields: one stanza of Debian's control format (deb822(5)), as Release files and package records are written.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace karapace::resolve::deb {

class ControlFields {
 public:
  /// Reads the first stanza of `text`. Lines that are neither fields nor continuations end it.
  explicit ControlFields(std::string_view text);
  /// The field's value with its continuation lines, or "" (names are compared without case).
  std::string_view value(std::string_view name) const noexcept;
  /// The first field that stands there twice: which of its values counts, readers disagree.
  std::optional<std::string> repeated() const;
  const std::vector<std::pair<std::string, std::string>>& fields() const noexcept { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;  // in the order of the text
};

/// The words of a value, split at white space.
std::vector<std::string_view> words(std::string_view value);

}  // namespace karapace::resolve::deb
