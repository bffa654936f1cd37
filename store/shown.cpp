// SPDX-License-Identifier: Apache-2.0
#include "store/shown.hpp"

#include <ctime>

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

namespace karapace::store {
namespace {

namespace fs = std::filesystem;

std::optional<FileLock> acquire_until(const fs::path& path, int mode, std::chrono::steady_clock::time_point end) {
  constexpr timespec moment{0, 2'000'000};
  while (true) {
    if (auto lock = FileLock::try_acquire(path, mode)) return lock;
    if (std::chrono::steady_clock::now() >= end) return std::nullopt;
    ::nanosleep(&moment, nullptr);
  }
}

}  // namespace

std::optional<FileLock> lock_graphs(const Store& store, int mode, std::chrono::seconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  // Without the turn, sessions that overlap for ever would keep gen waiting for ever.
  const auto turn = acquire_until(store.root() / "locks" / "graphs-turn", mode, end);
  return turn ? acquire_until(store.root() / "locks" / "graphs", mode, end) : std::nullopt;
}

std::string shown_name(const fs::path& directory) {
  struct stat status{};
  if (::stat(directory.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return {};
  return fmt::format("shown-{:x}-{:x}", status.st_dev, status.st_ino);
}

FileLock note_shown(const Store& store, const std::string& name) {
  return FileLock::acquire(store.root() / "locks" / name, LOCK_SH);
}

std::optional<fs::path> shown_above(const Store& store, const fs::path& directory) {
  for (auto one = directory;; one = one.parent_path()) {
    const auto name = shown_name(one);
    const auto path = store.root() / "locks" / name;
    const bool is_noted = !name.empty() && fs::exists(path) && !FileLock::try_acquire_existing(path, LOCK_EX);
    if (is_noted) return one;
    if (!one.has_relative_path()) return std::nullopt;
  }
}

}  // namespace karapace::store
