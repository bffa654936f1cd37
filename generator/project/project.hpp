// SPDX-License-Identifier: Apache-2.0
// Project: a manifest where it lies, with its lock beside it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "generator/manifest/manifest.hpp"

namespace karapace::project {

struct Project {
  std::filesystem::path manifest_path;  // absolute, without "." and ".."
  std::filesystem::path lock_path;
  std::string name;  // for people: the directory's name; "NAME-ci" for ci.toml in NAME/
  manifest::Manifest manifest;
  std::int64_t manifest_modified_ns = 0;  // taken before it was read: an edit meanwhile is a change
  std::filesystem::path directory() const { return manifest_path.parent_path(); }
};

/// Where this machine keeps things.
struct MachinePaths {
  std::filesystem::path store;
  std::filesystem::path cache;           // package lists and what the host's package sources said
  std::filesystem::path configuration;   // the user's config.toml
  std::vector<std::string> caches = {};  // places that may have packages by their digest
};

/// `word`: a manifest, or a directory that has a karapace.toml. ManifestError when there is none or it is refused.
Project open_project(const std::filesystem::path& word, const std::filesystem::path& working_directory);

/// What people call the project of a manifest (its absolute path).
std::string project_name(const std::filesystem::path& manifest);

/// A file of the project, named as remote/download.cpp reads it: what follows "/./" may not be left by a link.
std::string place_in_project(const std::filesystem::path& directory, const std::string& name);

/// `text` with everything but [A-Za-z0-9._-] and what is not ASCII replaced by "-", so that it can be a word on command
/// lines.
std::string name_from(std::string_view text);

}  // namespace karapace::project
