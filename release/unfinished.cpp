// SPDX-License-Identifier: Apache-2.0
#include "release/unfinished.hpp"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <ctime>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.hpp"
#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "base/remove_tree.hpp"

namespace karapace::release {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view prefix = ".new-";

/// Nothing where /proc hides it (mounted with subset=pid): worlds of which nothing is known would all look alike.
std::optional<std::string> own_world() {
  const auto boot = read_file_if_exists("/proc/sys/kernel/random/boot_id");
  std::error_code error;
  const auto processes = fs::read_symlink("/proc/self/ns/pid", error).string();
  if (!boot || boot->empty() || error || processes.empty()) return std::nullopt;
  return blake3(*boot + processes).hex().substr(0, 16);
}

/// Nothing for what is not there or can not be seen, also when it ends while it is read.
std::optional<std::string> stat_of(long process) {
  const Fd file(::open(fmt::format("/proc/{}/stat", process).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  char text[4096];
  const auto size = ::read(file.get(), text, sizeof text);
  if (size < 0) return std::nullopt;
  return std::string(text, static_cast<std::size_t>(size));
}

/// proc(5), field 22 of stat.
std::optional<std::string> start_time(long process) {
  const auto text = stat_of(process);
  const auto name_end = text ? text->rfind(')') : std::string::npos;
  if (name_end == std::string::npos) return std::nullopt;
  std::string_view rest(*text);
  rest.remove_prefix(name_end + 1);
  for (int field = 3; field < 22; ++field) {
    const auto space = rest.find(' ', 1);
    if (space == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(space);
  }
  return std::string(rest.substr(1, rest.find(' ', 1) - 1));
}

std::uint64_t random_number() {
  std::uint64_t number = 0;
  while (::getrandom(&number, sizeof number, 0) != sizeof number) {
  }
  return number;
}

std::string_view take_until_hyphen(std::string_view& text) {
  const auto end = std::min(text.find('-'), text.size());
  const auto part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

[[noreturn]] void fail(std::string_view what, const fs::path& path) {
  throw StoreError(errno_message(fmt::format("release: cannot {} \"{}\"", what, escaped_utf8(path.native())), errno));
}

void rename_or_remove(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return;
  const int error = errno;
  ::unlink(from.c_str());
  errno = error;
  fail("write", to);
}

}  // namespace

std::string own_mark() {
  const auto process = static_cast<long>(::getpid());
  // A world that nobody else has, where ours is not known: others judge by signs of life, and by age.
  const auto world = own_world().value_or(fmt::format("{:016x}", random_number()));
  return fmt::format("{}-{}-{}", world, process, start_time(process).value_or("?"));
}

std::optional<bool> lives(std::string_view mark) {
  const auto world = own_world();
  if (!world || take_until_hyphen(mark) != *world) return std::nullopt;
  const auto process = take_until_hyphen(mark);
  long id = 0;
  const auto [end, error] = std::from_chars(process.data(), process.data() + process.size(), id);
  if (error != std::errc() || end != process.data() + process.size() || id <= 0) return std::nullopt;
  if (const auto started = start_time(id)) return *started == take_until_hyphen(mark);
  // Where /proc is mounted with hidepid (proc(5)) other users' processes are not seen there.
  if (::kill(static_cast<pid_t>(id), 0) != 0 && errno == ESRCH) return false;
  return std::nullopt;
}

std::string unfinished_name() { return fmt::format("{}{}-{:016x}", prefix, own_mark(), random_number()); }

bool is_unfinished_name(std::string_view name) noexcept { return name.starts_with(prefix); }

std::vector<fs::path> left_unfinished(const fs::path& directory) {
  constexpr std::int64_t old = 2 * 24 * 3600;
  std::vector<fs::path> left;
  for (const auto& name : names_in(directory)) {
    if (!is_unfinished_name(name)) continue;
    const auto known = lives(std::string_view(name).substr(prefix.size()));
    struct stat status{};
    const bool is_old = ::lstat((directory / name).c_str(), &status) == 0 && ::time(nullptr) - status.st_ctime > old;
    if (known ? !*known : is_old) left.push_back(directory / name);
  }
  return left;
}

void sweep_unfinished(const fs::path& directory) {
  for (const auto& path : left_unfinished(directory)) remove_tree(path);
}

void replace_file(const fs::path& path, std::string_view bytes, mode_t mode) {
  const auto unfinished = path.parent_path() / unfinished_name();
  {
    const Fd file(::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file) fail("write", path);
    write_all(file.get(), bytes, fmt::format("\"{}\"", escaped_utf8(path.native())));
    if (::fchmod(file.get(), mode) != 0 || ::fsync(file.get()) != 0) fail("write", path);
  }
  rename_or_remove(unfinished, path);
}

void replace_link(const fs::path& path, const std::string& target) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) == 0 && !S_ISLNK(status.st_mode))
    throw StoreError(fmt::format("release: \"{}\" is in the way: it is no link; move it away and try again",
                                 escaped_utf8(path.native())));
  const auto unfinished = path.parent_path() / unfinished_name();
  if (::symlink(target.c_str(), unfinished.c_str()) != 0) fail("make the link", path);
  rename_or_remove(unfinished, path);
}

std::optional<std::string> link_text(const fs::path& path) {
  std::error_code error;
  const auto target = fs::read_symlink(path, error);
  if (!error) return target.native();
  if (error == std::errc::no_such_file_or_directory || error == std::errc::invalid_argument) return std::nullopt;
  throw StoreError(
      errno_message(fmt::format("release: cannot look at \"{}\"", escaped_utf8(path.native())), error.value()));
}

bool rename_into_place(const fs::path& unfinished, const fs::path& path) {
  if (::rename(unfinished.c_str(), path.c_str()) == 0) return true;
  if (errno == ENOTEMPTY || errno == EEXIST) return false;
  fail("make", path);
}

}  // namespace karapace::release
