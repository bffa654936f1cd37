// SPDX-License-Identifier: Apache-2.0
#include "generator/project/project.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "generator/lock/lock_file.hpp"

namespace karapace::project {

namespace {

/// As a person would write it: relative when it lies in the working directory.
std::string shown(const std::filesystem::path& path, const std::filesystem::path& working_directory) {
  auto relative = path.lexically_relative(working_directory);
  return escaped_utf8(relative.empty() || relative.native().starts_with("..") ? path.native() : relative.native());
}

/// In bytes, as UTF-8 has them; at least 1.
std::size_t length_of_character(std::string_view text) {
  auto continues = [&](std::size_t i) {
    return i < text.size() && (static_cast<unsigned char>(text[i]) & 0xc0) == 0x80;
  };
  std::size_t length = 1;
  if (static_cast<unsigned char>(text[0]) >= 0xc0) {
    while (length < 4 && continues(length)) ++length;
  }
  return length;
}

bool is_plain(std::string_view character) {
  char c = character[0];
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

std::optional<std::string> manifest_text(const std::filesystem::path& path) {
  try {
    return read_file_if_exists(path);
  } catch (const StoreError& error) {
    throw ManifestError(fmt::format("the manifest can not be read: {}", error.what()));
  }
}

}  // namespace

std::string project_name(const std::filesystem::path& manifest) {
  std::string name = manifest.parent_path().filename().native();
  std::string stem = manifest.stem().native();
  return name_from(stem == "karapace" ? name : name + "-" + stem);
}

std::string place_in_project(const std::filesystem::path& directory, const std::string& name) {
  return fmt::format("{}/./{}", directory.native(), name);
}

std::string name_from(std::string_view text) {
  std::string name;
  while (!text.empty()) {
    auto character = text.substr(0, length_of_character(text));
    bool foreign = character.size() > 1 && is_printable(character);
    name += foreign || is_plain(character) ? character : "-";
    text.remove_prefix(character.size());
  }
  while (name.starts_with('.') || name.starts_with('-')) name.erase(0, 1);
  return name.empty() ? "environment" : name;
}

Project open_project(const std::filesystem::path& word, const std::filesystem::path& working_directory) {
  auto path = (working_directory / word).lexically_normal();
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) path = (path / "karapace.toml").lexically_normal();
  auto modified = modified_ns(path).value_or(0);
  auto text = manifest_text(path);
  if (!text) {
    throw ManifestError(fmt::format("there is no manifest {}: write one with `karapace new`, or name another",
                                    shown(path, working_directory)));
  }
  Project project;
  project.manifest_path = path;
  project.lock_path = lock::lock_path(path);
  project.name = project_name(path);
  project.manifest_modified_ns = modified;
  project.manifest = manifest::parse_manifest(*text, shown(path, working_directory));
  return project;
}

}  // namespace karapace::project
