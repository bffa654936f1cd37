// SPDX-License-Identifier: Apache-2.0
// Rules: what counts as a package name, a path inside, a variable, ... in manifests and locks.
//
// Each function judges one word and returns what is wrong with it, as the end of a sentence that begins with the
// word ("\"Git\" " + "is not a package name: ..."), or nothing when it is fine.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/words.hpp"

namespace karapace::manifest {

using Complaint = std::optional<std::string>;

/// Debian policy 5.6.1: at least two of [a-z0-9+.-], the first [a-z0-9].
Complaint judge_package_name(std::string_view word);
/// Such a name, perhaps with an architecture: "libc6:i386".
Complaint judge_qualified_name(std::string_view word);
/// An absolute path, not "/", without ".", ".." or empty parts and without control characters.
Complaint judge_inner_path(std::string_view word);
/// Such a path, without a colon and none that belongs to the sandbox (store::reserved_place).
Complaint judge_mount_target(std::string_view word);
/// No control characters: names, labels, paths of the host.
Complaint judge_line(std::string_view word);
/// A relative path without "." or ".." parts, empty parts or control characters.
Complaint judge_relative_path(std::string_view word);
/// [A-Za-z_][A-Za-z0-9_]*, and not KARAPACE_*, which Karapace sets itself.
Complaint judge_variable_name(std::string_view word);
/// A debconf question, "postfix/main_mailer_type": no blanks and control characters, not empty (debconf-devel(7)).
Complaint judge_question(std::string_view word);
/// Its answer: one line that does not end with a backslash (debconf-set-selections(1)).
Complaint judge_answer(std::string_view word);
/// [a-z0-9][a-z0-9-]*, and not an archive of a distribution.
Complaint judge_repository_name(std::string_view word);
/// A suite or component of an apt repository: parts of [A-Za-z0-9+._~-] joined by single slashes, none "." or "..".
Complaint judge_suite(std::string_view word);
/// A user of an image, perhaps with a group: names or numbers, "www-data", "1000:1000".
Complaint judge_user(std::string_view word);
/// The name of an image's label: one line that is not empty and has no blanks.
Complaint judge_label_name(std::string_view word);
/// No NUL, which no string inside Linux can hold.
Complaint judge_text(std::string_view word);

/// "0644": three or four octal digits.
std::optional<unsigned> mode_from(std::string_view text) noexcept;
/// Four octal digits.
std::string mode_text(unsigned mode);

}  // namespace karapace::manifest
