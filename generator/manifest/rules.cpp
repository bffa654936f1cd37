// SPDX-License-Identifier: Apache-2.0
#include "generator/manifest/rules.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/escape.hpp"
#include "store/runtime_configuration.hpp"

namespace karapace::manifest {

namespace {

bool is_lower(char c) noexcept { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_letter(char c) noexcept { return is_lower(c) || (c >= 'A' && c <= 'Z'); }

bool is_package_name(std::string_view word) {
  auto allowed = [](char c) { return is_lower(c) || is_digit(c) || c == '+' || c == '.' || c == '-'; };
  return word.size() >= 2 && (is_lower(word[0]) || is_digit(word[0])) && std::all_of(word.begin(), word.end(), allowed);
}

/// What is wrong with the parts of a path, which does not begin with a slash.
Complaint judge_parts(std::string_view path) {
  if (auto complaint = judge_line(path)) return complaint;
  while (true) {
    std::size_t slash = path.find('/');
    std::string_view part = path.substr(0, slash);
    if (part.empty()) return "has an empty part: write single slashes, none at the end";
    if (part == "." || part == "..") return fmt::format("must not have \"{}\" in it", part);
    if (slash == std::string_view::npos) return std::nullopt;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace

Complaint judge_package_name(std::string_view word) {
  if (is_package_name(word)) return std::nullopt;
  return "is not a package name: two or more of a-z, 0-9, \"+\", \".\", \"-\", beginning with a letter or digit";
}

Complaint judge_qualified_name(std::string_view word) {
  const auto colon = word.find(':');
  const auto name = word.substr(0, colon);
  if (colon == word.npos || !is_package_name(name)) return judge_package_name(word);
  const auto architecture = word.substr(colon + 1);
  if (architecture == "all" || architecture == "any" || architecture == "native")
    return fmt::format("asks for \"{}\", which is no architecture of its own: write \"{}\"", architecture, name);
  auto allowed = [](char c) { return is_lower(c) || is_digit(c) || c == '-'; };
  if (!architecture.empty() && architecture[0] != '-' && std::all_of(architecture.begin(), architecture.end(), allowed))
    return std::nullopt;
  return "asks for an architecture that is none: write one such as \"libc6:i386\"";
}

Complaint judge_question(std::string_view word) {
  if (word.empty()) return "is empty: write a question such as \"postfix/main_mailer_type\"";
  if (auto complaint = judge_line(word)) return complaint;
  if (word.find(' ') != std::string_view::npos) return "has a blank: questions of debconf have none";
  if (word.front() == '#') return "begins with \"#\", as a comment does";
  return std::nullopt;
}

Complaint judge_answer(std::string_view word) {
  if (auto complaint = judge_line(word)) return complaint;
  if (word.ends_with('\\')) return "ends with a backslash, which would join it to the next answer";
  return std::nullopt;
}

Complaint judge_inner_path(std::string_view word) {
  if (word.empty() || word[0] != '/') return "must be an absolute path";
  if (word == "/") return "is the root of the environment: name a path below it";
  return judge_parts(word.substr(1));
}

Complaint judge_mount_target(std::string_view word) {
  if (auto complaint = judge_inner_path(word)) return complaint;
  if (word.find(':') != std::string_view::npos) {
    return "has a colon, which a path inside can not have: only \":ro\" or \":rw\" may follow it in the manifest";
  }
  if (auto place = store::reserved_place(word)) {
    return *place == word ? std::string("belongs to the sandbox: choose another path")
                          : fmt::format("lies in {}, which belongs to the sandbox: choose another path", *place);
  }
  return std::nullopt;
}

Complaint judge_line(std::string_view word) {
  if (has_control_character(word)) return "contains a control character";
  return std::nullopt;
}

Complaint judge_relative_path(std::string_view word) {
  if (word.empty()) return "is empty";
  if (word[0] == '/') return "must be a relative path";
  return judge_parts(word);
}

Complaint judge_variable_name(std::string_view word) {
  auto allowed = [](char c) { return is_letter(c) || is_digit(c) || c == '_'; };
  if (word.empty() || is_digit(word[0]) || !std::all_of(word.begin(), word.end(), allowed)) {
    return "is not the name of a variable: letters, digits and \"_\", not beginning with a digit";
  }
  if (word.starts_with("KARAPACE_")) return "is reserved: Karapace sets the variables that begin with KARAPACE_";
  return std::nullopt;
}

Complaint judge_repository_name(std::string_view word) {
  static constexpr std::array<std::string_view, 4> reserved = {"debian", "debian-security", "ubuntu",
                                                               "ubuntu-security"};
  auto allowed = [](char c) { return is_lower(c) || is_digit(c) || c == '-'; };
  if (word.empty() || word[0] == '-' || !std::all_of(word.begin(), word.end(), allowed)) {
    return "is not the name of a repository: a-z, 0-9 and \"-\", beginning with a letter or digit";
  }
  if (std::find(reserved.begin(), reserved.end(), word) != reserved.end()) {
    return "is the name of a distribution's own archive: choose another";
  }
  return std::nullopt;
}

Complaint judge_suite(std::string_view word) {
  if (word.empty()) return "is empty";
  if (word.back() == '/') return "ends with a slash: flat repositories are not yet supported";
  auto allowed = [](char c) {
    return is_letter(c) || is_digit(c) || std::string_view("+._~/-").find(c) != std::string_view::npos;
  };
  if (!std::all_of(word.begin(), word.end(), allowed)) return "has characters that no suite or component has";
  return judge_parts(word);
}

Complaint judge_user(std::string_view word) {
  const auto colon = word.find(':');
  const auto is_name = [](std::string_view name) {
    return !name.empty() && name.front() != '-' && std::all_of(name.begin(), name.end(), [](char c) {
      return is_letter(c) || is_digit(c) || c == '_' || c == '-' || c == '.';
    });
  };
  const bool fits =
      is_name(word.substr(0, colon)) && (colon == std::string_view::npos || is_name(word.substr(colon + 1)));
  if (fits) return std::nullopt;
  return "is not a user: write a name or a number, with a group after \":\" if need be (\"1000:1000\")";
}

Complaint judge_label_name(std::string_view word) {
  if (word.empty()) return "is empty: give it a name";
  if (auto complaint = judge_line(word)) return complaint;
  if (word.find(' ') != std::string_view::npos) return "has a blank: names of labels have none";
  return std::nullopt;
}

Complaint judge_text(std::string_view word) {
  if (word.find('\0') != std::string_view::npos) return "contains a NUL character";
  return std::nullopt;
}

std::optional<unsigned> mode_from(std::string_view text) noexcept {
  if (text.size() < 3 || text.size() > 4) return std::nullopt;
  unsigned mode = 0;
  for (char c : text) {
    if (c < '0' || c > '7') return std::nullopt;
    mode = mode * 8 + static_cast<unsigned>(c - '0');
  }
  return mode;
}

std::string mode_text(unsigned mode) { return fmt::format("{:04o}", mode); }

}  // namespace karapace::manifest
