// SPDX-License-Identifier: Apache-2.0
#include "generator/project/lock_files.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/escape.hpp"
#include "base/parallel.hpp"
#include "generator/lock/lock_file.hpp"
#include "generator/project/project.hpp"
#include "store/identifiers.hpp"

namespace karapace::project {

namespace {

namespace fs = std::filesystem;

bool contains(const std::vector<fs::path>& sorted, const fs::path& path) {
  return std::binary_search(sorted.begin(), sorted.end(), path);
}

}  // namespace

FoundLocks find_lock_files(const std::vector<fs::path>& files) {
  FoundLocks found;
  for (const auto& file : files) {
    if (file.filename() == "karapace.toml" && !contains(files, lock::lock_path(file))) found.unlocked.push_back(file);
    if (file.extension() != ".lock") continue;
    auto manifest = file;
    manifest.replace_extension(".toml");
    if (!contains(files, manifest)) manifest.replace_extension();
    if (contains(files, manifest)) found.locks.push_back({manifest, file});
  }
  return found;
}

bool is_lock(const LockFile& file, std::string_view text) {
  if (file.path.filename() == "karapace.lock") return true;
  return text.starts_with('{') && text.find("\"base_image\"") != std::string_view::npos;
}

diff::GraphSide side_of_locks(std::string title, const std::vector<LockText>& locks, const fs::path& root) {
  std::vector<lock::Lock> parsed(locks.size());
  std::vector<std::string> canonical(locks.size());
  for_each_index(locks.size(), available_threads(), [&](std::size_t i) {
    parsed[i] =
        lock::parse_lock(locks[i].text, fmt::format("{}: {}", title, escaped_utf8(locks[i].file.path.native())));
    canonical[i] = lock::serialise(parsed[i]);
  });
  diff::GraphSide side;
  graph::Planner planner;
  for (std::size_t i = 0; i < locks.size(); ++i) {
    auto step = planner.add(parsed[i], canonical[i]).back();
    const auto& manifest = locks[i].file.manifest;
    side.environments.push_back({project_name((root / manifest).lexically_normal()), manifest.native(),
                                 EnvironmentId(blake3(canonical[i])), step, std::move(parsed[i])});
  }
  side.graph = std::move(planner).finish();
  side.title = std::move(title);
  return side;
}

}  // namespace karapace::project
