// SPDX-License-Identifier: Apache-2.0
#include "generator/lock/lock_rules.hpp"

#include <algorithm>
#include <string>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "base/words.hpp"
#include "generator/manifest/base_image.hpp"

namespace karapace::lock {

namespace {

bool consists_of(std::string_view word, std::string_view others, bool upper) {
  return !word.empty() && std::all_of(word.begin(), word.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (upper && c >= 'A' && c <= 'Z') ||
           others.find(c) != std::string_view::npos;
  });
}

bool is_image_location(std::string_view word) {
  if (!manifest::names_image(word) || manifest::judge_line(word)) return false;
  try {
    return manifest::image_location(word) == word;
  } catch (const ManifestError&) {
    return false;
  }
}

}  // namespace

Complaint judge_version(std::string_view word) {
  if (consists_of(word, ".+:~-", true)) return std::nullopt;
  return "is not a version";
}

Complaint judge_word(std::string_view word) {
  if (consists_of(word, "-", false) && word[0] != '-') return std::nullopt;
  return "must consist of a-z, 0-9 and \"-\"";
}

Complaint judge_optional_word(std::string_view word) { return word.empty() ? std::nullopt : judge_word(word); }

Complaint judge_repository(std::string_view word) {
  auto slash = word.find('/');
  bool fits =
      slash != word.npos && !judge_word(word.substr(0, slash)) && !manifest::judge_suite(word.substr(slash + 1));
  if (fits) return std::nullopt;
  return "is not a repository, such as \"debian/bookworm\"";
}

Complaint judge_date(std::string_view word) {
  constexpr std::string_view shape = "dddd-dd-ddTdd:dd:ddZ";
  bool fits = word.size() == shape.size();
  for (std::size_t i = 0; fits && i < shape.size(); ++i) {
    fits = shape[i] == 'd' ? word[i] >= '0' && word[i] <= '9' : word[i] == shape[i];
  }
  if (fits) return std::nullopt;
  return "is not a date such as \"2026-07-11T10:16:37Z\"";
}

Complaint judge_fingerprint(std::string_view word) {
  bool length = word.size() == 40 || word.size() == 64;
  auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); };
  if (length && std::all_of(word.begin(), word.end(), hex)) return std::nullopt;
  return "is not a fingerprint: 40 upper-case hex digits";
}

Complaint judge_platform(std::string_view word) {
  if (consists_of(word, "/-._", false) && word.find('/') != word.npos) return std::nullopt;
  return "is not a platform, such as \"linux/amd64\"";
}

Complaint judge_media_type(std::string_view word) {
  if (consists_of(word, "/!#$&-^_.+", true) && word.find('/') != word.npos) return std::nullopt;
  return "is not a media type";
}

Complaint judge_image(std::string_view word) {
  if (word.starts_with("sha256:") && Sha256::from_hex(word.substr(7))) return std::nullopt;
  auto slash = word.find('/');
  bool fits =
      slash != std::string_view::npos && !judge_word(word.substr(0, slash)) && !judge_word(word.substr(slash + 1));
  if (fits || is_image_location(word)) return std::nullopt;
  return "is not a base: \"debian/bookworm\", \"sha256:...\" or \"oci:...\"";
}

Complaint judge_command(std::string_view word) {
  if (trimmed(word).empty()) return "is an empty command";
  return manifest::judge_text(word);
}

Complaint judge_label(std::string_view word) {
  if (word.empty() || trimmed(word) != word) return "is empty or has space around it";
  return manifest::judge_line(word);
}

}  // namespace karapace::lock
