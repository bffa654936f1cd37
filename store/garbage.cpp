// SPDX-License-Identifier: Apache-2.0
#include "store/garbage.hpp"

#include <algorithm>
#include <array>
#include <ctime>

#include <sys/stat.h>

namespace karapace::store {

namespace {

struct KindWords {
  std::string_view name;
  std::string_view directory;
};
// In the order of GarbageKind.
constexpr std::array<KindWords, 14> kinds{{{"step", "steps"},
                                           {"environment", "environments"},
                                           {"layer", "layers"},
                                           {"blob", "blobs"},
                                           {"log", "logs"},
                                           {"failed-state", "failed"},
                                           {"staging", "staging"},
                                           {"quarantine", "quarantine"},
                                           {"sysroot", "sysroots"},
                                           {"toolchain", "toolchains"},
                                           {"graph-file", "graphs"},
                                           {"trash", "trash"},
                                           {"link", "links"},
                                           {"download", "fetch"}}};

const KindWords& words_of(GarbageKind kind) noexcept { return kinds[static_cast<std::size_t>(kind)]; }

}  // namespace

std::string_view text(GarbageKind kind) noexcept { return words_of(kind).name; }
std::string_view directory_of(GarbageKind kind) noexcept { return words_of(kind).directory; }

std::filesystem::path path_of(const Store& store, const Garbage& garbage) {
  return store.root() / directory_of(garbage.kind) / garbage.name;
}

bool is_moved(GarbageKind kind) noexcept {
  return kind != GarbageKind::trash && kind != GarbageKind::link && kind != GarbageKind::server;
}

std::int64_t age_of(const std::filesystem::path& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return 0;
  return std::max<std::int64_t>(0, std::time(nullptr) - std::max(status.st_mtim.tv_sec, status.st_ctim.tv_sec));
}

}  // namespace karapace::store
