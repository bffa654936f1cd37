// SPDX-License-Identifier: Apache-2.0
#include "store/shown.hpp"

#include <algorithm>
#include <ctime>

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/file_lock.hpp"

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

/// Others ask the same for a moment.
bool is_noted(const fs::path& path) {
  constexpr int tries = 10;
  constexpr timespec moment{0, 3'000'000};
  for (int i = 0; i < tries && fs::exists(path); ++i) {
    if (FileLock::try_acquire_existing(path, LOCK_EX)) return false;
    ::nanosleep(&moment, nullptr);
  }
  return fs::exists(path);
}

}  // namespace

std::optional<FileLock> lock_graphs(const Store& store, int mode, std::chrono::seconds patience) {
  // Without the turn, sessions that overlap for ever would keep gen waiting for ever; given up now and then, one that
  // is stopped in the middle does not keep the others waiting.
  constexpr std::chrono::seconds a_turn{2};
  constexpr timespec pause{0, 20'000'000};
  const auto end = std::chrono::steady_clock::now() + patience;
  do {
    const auto turn = acquire_until(store.root() / "locks" / "graphs-turn", mode, end);
    const auto now = std::chrono::steady_clock::now();
    if (!turn) break;
    if (auto lock = acquire_until(store.root() / "locks" / "graphs", mode, std::min(end, now + a_turn))) return lock;
  } while (::nanosleep(&pause, nullptr) == 0 && std::chrono::steady_clock::now() < end);
  return std::nullopt;
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
    if (!name.empty() && is_noted(store.root() / "locks" / name)) return one;
    if (!one.has_relative_path()) return std::nullopt;
  }
}

}  // namespace karapace::store
