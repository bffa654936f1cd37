// SPDX-License-Identifier: Apache-2.0
#include "store/release_document.hpp"

#include <algorithm>
#include <filesystem>
#include <set>
#include <stdexcept>

#include <fmt/format.h>

#include "base/json/record.hpp"

namespace karapace::store {

namespace {

constexpr std::size_t key_digits = 32;

constexpr auto package_fields =
    line_of<ReleasePackage>(member("name", &ReleasePackage::name), member("version", &ReleasePackage::version),
                            member("entry", &ReleasePackage::entry), member("layer", &ReleasePackage::layer));

constexpr auto document_fields = fields_of<ReleaseDocument>(
    FormatMember{1, "release.json"}, member("name", &ReleaseDocument::name), member("main", &ReleaseDocument::main),
    member("version", &ReleaseDocument::version), member("destination", &ReleaseDocument::destination),
    member("entrypoints", &ReleaseDocument::entrypoints), member("environment", &ReleaseDocument::environment),
    member("lock", &ReleaseDocument::lock), member("packages", &ReleaseDocument::packages, list_of(package_fields)));

[[noreturn]] void refuse(std::string_view what, std::string_view value) {
  throw std::invalid_argument(fmt::format("\"{}\" is no {}", value, what));
}

void require_word(std::string_view what, std::string_view word) {
  if (!is_release_word(word)) refuse(what, word);
}

bool is_clean_absolute(const std::string& path) {
  return path.starts_with('/') && path.size() > 1 && !path.ends_with('/') && path.find('\0') == std::string::npos &&
         std::filesystem::path(path).lexically_normal() == path;
}

void require_entry(const ReleasePackage& package) {
  const auto tail = fmt::format("-{}-{}", package.name, package.version);
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (package.entry.size() != key_digits + tail.size() || !package.entry.ends_with(tail) ||
      !std::all_of(package.entry.begin(), package.entry.begin() + key_digits, is_digit))
    refuse(fmt::format("directory of the package {} {}", package.name, package.version), package.entry);
}

void require_packages(const ReleaseDocument& document) {
  std::set<std::string_view> names;
  for (const auto& package : document.packages) {
    require_word("name of a package", package.name);
    require_word("version of a package", package.version);
    require_entry(package);
    if (!names.insert(package.name).second) refuse("list of packages, each once: it is there twice", package.name);
  }
  if (document.packages.empty() || document.packages[0].name != document.main ||
      document.packages[0].version != document.version)
    refuse("main package: it is not the first of the packages", document.main);
}

void require_sound(const ReleaseDocument& document) {
  require_word("name of a release", document.name);
  require_word("version", document.version);
  for (const auto& entrypoint : document.entrypoints) require_word("entry point", entrypoint);
  if (!is_clean_absolute(document.destination)) refuse("clean absolute path", document.destination);
  require_packages(document);
}

}  // namespace

std::string release_entry_name(const StepKey& compile, std::string_view name, std::string_view version) {
  return fmt::format("{}-{}-{}", compile.hex().substr(0, key_digits), name, version);
}

std::string dependency_variable(std::string_view package) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  std::string variable(package);
  for (char& c : variable)
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c))) c = '_';
  return !variable.empty() && is_digit(variable[0]) ? "_" + variable : variable;
}

std::string text(const ReleaseDocument& document) {
  require_sound(document);
  return json_text(document_fields, document);
}

ReleaseDocument parse_release_document(std::string_view text, std::string_view what) {
  return read_or_damaged(what, "build or install the release again", [&] {
    auto document = parse_json(document_fields, text, "release.json");
    if (store::text(document) != text) throw std::invalid_argument("it is not in its canonical form");
    return document;
  });
}

}  // namespace karapace::store
