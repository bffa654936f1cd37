// SPDX-License-Identifier: Apache-2.0
// Whole files: reading, and writing that is seen whole or not at all.
#include "base/durable_file.hpp"

#include <cerrno>
#include <cstdint>

#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/call_error.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/regular_file.hpp"

namespace karapace {

namespace {

/// A name that nobody else uses: two writers of one path must not share their unfinished file.
std::filesystem::path unfinished_name(const std::filesystem::path& directory, const std::filesystem::path& path) {
  std::uint64_t random = 0;
  while (::getrandom(&random, sizeof random, 0) != sizeof random) {
  }
  return directory / fmt::format(".{}.{:016x}", path.filename().native(), random);
}

/// Removes the unfinished file unless it became the real one.
class Unfinished {
 public:
  Unfinished(int directory, std::filesystem::path path) : directory_(directory), path_(std::move(path)) {}
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  ~Unfinished() {
    if (!path_.empty()) ::unlinkat(directory_, path_.c_str(), 0);
  }
  void finish() { path_.clear(); }

 private:
  int directory_;
  std::filesystem::path path_;
};

/// Where a file comes to be: both paths are relative to the directory, or to nothing (AT_FDCWD).
struct Target {
  int directory;
  std::filesystem::path unfinished;
  std::filesystem::path path;
  std::string what;  // for messages
};

Target target_of(std::filesystem::path unfinished, const std::filesystem::path& path) {
  return {AT_FDCWD, std::move(unfinished), path, fmt::format("\"{}\"", escaped_utf8(path.native()))};
}

void write_and_rename(const Target& target, std::string_view bytes, Durable durable, mode_t mode) {
  const auto& [directory, temporary, path, what] = target;
  Fd fd = open_at(directory, temporary, O_WRONLY | O_CREAT | O_EXCL, mode);
  Unfinished unfinished(directory, temporary);
  write_all(fd.get(), bytes, what);
  // The mode is asked for exactly: a person's umask must not show in what we write.
  if (::fchmod(fd.get(), mode) != 0) throw StoreError(errno_message("cannot set the mode of " + what, errno));
  if (durable == Durable::yes && ::fsync(fd.get()) != 0) {
    throw StoreError(errno_message("cannot sync " + what, errno));
  }
  if (::renameat(directory, temporary.c_str(), directory, path.c_str()) != 0) {
    throw StoreError(errno_message("cannot write " + what, errno));
  }
  unfinished.finish();
  if (durable == Durable::yes) sync_directory(path.parent_path());
}

}  // namespace

void sync_directory(const std::filesystem::path& directory) {
  Fd fd = open_at(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY);
  if (::fsync(fd.get()) != 0) {
    throw StoreError(errno_message(fmt::format("cannot sync \"{}\"", escaped_utf8(directory.native())), errno));
  }
}

std::string read_all(int fd, std::string_view what, std::size_t limit) {
  struct stat status{};
  // Files of /proc say that they are empty.
  const bool has_size = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0;
  const auto size = has_size ? static_cast<std::size_t>(status.st_size) : 0;
  const std::size_t guess = has_size ? size + 1 : 4096;
  std::string bytes;
  std::size_t used = 0;
  for (;;) {
    if (used == bytes.size()) bytes.resize(std::max(std::min(guess, limit + 1), used + used / 2 + 1));
    ssize_t count = ::read(fd, bytes.data() + used, bytes.size() - used);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw CallError(fmt::format("cannot read {}", what), errno);
    used += static_cast<std::size_t>(count);
    if (used > limit) throw StoreError(fmt::format("{} is larger than the {} bytes it may have", what, limit));
    // One byte more was asked for.
    if (count == 0 || (has_size && used == size)) break;
  }
  bytes.resize(used);
  return bytes;
}

std::string read_end_of_file(const std::filesystem::path& path, std::size_t most) {
  const auto file = open_regular(AT_FDCWD, path, Links::followed);
  if (!file) return {};
  const auto size = ::lseek(file->get(), 0, SEEK_END);
  ::lseek(file->get(), size > static_cast<off_t>(most) ? size - static_cast<off_t>(most) : 0, SEEK_SET);
  std::string bytes(most, '\0');
  std::size_t count = 0;
  for (;;) {
    const auto got = ::read(file->get(), bytes.data() + count, most - count);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw CallError(fmt::format("cannot read \"{}\"", path.string()), errno);
    if (got == 0) break;
    count += static_cast<std::size_t>(got);
  }
  bytes.resize(count);
  return bytes;
}

std::optional<std::string> read_file_if_exists(const std::filesystem::path& path) {
  auto fd = open_regular(AT_FDCWD, path, Links::followed);
  if (!fd) return std::nullopt;
  return read_all(fd->get(), fmt::format("\"{}\"", escaped_utf8(path.native())));
}

std::string read_file(const std::filesystem::path& path) {
  if (auto bytes = read_file_if_exists(path)) return std::move(*bytes);
  throw StoreError(errno_message(fmt::format("cannot open \"{}\"", escaped_utf8(path.native())), ENOENT));
}

void write_all(int fd, std::string_view bytes, std::string_view what) {
  while (!bytes.empty()) {
    ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == ENOSPC || errno == EDQUOT)) {
      throw StoreError(
          errno_message(fmt::format("cannot write {}", what), errno) +
          "; make room there (`karapace gc` does where it is the store's disk) and run it again, nothing finished "
          "is lost");
    }
    if (count < 0) throw StoreError(errno_message(fmt::format("cannot write {}", what), errno));
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void write_file_atomically(const std::filesystem::path& path, std::string_view bytes, Durable durable, mode_t mode) {
  write_and_rename(target_of(unfinished_name(path.parent_path(), path), path), bytes, durable, mode);
}

void write_file_in(int directory, const std::filesystem::path& path, std::string_view bytes, mode_t mode) {
  auto name = path.filename();
  Target target{directory, unfinished_name({}, name), name, fmt::format("\"{}\"", escaped_utf8(path.native()))};
  write_and_rename(target, bytes, Durable::no, mode);
}

void publish_file(const std::filesystem::path& staging, const std::filesystem::path& path, std::string_view bytes,
                  Durable durable) {
  write_and_rename(target_of(unfinished_name(staging, path), path), bytes, durable, 0444);
}

}  // namespace karapace
