// SPDX-License-Identifier: Apache-2.0
// A staging directory is locked by flock(2) on the directory itself. gc takes one away only while it holds that lock,
// so the maker asks again, after locking, whether the directory still has its name.
#include "store/staging.hpp"

#include <cerrno>
#include <cstdint>

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/detached.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/remove_tree.hpp"
#include "store/absent.hpp"
#include "store/pins.hpp"
#include "store/store.hpp"

namespace karapace::store {

namespace {

std::filesystem::path random_name(const std::filesystem::path& directory) {
  std::uint64_t random = 0;
  while (::getrandom(&random, sizeof random, 0) != sizeof random) {
  }
  return directory / fmt::format("{:016x}", random);
}

/// The lock on a directory made just now; none when gc was quicker.
Fd lock_new(const std::filesystem::path& path) {
  auto fd = open_if_exists(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
  if (!fd) return Fd();
  if (::flock(fd->get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK || errno == EINTR) return Fd();
    throw StoreError(errno_message(fmt::format("cannot lock \"{}\"", escaped_utf8(path.native())), errno) +
                     "; the store must lie on a local file system: choose one with --store");
  }
  struct stat held{};
  struct stat named{};
  bool ours = ::fstat(fd->get(), &held) == 0 && ::stat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino;
  return ours ? std::move(*fd) : Fd();
}

}  // namespace

Staging::Staging(std::filesystem::path path, Fd lock) : path_(std::move(path)), lock_(std::move(lock)) {}

Staging::Staging(Staging&& other) noexcept : path_(std::move(other.path_)), lock_(std::move(other.lock_)) {
  other.path_.clear();
}

Staging::~Staging() {
  if (path_.empty()) return;
  try {
    remove_tree(path_);
  } catch (const Error&) {
    // What stays is garbage that gc removes.
  }
}

void Staging::remove_in_background() && noexcept {
  if (run_detached({lock_.get()}, [&] { remove_tree(path_); })) path_.clear();
}

Staging Store::stage() const {
  for (;;) {
    auto path = random_name(staging_path());
    if (::mkdir(path.c_str(), 0755) != 0) {
      if (errno == EEXIST) continue;
      throw StoreError(errno_message(fmt::format("cannot make \"{}\"", escaped_utf8(path.native())), errno));
    }
    if (Fd lock = lock_new(path)) return Staging(path, std::move(lock));
    // gc was quicker; if it only looked, the directory is still there.
    ::rmdir(path.c_str());
  }
}

Staging Store::stage(const Step& step) const {
  auto staging = stage();
  {
    auto lock = lock_contents(LOCK_SH);
    pin_step(staging.path(), step);
    for (const auto& input : step.inputs) {
      struct stat status{};
      if (::stat(step_path(input).c_str(), &status) != 0) input_record(input);
    }
  }
  if (has_absent_outputs(*this) && !forget_absent(*this, step.inputs).empty()) {
    throw StepError(fmt::format(
        "{} step {}: what it reads was taken over from elsewhere without the files, which are needed now: run "
        "`karapace build` or ninja again to have them made",
        text(step.kind), step.key().short_hex()));
  }
  return staging;
}

}  // namespace karapace::store
