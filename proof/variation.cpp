// SPDX-License-Identifier: Apache-2.0
#include "proof/variation.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <nlohmann/json.hpp>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "runtime/sandbox/id_mode.hpp"

namespace karapace::proof {

namespace {

VariedThing varied(std::string_view name, std::string how) { return {std::string(name), true, std::move(how)}; }
VariedThing not_varied(std::string_view name, std::string why) { return {std::string(name), false, std::move(why)}; }

bool write_text(const char* path, const std::string& text) noexcept {
  Fd fd(::open(path, O_WRONLY | O_CLOEXEC));
  return fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

uid_t other_id(uid_t own) noexcept { return own == 4711 ? 4712 : 4711; }

/// Another user, in a namespace in which nobody else exists; the same person on disk. Nothing, or what was refused.
std::optional<std::string> become_another_user(uid_t uid, gid_t gid) {
  if (::unshare(CLONE_NEWUSER) != 0) return fmt::format("user namespaces are refused: {}", std::strerror(errno));
  bool mapped = write_text("/proc/self/setgroups", "deny") &&
                write_text("/proc/self/uid_map", fmt::format("{} {} 1\n", other_id(uid), uid)) &&
                write_text("/proc/self/gid_map", fmt::format("{} {} 1\n", other_id(gid), gid));
  if (mapped) return std::nullopt;
  return fmt::format("ids in a user namespace are refused: {}", std::strerror(errno));
}

/// Runs `question` in a child, so that what it changes does not stay: an empty answer, or why not.
std::string ask_child(const std::function<std::string()>& question) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw Error(errno_message("cannot make a pipe", errno));
  Fd reader(ends[0]);
  Fd writer(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) throw Error(errno_message("cannot start a process", errno));
  if (pid == 0) {
    try {
      write_all(writer.get(), question(), "a pipe");
      ::_exit(0);
    } catch (...) {
      ::_exit(1);
    }
  }
  writer.reset();
  auto answer = read_all(reader.get(), "a pipe");
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status == 0 ? answer : "a process could not be started";
}

/// What a program that is started has left of the rights of the process that made the namespace.
void drop_capabilities() noexcept {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2]{};
  ::syscall(SYS_capset, &header, none);
}

/// Whether the other user could do the work: namespaces, and access to the files (root may see more than the other).
std::string problem_of_another_user(const std::vector<std::filesystem::path>& readable) {
  const uid_t uid = ::geteuid();
  const gid_t gid = ::getegid();
  return ask_child([&]() -> std::string {
    if (auto problem = become_another_user(uid, gid)) return *problem;
    for (const auto& path : readable)
      if (::access(path.c_str(), R_OK) != 0) return fmt::format("another user can not read {}", path.string());
    drop_capabilities();
    try {
      ::setenv("KARAPACE_ID_MODE", "single", 1);
      sandbox::enter_user_namespace(sandbox::plan_ids());
    } catch (const SandboxError& error) {
      return fmt::format("inside another user namespace, {}", error.what());
    }
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      return fmt::format("inside another user namespace, mounts are refused: {}", std::strerror(errno));
    return {};
  });
}

VariedThing vary_user(const Variation& variation) {
  if (variation.same.contains("user")) return not_varied("user", "as asked");
  auto problem = problem_of_another_user(variation.readable);
  if (!problem.empty()) return not_varied("user", problem);
  const auto mode = sandbox::plan_ids().mode;
  const uid_t uid = ::geteuid();
  if (auto refused = become_another_user(uid, ::getegid())) throw Error("reproduce: " + *refused);
  ::setenv("USER", "another", 1);
  ::setenv("LOGNAME", "another", 1);
  ::setenv("HOME", variation.home.c_str(), 1);
  ::setenv("KARAPACE_ID_MODE", "single", 1);
  auto modes = mode == sandbox::IdMode::single ? "" : fmt::format(", id mode single instead of {}", text(mode));
  return varied("user", fmt::format("user {} instead of {}{}", other_id(uid), uid, modes));
}

VariedThing vary_host(const Variation& variation) {
  if (variation.same.contains("host")) return not_varied("host", "as asked");
  utsname here{};
  ::uname(&here);
  const std::string_view own = here.nodename;
  const std::string_view other = own == "reproduce.invalid" ? "another.invalid" : "reproduce.invalid";
  if (::unshare(CLONE_NEWUTS) != 0 || ::sethostname(other.data(), other.size()) != 0)
    return not_varied("host", fmt::format("another host name is refused: {}", std::strerror(errno)));
  return varied("host", fmt::format("host name {}", other));
}

VariedThing vary_umask(const Variation& variation) {
  const mode_t own = ::umask(077);
  const mode_t other = own == 077 ? 027 : 077;
  ::umask(variation.same.contains("umask") ? own : other);
  if (variation.same.contains("umask")) return not_varied("umask", "as asked");
  return varied("umask", fmt::format("umask {:03o} instead of {:03o}", other, own));
}

VariedThing vary_locale(const Variation& variation) {
  if (variation.same.contains("locale")) return not_varied("locale", "as asked");
  const char* own = std::getenv("LC_ALL");
  const bool is_turkish = own != nullptr && std::string_view(own) == "tr_TR.UTF-8";
  const char* other = is_turkish ? "de_DE.UTF-8" : "tr_TR.UTF-8";
  for (const char* name : {"LC_ALL", "LANG", "LANGUAGE"}) ::setenv(name, other, 1);
  ::setenv("TZ", "CHAST-12:45", 1);  // the Chatham Islands', without a file
  return varied("locale", fmt::format("locale {}, time zone UTC+12:45", other));
}

unsigned count_of(const cpu_set_t& set) noexcept { return static_cast<unsigned>(CPU_COUNT(&set)); }

/// Keeps every other processor.
VariedThing vary_processors(const Variation& variation, unsigned& processors) {
  cpu_set_t own;
  CPU_ZERO(&own);
  if (::sched_getaffinity(0, sizeof own, &own) != 0) return not_varied("cpus", "their number is not known");
  processors = count_of(own);
  if (variation.same.contains("cpus")) return not_varied("cpus", "as asked");
  if (processors < 2) return not_varied("cpus", "there is one only");
  cpu_set_t fewer = own;
  bool keep = false;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &own)) continue;
    if (!keep) CPU_CLR(cpu, &fewer);
    keep = !keep;
  }
  if (::sched_setaffinity(0, sizeof fewer, &fewer) != 0)
    return not_varied("cpus", fmt::format("the kernel refuses: {}", std::strerror(errno)));
  auto how = fmt::format("{} of {} CPUs", count_of(fewer), processors);
  processors = count_of(fewer);
  return varied("cpus", how);
}

nlohmann::json json_of(const VariedThing& thing) {
  return {{"name", thing.name}, {"is_varied", thing.is_varied}, {"how", thing.how}};
}

std::vector<VariedThing> things_from(const std::string& text) {
  std::vector<VariedThing> things;
  for (const auto& json : nlohmann::json::parse(text))
    things.push_back({json.at("name"), json.at("is_varied"), json.at("how")});
  return things;
}

/// The life of the child: tells what it changed, then works.
int live_elsewhere(const Variation& variation, const std::function<int(unsigned)>& run, Fd report) {
  unsigned processors = 1;
  auto user = vary_user(variation);  // first: gives the right to another host name
  auto things =
      nlohmann::json::array({json_of(vary_host(variation)), json_of(user), json_of(vary_umask(variation)),
                             json_of(vary_locale(variation)), json_of(vary_processors(variation, processors))});
  ::setenv("TMPDIR", variation.temporary.c_str(), 1);
  write_all(report.get(), things.dump(), "a pipe");
  report.reset();
  return run(processors);
}

int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

// Ctrl-C ends the programs that the child runs; we stay to clean up.
class IgnoredInterrupt {
 public:
  IgnoredInterrupt() { before_ = std::signal(SIGINT, SIG_IGN); }
  ~IgnoredInterrupt() { std::signal(SIGINT, before_); }
  IgnoredInterrupt(const IgnoredInterrupt&) = delete;
  IgnoredInterrupt& operator=(const IgnoredInterrupt&) = delete;

 private:
  void (*before_)(int) = SIG_DFL;
};

}  // namespace

VariedRun run_varied(const Variation& variation, const std::function<int(unsigned)>& run) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw Error(errno_message("cannot make a pipe", errno));
  Fd reader(ends[0]);
  Fd writer(ends[1]);
  IgnoredInterrupt ignored;
  const pid_t pid = ::fork();
  if (pid < 0) throw Error(errno_message("cannot start a process", errno));
  if (pid == 0) {
    int status = 125;
    try {
      reader.reset();
      status = live_elsewhere(variation, run, std::move(writer));
    } catch (const std::exception& error) {
      fmt::print(stderr, "karapace: error: {}\n", printable(error.what()));
    }
    ::_exit(status);
  }
  writer.reset();
  auto report = read_all(reader.get(), "a pipe");
  int status = wait_for(pid);
  if (report.empty()) throw Error("reproduce: no build could be started under other circumstances (see above)");
  return {status, things_from(report)};
}

}  // namespace karapace::proof
