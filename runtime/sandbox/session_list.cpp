// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/session_list.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <sstream>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/words.hpp"
#include "runtime/sys/syscalls.hpp"

namespace karapace::sandbox {
namespace {

std::optional<IdMode> mode_from(std::string_view word) {
  for (const IdMode mode : {IdMode::root, IdMode::subid, IdMode::single})
    if (text(mode) == word) return mode;
  return std::nullopt;
}

/// A number and the space after it, off the beginning of the line.
template <class Number>
bool take_number(std::string_view& line, Number& number) {
  const char* end = line.data() + line.size();
  const auto parsed = std::from_chars(line.data(), end, number);
  if (parsed.ec != std::errc{} || parsed.ptr == end || *parsed.ptr != ' ') return false;
  line = {parsed.ptr + 1, end};
  return true;
}

bool runs(int proc, const RunningSession& session) {
  return process_start_time(proc, session.process) == session.start_time && is_first_process(proc, session.process);
}

}  // namespace

Fd lock_upper(const std::filesystem::path& work, const Notice& notice) {
  Fd lock = open_at(AT_FDCWD, work, O_RDONLY | O_DIRECTORY);
  Waiting waiting(std::chrono::seconds(30), "an earlier session of this instance to end", notice);
  if (lock_patiently(lock.get(), LOCK_EX, waiting)) return lock;
  if (errno != EWOULDBLOCK) throw SandboxError(errno_message("sandbox: cannot lock the instance", errno));
  throw SandboxError(
      "sandbox: a sandbox that is not seen from here uses this instance (another container with the same "
      "store?); end it, or add --ephemeral");
}

std::vector<RunningSession> parse_sessions(std::string_view content) {
  std::vector<RunningSession> sessions;
  for (auto line : lines(content)) {
    RunningSession session;
    if (!take_number(line, session.process) || !take_number(line, session.start_time) || session.process <= 0) continue;
    const auto mode = mode_from(line);
    if (!mode) continue;
    session.mode = *mode;
    sessions.push_back(session);
  }
  return sessions;
}

std::optional<std::uint64_t> process_start_time(int proc, pid_t process) {
  const auto file = open_if_exists(proc, fmt::format("{}/stat", process), O_RDONLY);
  if (!file) return std::nullopt;
  const auto stat = read_all(file->get(), "the state of a process");
  // The second field, the name, may hold anything; the last ")" ends it.
  const auto name_end = stat.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(stat.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 22; ++field) {
    fields >> skipped;
    if (field == 3 && skipped == "Z") return std::nullopt;
  }
  std::uint64_t start_time = 0;
  if (!(fields >> start_time)) return std::nullopt;
  return start_time;
}

bool is_first_process(int proc, pid_t process) {
  const auto file = open_if_exists(proc, fmt::format("{}/status", process), O_RDONLY);
  if (!file) return false;
  std::istringstream lines(read_all(file->get(), "the state of a process"));
  bool is_ours = false;
  std::vector<pid_t> ids;  // in each pid namespace, outermost first
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    words >> name;
    uid_t uid = 0;
    if (name == "Uid:" && words >> uid) is_ours = uid == ::geteuid();
    if (name == "NSpid:")
      for (pid_t id = 0; words >> id;) ids.push_back(id);
  }
  return is_ours && ids.size() > 1 && ids.back() == 1;
}

namespace {

constexpr std::size_t most_bytes = 1 << 20;  // tens of thousands of sessions

bool is_after(const timespec& a, const timespec& b) {
  return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

/// Many may begin at once, one after the other; every one of them writes the list.
void lock_list(int fd, const std::filesystem::path& path, const Notice& notice, std::chrono::seconds patience) {
  constexpr std::chrono::seconds part{1};
  Waiting all(patience, "another session of this instance to stand", notice);
  timespec last{};
  while (true) {
    Waiting some(part, {}, {});
    if (lock_patiently(fd, LOCK_EX, some)) return;
    if (errno != EWOULDBLOCK) throw SandboxError(errno_message("sandbox: cannot lock the list of sessions", errno));
    struct stat status{};
    if (::fstat(fd, &status) == 0 && is_after(status.st_mtim, std::exchange(last, status.st_mtim))) all.begin_anew();
    if (!all.go_on())
      throw SandboxError(
          fmt::format("sandbox: for {} seconds a karapace has held the list of sessions \"{}\": is it stopped? "
                      "`lslocks` names it; continue it (kill -CONT) or end it, or add --ephemeral",
                      patience.count(), escaped_utf8(path.native())));
  }
}

}  // namespace

std::optional<pid_t> running_session(const std::filesystem::path& instance_directory) {
  const auto file = open_if_exists(AT_FDCWD, instance_directory / "session", O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!file) return std::nullopt;
  return running_session(std::string_view(read_all(file->get(), "the list of sessions", most_bytes)));
}

std::optional<pid_t> running_session(std::string_view list) {
  auto sessions = parse_sessions(list);
  // Lines of sessions that have ended stay until the next: most are known for it without a look into /proc.
  std::erase_if(sessions, [](const auto& session) { return ::kill(session.process, 0) != 0 && errno == ESRCH; });
  if (sessions.empty()) return std::nullopt;
  const Fd proc = open_at(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY);
  for (const auto& session : sessions)
    if (runs(proc.get(), session)) return session.process;
  return std::nullopt;
}

SessionList::SessionList(const std::filesystem::path& instance_directory, const Notice& notice,
                         std::chrono::seconds patience)
    : proc_(open_at(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY)),
      file_(open_at(AT_FDCWD, instance_directory / "session", O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600)) {
  lock_list(file_.get(), instance_directory / "session", notice, patience);
  for (const auto& session : parse_sessions(read_all(file_.get(), "the list of sessions", most_bytes)))
    if (runs(proc_.get(), session)) sessions_.push_back(session);
}

std::optional<SessionList::Joinable> SessionList::find_running() const {
  for (const auto& session : sessions_) {
    Fd process = sys::pidfd_open(session.process);
    // Looked at again, now that the descriptor pins the process.
    if (process && runs(proc_.get(), session)) return Joinable{std::move(process), session.process, session.mode};
  }
  return std::nullopt;
}

bool SessionList::nothing_runs() {
  while (const auto running = find_running())
    if (!forget_if_ending(*running)) return false;
  return true;
}

std::vector<SessionList::Joinable> SessionList::all_running() const {
  std::vector<Joinable> running;
  for (const auto& session : sessions_) {
    Fd process = sys::pidfd_open(session.process);
    if (process && runs(proc_.get(), session)) running.push_back({std::move(process), session.process, session.mode});
  }
  return running;
}

bool SessionList::forget_within(const Joinable& ended, int milliseconds) {
  pollfd end{ended.process.get(), POLLIN, 0};
  int count = 0;
  while ((count = ::poll(&end, 1, milliseconds)) < 0 && errno == EINTR) {
  }
  if (count == 0) return false;
  strike(ended);
  return true;
}

void SessionList::strike(const Joinable& listed) {
  std::erase_if(sessions_, [&](const RunningSession& session) { return session.process == listed.pid; });
}

bool SessionList::forget_if_ending(const Joinable& running) {
  constexpr int moment = 1'000;
  return forget_within(running, moment);
}

void SessionList::forget(const Joinable& ended) {
  constexpr int half_a_minute = 30'000;
  if (forget_within(ended, half_a_minute)) return;
  throw SandboxError(
      fmt::format("sandbox: an earlier session (process {}) can not be joined and does not go away", ended.pid));
}

void SessionList::add_and_unlock(pid_t process, IdMode mode) {
  if (const auto start_time = process_start_time(proc_.get(), process))
    sessions_.push_back({process, *start_time, mode});
  std::string content;
  for (const auto& session : sessions_)
    content += fmt::format("{} {} {}\n", session.process, session.start_time, text(session.mode));
  // Cut afterwards: a file that is emptied and written again is given new blocks, and its old ones are discarded, by
  // ext4 before the next step.
  if (::lseek(file_.get(), 0, SEEK_SET) != 0)
    throw SandboxError(errno_message("sandbox: cannot write the list of sessions", errno));
  write_all(file_.get(), content, "the list of sessions");
  if (::ftruncate(file_.get(), static_cast<off_t>(content.size())) != 0)
    throw SandboxError(errno_message("sandbox: cannot write the list of sessions", errno));
  // Explicitly: a child may hold a copy of the descriptor.
  ::flock(file_.get(), LOCK_UN);
  file_.reset();
}

}  // namespace karapace::sandbox
