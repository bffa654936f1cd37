// SPDX-License-Identifier: Apache-2.0
// Control files of Debian packages: stanzas of fields (deb822(5)).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace karapace::deb {

/// Names of fields are compared without case, deb-control(5).
struct NameOrder {
  bool operator()(std::string_view one, std::string_view other) const noexcept;
};

/// One stanza: fields in their order, values as written (continuation lines included, without the final newline).
class Stanza {
 public:
  /// StepError naming `what` when a line is neither a field nor a continuation.
  static Stanza parse(std::string_view text, std::string_view what);
  /// The control file of a package: one stanza, which dpkg copies into its status. StepError as well for what dpkg
  /// would not take there: another stanza, a field twice, a field that only dpkg writes, an empty line in a value, a
  /// last line without a newline, a word for Multi-Arch, Essential or Protected that it does not know. These are in
  /// small letters then, and a field "Conffiles" is left out, as by dpkg.
  static Stanza parse_package(std::string_view text, std::string_view what);
  /// The value, or "" when there is none. Names are compared without regard to case.
  std::string_view value(std::string_view name) const noexcept;
  /// Inserts a field after the first one ("Package"), or replaces it where it stands.
  void set(std::string_view name, std::string value);
  /// The stanza's text with a final newline, without an empty line.
  std::string text() const;

 private:
  void require_package(std::string_view what) const;
  void settle_values(std::string_view what);
  std::vector<std::pair<std::string, std::string>> fields_;
};

/// The stanzas of a dpkg status file.
std::vector<Stanza> parse_stanzas(std::string_view text, std::string_view what);

}  // namespace karapace::deb
