// SPDX-License-Identifier: Apache-2.0
#include "generator/project/project.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include "generator/lock/lock_file.hpp"
#include "store/error.hpp"
#include "store/fd.hpp"

namespace karapace::generator {

namespace {

/// As a person would write it: relative when it lies in the working directory.
std::string shown(const std::filesystem::path& path, const std::filesystem::path& working_directory) {
  auto relative = path.lexically_relative(working_directory);
  return relative.empty() || relative.native().starts_with("..") ? path.native() : relative.native();
}

}  // namespace

std::string project_name(const std::filesystem::path& manifest) {
  std::string name = manifest.parent_path().filename().native();
  std::string stem = manifest.stem().native();
  return name_from(stem == "karapace" ? name : name + "-" + stem);
}

std::string name_from(std::string_view text) {
  std::string name;
  for (char c : text) {
    bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                   c == '_' || c == '-';
    name += allowed ? c : '-';
  }
  while (name.starts_with('.') || name.starts_with('-')) name.erase(0, 1);
  return name.empty() ? "environment" : name;
}

std::int64_t modified_ns(const std::filesystem::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return 0;
  return std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

Project open_project(const std::filesystem::path& word, const std::filesystem::path& working_directory) {
  auto path = (working_directory / word).lexically_normal();
  if (std::filesystem::is_directory(path)) path = (path / "karapace.toml").lexically_normal();
  auto modified = modified_ns(path);
  auto text = read_file_if_exists(path);
  if (!text) {
    throw ManifestError(fmt::format("there is no manifest {}: write one with `karapace new`, or name another",
                                    shown(path, working_directory)));
  }
  Project project;
  project.manifest_path = path;
  project.lock_path = lock_path(path);
  project.name = project_name(path);
  project.manifest_modified_ns = modified;
  project.manifest = parse_manifest(*text, shown(path, working_directory));
  return project;
}

}  // namespace karapace::generator
