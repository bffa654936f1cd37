// SPDX-License-Identifier: Apache-2.0
// The few file calls that the whole house shares. Every descriptor is O_CLOEXEC.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/fd.hpp"

namespace karapace {

/// openat(2) with O_CLOEXEC, EINTR retried. Throws StoreError `cannot open "path": ...`.
Fd open_at(int directory, const std::filesystem::path& path, int flags, mode_t mode = 0);
/// The same, but nothing when the file does not exist (ENOENT).
std::optional<Fd> open_if_exists(int directory, const std::filesystem::path& path, int flags);
/// Opens `path` below `root` as if `root` were "/": links, absolute or with "..", never lead outside
/// (openat2(2) RESOLVE_IN_ROOT). Nothing when it does not exist.
std::optional<Fd> open_in_root(int root, const std::filesystem::path& path, int flags);

/// Reads from the current offset to the end; at most `limit` bytes, else StoreError.
std::string read_all(int fd, std::string_view what, std::size_t limit = std::size_t{1} << 30);
/// The whole regular file (regular_file.hpp: it never waits); nothing when it does not exist.
std::optional<std::string> read_file_if_exists(const std::filesystem::path& path);
/// The same; StoreError when it does not exist.
std::string read_file(const std::filesystem::path& path);
/// At most its last `most` bytes; "" when it does not exist. For logs, which may be of any size.
std::string read_end_of_file(const std::filesystem::path& path, std::size_t most = std::size_t{1} << 20);
/// When it was last changed, in nanoseconds since 1970.
std::int64_t modified_ns(const struct stat& status) noexcept;
/// The same of what `path` leads to; nothing when there is nothing.
std::optional<std::int64_t> modified_ns(const std::filesystem::path& path);
/// Whether `path`, a last link not followed, is a name of what is open.
bool still_named(int fd, const std::filesystem::path& path);
/// Writes everything or throws StoreError (a full disk is told as such).
void write_all(int fd, std::string_view bytes, std::string_view what);

}  // namespace karapace
