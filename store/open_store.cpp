// SPDX-License-Identifier: Apache-2.0
// Finding, making and opening a store. The version file is written last, so a store that has one is complete.
//
// Whoever may write in a store decides what runs in its environments, and what runs in them may leave set-id files
// there. So a store is its owner's alone: the directory belongs to the user who opens it and is closed to everybody
// else, and its parts are directories, no links to elsewhere. Owners are compared as the process sees them, which is
// right outside and inside the user namespaces that we make: the user's own id is mapped there, to 0 or to itself.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "store/power_failure.hpp"
#include "store/store.hpp"
#include "store/store_identity.hpp"
#include "store/trash.hpp"

namespace karapace::store {

namespace {

constexpr std::array<const char*, 9> directories = {"blobs",     "layers", "steps", "environments", "roots",
                                                    "instances", "logs",   "locks", "staging"};
constexpr std::array<const char*, 8> later_directories = {"failed", "fetch",      "graphs",   "links",
                                                          "names",  "quarantine", "sysroots", "trash"};
constexpr std::size_t longest_version = 4096;
constexpr const char* lock_name = "lock";

std::string in_quotes(const std::filesystem::path& path) { return fmt::format("\"{}\"", escaped_utf8(path.native())); }

[[noreturn]] void refuse_version(const std::filesystem::path& root) {
  throw StoreError(
      fmt::format("{} is not a karapace store: its file \"version\" is damaged; choose another store with "
                  "--store, or write the line \"karapace store {}\" into it",
                  in_quotes(root), store_version));
}

void check_version(const std::filesystem::path& root, std::string_view text) {
  const auto found = version_of(text);
  if (!found) refuse_version(root);
  const auto migration = *found == store_version ? read_identity(root).migration : std::string();
  if (!migration.empty())
    throw StoreError(fmt::format("the migration of the store {} {} was interrupted: run `karapace migrate{}` to end it",
                                 in_quotes(root), migration, migration == "to 1" ? " --back" : ""));
  if (*found == store_version) return;
  if (*found < store_version)
    throw StoreError(
        fmt::format("the store {} is of version {}, and this karapace uses version {}: run `karapace migrate`, which "
                    "moves it over (`karapace migrate --back` is the way back)",
                    in_quotes(root), *found, store_version));
  throw StoreError(
      fmt::format("the store {} is of version {}, and this karapace reads version {}; use a newer karapace, "
                  "or another store with --store",
                  in_quotes(root), *found, store_version));
}

/// What is at `path`, a last link followed; nothing when there is nothing.
std::optional<struct stat> status_of(const std::filesystem::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0) return status;
  if (errno == ENOENT) return std::nullopt;
  throw StoreError(errno_message(fmt::format("cannot look at the store {}", in_quotes(path)), errno));
}

/// The version file's text; nothing when there is none. What is no file says nothing: a pipe could wait for ever.
std::optional<std::string> read_version(const std::filesystem::path& root) {
  auto path = root / "version";
  struct stat status{};
  if (::lstat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) return "";
  auto fd = open_if_exists(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!fd) return std::nullopt;
  return read_all(fd->get(), in_quotes(path), longest_version);
}

void require_directory(const struct stat& status, const std::filesystem::path& root) {
  if (S_ISDIR(status.st_mode)) return;
  throw StoreError(
      fmt::format("{} is not a directory, so it is no store; choose another with --store", in_quotes(root)));
}

void require_owner(const struct stat& status, const std::filesystem::path& root) {
  if (status.st_uid == ::geteuid()) return;
  throw StoreError(
      fmt::format("the store {} belongs to the user {} and this runs as {}: what one user's karapace leaves in "
                  "another's store makes it unusable; run it as its owner, or use another store with --store "
                  "or KARAPACE_STORE",
                  in_quotes(root), status.st_uid, ::geteuid()));
}

void require_private(const struct stat& status, const std::filesystem::path& root) {
  if ((status.st_mode & 077) == 0) return;
  throw StoreError(
      fmt::format("the store {} is open to other users (mode {:04o}), and may hold set-id files: run "
                  "`chmod 700 {}`",
                  in_quotes(root), status.st_mode & 07777, escaped_utf8(root.native())));
}

/// A link would have gc remove, and steps write, somewhere else.
void refuse_links(const std::filesystem::path& root) {
  auto check = [&](const char* name) {
    struct stat status{};
    if (::lstat((root / name).c_str(), &status) != 0 || S_ISDIR(status.st_mode)) return;
    throw StoreError(
        fmt::format("{} is not a directory, as it must be in a store: remove it, or choose another store with "
                    "--store",
                    in_quotes(root / name)));
  };
  for (const char* name : directories) check(name);
  for (const char* name : later_directories) check(name);
}

/// Without some of these gc would take what is needed for garbage.
void require_parts(const std::filesystem::path& root) {
  for (const char* name : directories) {
    if (::access((root / name).c_str(), F_OK) == 0 || errno != ENOENT) continue;
    throw StoreError(
        fmt::format("the store {0} has lost its directory \"{1}\": bring that back from a backup; if nothing in it is "
                    "missed, run `mkdir {2}/{1}`",
                    in_quotes(root), name, escaped_utf8(root.native())));
  }
}

/// No directory of somebody else has so many of these names.
bool has_most_parts(const std::filesystem::path& root) {
  return 2 * std::count_if(directories.begin(), directories.end(),
                           [&](const char* name) { return std::filesystem::is_directory(root / name); }) >
         static_cast<std::ptrdiff_t>(directories.size());
}

/// A directory that holds anything but the parts of a store is somebody's, not ours.
void refuse_foreign(const std::filesystem::path& root) {
  for (const auto& name : names_in(root)) {
    bool ours = name == lock_name || std::find(directories.begin(), directories.end(), name) != directories.end();
    bool unfinished = name.starts_with(".version.");
    if (ours || unfinished || name == "version") continue;
    if (read_version(root)) return;  // another process has just finished it, and begun to use it
    if (has_most_parts(root)) {
      throw StoreError(
          fmt::format("the store {} has lost its file \"version\": write the line \"karapace store {}\" into it, or "
                      "choose another store with --store",
                      in_quotes(root), store_version));
    }
    throw StoreError(
        fmt::format("{} is not a karapace store: it holds {}; choose an empty or new directory with --store",
                    in_quotes(root), in_quotes(name)));
  }
}

/// The directory and those above it, as far as they are missing.
void make_root(const std::filesystem::path& root) {
  std::filesystem::path path;
  for (const auto& part : root) {
    path /= part;
    if (::mkdir(path.c_str(), path == root ? 0700 : 0755) == 0 || errno == EEXIST) continue;
    throw StoreError(errno_message(fmt::format("cannot make the store's directory {}", in_quotes(path)), errno));
  }
}

/// Makes a store of a directory that holds nothing, or what somebody left who was killed at the same work.
void fill(const std::filesystem::path& root) {
  refuse_foreign(root);
  refuse_links(root);
  if (::chmod(root.c_str(), 0700) != 0) {
    throw StoreError(
        errno_message(fmt::format("cannot close the store's directory {} to others", in_quotes(root)), errno));
  }
  for (const char* name : directories) make_directory_if_missing(root / name);
  write_identity(root, read_identity(root));
}

void require_access(const std::filesystem::path& root, int mode, std::string_view word) {
  if (::faccessat(AT_FDCWD, root.c_str(), mode, AT_EACCESS) == 0) return;
  throw StoreError(errno_message(
      fmt::format("the store {} is not {}; make it so, or choose another with --store", in_quotes(root), word), errno));
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::filesystem::path absolute_path(const std::filesystem::path& path) {
  auto normal = std::filesystem::absolute(path).lexically_normal();
  return normal.has_filename() ? normal : normal.parent_path();
}

/// Held as long as somebody works with the store. One whose file is gone has it made again, where that can be.
std::shared_ptr<const FileLock> share(const std::filesystem::path& root) {
  const auto path = root / lock_name;
  auto lock = FileLock::acquire_existing(path, LOCK_SH);
  if (!lock && ::faccessat(AT_FDCWD, root.c_str(), W_OK, AT_EACCESS) == 0) lock = FileLock::acquire(path, LOCK_SH);
  return lock ? std::make_shared<const FileLock>(*std::move(lock)) : nullptr;
}

}  // namespace

Store Store::open(const std::filesystem::path& root, Access access, AfterPowerFailure after) {
  auto at = absolute_path(root);
  auto not_found = [&] {
    return NotFoundError(
        fmt::format("there is no store at {} yet; `karapace gen` makes one, --store names another", in_quotes(at)));
  };
  auto status = status_of(at);
  if (!status && access != Access::create) throw not_found();
  if (!status) {
    make_root(at);
    status = status_of(at).value();
  }
  require_directory(*status, at);
  require_owner(*status, at);
  require_local_file_system(at);
  const bool is_new = !read_version(at);
  if (is_new) {
    refuse_foreign(at);
    if (access != Access::create) throw not_found();
    fill(at);
    status = status_of(at).value();
  }
  auto use = share(at);
  // What another process migrates is looked at when that is done.
  check_version(at, read_version(at).value_or(""));
  require_private(*status, at);
  refuse_links(at);
  require_parts(at);
  if (access != Access::read_only) require_access(at, R_OK | W_OK | X_OK, "writable");
  if (access != Access::read_only) prepare_trash(at);
  if (is_new) begin_sync_mark(at);
  if (after == AfterPowerFailure::check) check_after_power_failure(at, access);
  return Store(at, std::move(use));
}

bool Store::writable() const {
  auto may_write = [](const std::filesystem::path& path) {
    return ::faccessat(AT_FDCWD, path.c_str(), W_OK | X_OK, AT_EACCESS) == 0;
  };
  return may_write(root_) && may_write(staging_path()) && may_write(instances_path()) && may_write(root_ / "locks");
}

std::filesystem::path Store::default_root(std::string_view option) {
  if (!option.empty()) return absolute_path(option);
  if (auto store = variable("KARAPACE_STORE"); !store.empty()) return absolute_path(store);
  // The XDG specification: a relative path is invalid and counts as unset.
  if (auto data = variable("XDG_DATA_HOME"); data.starts_with('/')) return absolute_path(data) / "karapace";
  if (auto home = variable("HOME"); !home.empty()) return absolute_path(home) / ".local/share/karapace";
  throw StoreError("there is no place for the store: HOME is not set; name one with --store or KARAPACE_STORE");
}

}  // namespace karapace::store
