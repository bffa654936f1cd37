// SPDX-License-Identifier: Apache-2.0
#include "store/power_failure.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <tuple>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/child.hpp"
#include "base/detached.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/file_lock.hpp"
#include "base/sibling_programs.hpp"
#include "base/words.hpp"

namespace karapace::store {

namespace {

constexpr const char* mark_name = "synced";
constexpr std::string_view heading = "karapace sync 1";
constexpr std::size_t longest_mark = 4096;
/// Between the last write to a thing and its name.
constexpr time_t until_named = 5;

timespec now() {
  timespec time{};
  ::clock_gettime(CLOCK_REALTIME, &time);
  return time;
}

bool is_before(const timespec& a, const timespec& b) {
  return std::tie(a.tv_sec, a.tv_nsec) < std::tie(b.tv_sec, b.tv_nsec);
}

std::string text_of(const SyncMark& mark) {
  auto text = fmt::format("{}\n{}\n{}\n", heading, mark.boot, mark.synced.tv_sec);
  return text + blake3(text).hex() + "\n";
}

/// Nothing when it is not one, whole.
std::optional<SyncMark> mark_from(std::string_view text) {
  const auto parts = lines(text);
  if (parts.size() != 4 || parts[0] != heading) return std::nullopt;
  SyncMark mark;
  mark.boot = parts[1];
  const auto seconds = parts[2];
  const auto [end, error] = std::from_chars(seconds.data(), seconds.data() + seconds.size(), mark.synced.tv_sec);
  if (error != std::errc{} || end != seconds.data() + seconds.size()) return std::nullopt;
  if (text_of(mark) != text) return std::nullopt;
  return mark;
}

bool is_writable(const std::filesystem::path& root) {
  return ::faccessat(AT_FDCWD, root.c_str(), W_OK | X_OK, AT_EACCESS) == 0;
}

/// On a full disk the next who opens the store does it.
void begin_unknown_mark(const std::filesystem::path& root, const std::string& boot) noexcept {
  try {
    write_sync_mark(root, {boot, {}});
  } catch (const std::exception&) {
  }
}

FileLock lock_mark(const std::filesystem::path& root) { return FileLock::acquire(root / "locks" / "sync", LOCK_EX); }

}  // namespace

std::optional<SyncMark> read_sync_mark(const std::filesystem::path& root) {
  auto fd = open_if_exists(AT_FDCWD, root / mark_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!fd) return std::nullopt;
  try {
    return mark_from(read_all(fd->get(), "the store's file \"synced\"", longest_mark)).value_or(SyncMark());
  } catch (const StoreError&) {
    return SyncMark();
  }
}

void write_sync_mark(const std::filesystem::path& root, const SyncMark& mark) {
  write_file_atomically(root / mark_name, text_of(mark), Durable::yes);
}

std::string this_boot() {
  auto fd = open_if_exists(AT_FDCWD, "/proc/sys/kernel/random/boot_id", O_RDONLY);
  if (!fd) return {};
  auto text = read_all(fd->get(), "the id of the boot", longest_mark);
  return text.substr(0, text.find('\n'));
}

void begin_sync_mark(const std::filesystem::path& root) {
  if (auto boot = this_boot(); !boot.empty()) write_sync_mark(root, {boot, now()});
}

void note_verified(const Store& store, const timespec& begun) {
  auto only_one = lock_mark(store.root());
  if (auto boot = this_boot(); !boot.empty()) write_sync_mark(store.root(), {boot, begun});
}

void check_after_power_failure(const std::filesystem::path& root, Store::Access access) {
  const auto boot = this_boot();
  const auto mark = read_sync_mark(root);
  if (!is_writable(root) || boot.empty()) return;
  if (!mark) return begin_unknown_mark(root, boot);
  // A clock that was set back would make new things look old.
  if (mark->boot == boot && !is_before(now(), mark->synced)) return;
  if (auto program = find_program_if_there("karapace")) {
    const int status = run_child({.argv = {program->string(), "--store", root.string(), "verify-store", "--since-sync"},
                                  .working_directory = {},
                                  .output = ChildOutput::to_stderr});
    if (status == 0) return;
  }
  // It has said what is wrong, and looking does no harm.
  if (access == Store::Access::read_only) return;
  throw StoreError(fmt::format(
      "the machine was restarted since the store \"{}\" was written, and what is in it could not be checked: "
      "run `karapace verify-store --repair`",
      escaped_utf8(root.native())));
}

std::optional<VerifyReport> verify_since_sync(const Store& store, VerifyOptions options) {
  auto only_one = lock_mark(store.root());
  const auto boot = this_boot();
  const auto mark = read_sync_mark(store.root()).value_or(SyncMark());
  const auto begun = now();
  const bool clock_went_back = is_before(begun, mark.synced);
  if (mark.boot == boot && !clock_went_back) return std::nullopt;
  // In this boot nothing can have been lost yet: the next check will look at everything.
  if (mark.boot == boot) {
    write_sync_mark(store.root(), {boot, {}});
    return std::nullopt;
  }
  options.changed_since = timespec{std::max<time_t>(0, mark.synced.tv_sec - until_named), 0};
  options.repair = Repair::yes;
  auto report = verify_store(store, options);
  const bool all_checked = count(report, Trouble::unchecked) == 0;
  write_sync_mark(store.root(), {boot, all_checked ? begun : mark.synced});
  return report;
}

void sync_store(const Store& store) {
  const auto begun = now();
  auto root = open_at(AT_FDCWD, store.root(), O_RDONLY | O_DIRECTORY);
  if (::syncfs(root.get()) != 0) throw StoreError(errno_message("cannot sync the store's file system", errno));
  note_verified(store, begun);
}

void sync_store_in_background(const Store& store) noexcept {
  // When it fails, the mark stays where it was.
  run_detached({}, [&] { sync_store(store); });
}

}  // namespace karapace::store
