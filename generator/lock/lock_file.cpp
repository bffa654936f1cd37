// SPDX-License-Identifier: Apache-2.0
#include "generator/lock/lock_file.hpp"

#include <fmt/format.h>

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"

namespace karapace::lock {

std::filesystem::path lock_path(const std::filesystem::path& manifest) {
  auto path = manifest;
  if (path.extension() == ".toml") return path.replace_extension(".lock");
  return path += ".lock";
}

namespace {

std::optional<std::string> text_of(const std::filesystem::path& path) {
  try {
    return read_file_if_exists(path);
  } catch (const StoreError& error) {
    throw LockError(fmt::format("the lock can not be read: {}", error.what()));
  }
}

}  // namespace

std::optional<Lock> read_lock_if_exists(const std::filesystem::path& path) {
  auto text = text_of(path);
  if (!text) return std::nullopt;
  return parse_lock(*text, path.native());
}

namespace {

/// What came from an archive is judged by its reader only: a lock that nobody could read is not written.
void require_readable(const std::string& text, const std::filesystem::path& path) {
  try {
    parse_lock(text, escaped_utf8(path.native()));
  } catch (const LockError& error) {
    throw LockError(
        fmt::format("lock: an archive or the manifest has what no lock can hold, so {} is left as it was: {}",
                    escaped_utf8(path.native()), error.what()));
  }
}

}  // namespace

bool write_lock(const std::filesystem::path& path, const Lock& lock) {
  std::string text = file_text(lock);
  if (text_of(path) == text) return false;
  require_readable(text, path);
  write_file_atomically(path, text, Durable::yes);
  return true;
}

}  // namespace karapace::lock
