// SPDX-License-Identifier: Apache-2.0
// Lock rules: words that appear in locks only. As in generator/manifest/rules.hpp, a complaint ends a sentence.
#pragma once

#include <string_view>

#include "generator/manifest/rules.hpp"

namespace karapace::generator {

/// Debian policy 5.6.12: [A-Za-z0-9.+:~-], at least one.
Complaint judge_version(std::string_view word);
/// [a-z0-9][a-z0-9-]*: architectures, distributions and archives.
Complaint judge_word(std::string_view word);
/// "2026-07-11T10:16:37Z"
Complaint judge_date(std::string_view word);
/// An OpenPGP fingerprint: 40 or 64 upper-case hex digits.
Complaint judge_fingerprint(std::string_view word);

}  // namespace karapace::generator
