// SPDX-License-Identifier: Apache-2.0
// Rules of words that appear in locks only. As in generator/manifest/rules.hpp, a complaint ends a sentence.
#pragma once

#include <string_view>

#include "generator/manifest/rules.hpp"

namespace karapace::lock {

using manifest::Complaint;

/// Debian policy 5.6.12: [A-Za-z0-9.+:~-], at least one.
Complaint judge_version(std::string_view word);
/// [a-z0-9][a-z0-9-]*: architectures, distributions and archives.
Complaint judge_word(std::string_view word);
Complaint judge_optional_word(std::string_view word);
/// "debian/bookworm"
Complaint judge_repository(std::string_view word);
/// "2026-07-11T10:16:37Z"
Complaint judge_date(std::string_view word);
/// An OpenPGP fingerprint: 40 or 64 upper-case hex digits.
Complaint judge_fingerprint(std::string_view word);
/// "linux/arm64/v8"
Complaint judge_platform(std::string_view word);
/// RFC 6838, 4.2.
Complaint judge_media_type(std::string_view word);
Complaint judge_image(std::string_view word);
/// A shell command: not empty, no NUL.
Complaint judge_command(std::string_view word);
/// One line for people, without space around it.
Complaint judge_label(std::string_view word);

}  // namespace karapace::lock
