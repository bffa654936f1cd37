// SPDX-License-Identifier: Apache-2.0
#include "release/destination_lock.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/words.hpp"
#include "release/trusted_directory.hpp"
#include "release/unfinished.hpp"

namespace karapace::release {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::string_view nobody = "nobody\n";
constexpr auto longest_pause = 32ms;

std::string shown(const fs::path& path) { return escaped_utf8(path.native()); }

std::string host_name() {
  char name[256] = "";
  if (::gethostname(name, sizeof name - 1) != 0) return "?";
  return escaped_utf8(name);
}

constexpr std::size_t most_digits = 18;
constexpr unsigned long highest_number = 999'999'999'999'999'999;

/// Of a file that is one of the lock's.
std::optional<unsigned long> number_from(std::string_view text) {
  unsigned long number = 0;
  if (text.size() > most_digits) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// Nobody comes so far by counting.
void require_next(const fs::path& directory, unsigned long number) {
  if (number < highest_number) return;
  throw StoreError(fmt::format("release: \"{}/{}\" is no lock of ours, as none could follow it; remove it",
                               shown(directory), number));
}

/// What a number says of who holds it: "MARK HOST".
std::string holder_line() { return fmt::format("{} {}\n", own_mark(), host_name()); }

/// The highest number there is; 0 for none.
unsigned long highest_in(const fs::path& directory) {
  unsigned long highest = 0;
  for (const auto& name : names_in(directory))
    if (const auto number = number_from(name)) highest = std::max(highest, *number);
  return highest;
}

/// What is seen of a number that somebody has.
class Holder {
 public:
  void look(const fs::path& path) {
    auto text = read_file_if_exists(path);
    const auto changed = modified_ns(path);
    if (text == text_ && changed == changed_) return;
    text_ = std::move(text);
    changed_ = changed;
    seen_ = Clock::now();
  }
  /// Whether the next number may be taken.
  bool is_gone(std::chrono::seconds silence) const {
    if (!text_ || *text_ == nobody) return true;
    const auto known = lives(text_->substr(0, text_->find(' ')));
    return known ? !*known : Clock::now() - seen_ > silence;
  }
  /// On which host.
  std::string told() const {
    const auto space = text_ ? text_->find(' ') : std::string::npos;
    return space == std::string::npos ? "somebody" : "a process on " + std::string(trimmed(text_->substr(space)));
  }

 private:
  std::optional<std::string> text_;
  std::optional<std::int64_t> changed_;
  Clock::time_point seen_ = Clock::now();
};

/// False when the number is somebody else's.
bool take_number(const fs::path& directory, unsigned long number) {
  const auto path = directory / fmt::to_string(number);
  const auto unfinished = directory / unfinished_name();
  const Fd file(::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
  if (!file) throw StoreError(errno_message(fmt::format("release: cannot lock \"{}\"", shown(directory)), errno));
  write_all(file.get(), holder_line(), shown(path));
  const int result = ::link(unfinished.c_str(), path.c_str());
  const int error = errno;
  // Over NFS the answer to a link that was made can be lost, and the second try fails: the count of names tells.
  struct stat status{};
  const bool taken = result == 0 || (::stat(unfinished.c_str(), &status) == 0 && status.st_nlink == 2);
  ::unlink(unfinished.c_str());
  if (!taken && error != EEXIST && error != ENOENT)
    throw StoreError(errno_message(fmt::format("release: cannot lock \"{}\"", shown(directory)), error));
  return taken && highest_in(directory) == number;
}

void remove_lower(const fs::path& directory, unsigned long number) {
  for (const auto& name : names_in(directory)) {
    const auto other = number_from(name);
    if (other && *other < number) ::unlink((directory / name).c_str());
  }
}

}  // namespace

DestinationLock::DestinationLock(fs::path directory, unsigned long number)
    : directory_(std::move(directory)), number_(number) {}

DestinationLock::DestinationLock(DestinationLock&& other) noexcept
    : directory_(std::move(other.directory_)), number_(other.number_) {
  other.number_ = 0;
}

fs::path DestinationLock::path() const { return directory_ / fmt::to_string(number_); }

DestinationLock DestinationLock::acquire(const fs::path& directory, const Patience& patience, Notice notice) {
  make_trusted_directory(directory);
  Waiting waiting(patience.in_all, fmt::format("another process to finish at \"{}\"", shown(directory.parent_path())),
                  std::move(notice));
  Holder holder;
  auto pause = 1ms;
  for (unsigned long last = 0;;) {
    const auto highest = highest_in(directory);
    if (highest != last) waiting.begin_anew(), pause = 1ms;
    last = highest;
    require_next(directory, highest);
    if (highest != 0) holder.look(directory / fmt::to_string(highest));
    if (highest == 0 || holder.is_gone(patience.with_silence)) {
      if (take_number(directory, highest + 1)) {
        remove_lower(directory, highest + 1);
        sweep_unfinished(directory);
        return DestinationLock(directory, highest + 1);
      }
      continue;
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, longest_pause);
    if (!waiting.go_on())
      throw Error(fmt::format("release: {} has held the lock of \"{}\" for {}; end it, and try again", holder.told(),
                              shown(directory.parent_path()), duration_text(patience.in_all)));
  }
}

void DestinationLock::renew() const {
  if (highest_in(directory_) == number_ && ::utimensat(AT_FDCWD, path().c_str(), nullptr, 0) == 0) return;
  throw Error(
      fmt::format("release: the lock of \"{}\" was taken over, because this process gave no sign of life; "
                  "run it again",
                  shown(directory_.parent_path())));
}

SignsOfLife::SignsOfLife(const DestinationLock& lock, std::chrono::seconds silence)
    : thread_([&lock, every = std::chrono::milliseconds(silence) / 6](const std::stop_token& stop) {
        std::mutex mutex;
        std::condition_variable_any never;
        std::unique_lock guard(mutex);
        while (never.wait_for(guard, stop, every, [] { return false; }), !stop.stop_requested()) {
          try {
            lock.renew();
          } catch (const std::exception&) {
            return;
          }
        }
      }) {}

DestinationLock::~DestinationLock() {
  if (number_ == 0) return;
  try {
    if (highest_in(directory_) == number_) replace_file(path(), nobody);
  } catch (const std::exception&) {
    // Who wants it next finds this process gone.
  }
}

}  // namespace karapace::release
