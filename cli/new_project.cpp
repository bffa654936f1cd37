// SPDX-License-Identifier: Apache-2.0
#include "cli/new_project.hpp"

#include <fmt/format.h>

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"

namespace karapace::cli {

namespace fs = std::filesystem;

void make_project_directory(const fs::path& directory, std::string_view command) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error)
    throw Error(fmt::format("{}: cannot make {}: {}", command, escaped_utf8(directory.native()), error.message()));
}

bool write_gitignore(const fs::path& directory) {
  const auto path = directory / ".gitignore";
  if (fs::exists(fs::symlink_status(path))) return false;
  write_file_atomically(path, ".karapace/\nbuild.ninja\n.ninja_deps\n.ninja_log\n", Durable::yes);
  return true;
}

}  // namespace karapace::cli
