// SPDX-License-Identifier: Apache-2.0
// The probe: a program that tries, inside a sandbox, every way out that we know of.
//
//   probe list                        the names of all attempts, a line each
//   probe run NAME=VALUE...           tries them, prints NAME<TAB>RESULT<TAB>DETAIL a line each
//   probe wait PATH                   waits until PATH exists: a session that others join
//   probe view PATH                   whether this directory, which should not be here, shows or takes anything
//   probe reach PATH                  whether this file, which should not be here, can be read, written or connected to
//   probe exchange PATH PATH          exchanges two names (renameat2(2)), or says why not
//   probe mounts MOST                 whether there are no more mounts than that
//   probe send SOCKET DIRECTORY, probe receive SOCKET END NAME...     see handing_on.hpp
//   sh -ec "probe run NAME=VALUE..."  the same: in the test's image the probe is the only program, the shell too
//
// Facts that steer a run: `only=FAMILY,NAME`, `output=PATH` for results, `finish=kill` for the blow at the end.
// Static, so that any image runs it. What each result means stands in attempt.hpp, what is expected in expected.txt.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attempt.hpp"
#include "handing_on.hpp"

namespace karapace::probe {
namespace {

// Far more than any attempt needs: a machine that pauses for seconds makes none of them "hung".
constexpr int most_milliseconds = 30'000;
constexpr int gained_root = 10;  // exit status of `report-id`, for capability.set-user-id

Attempts all_attempts() {
  Attempts all;
  for (const auto family :
       {process_one_attempts, process_attempts, terminal_attempts, stream_attempts, mount_attempts, mask_attempts,
        namespace_attempts, capability_attempts, system_call_attempts, foreign_call_attempts, socket_attempts,
        network_attempts, ipc_attempts, device_attempts, file_attempts, control_file_attempts, secret_attempts}) {
    auto attempts = family();
    std::move(attempts.begin(), attempts.end(), std::back_inserter(all));
  }
  return all;
}

/// Results are lines of words between tabs, whatever a file name or message holds.
std::string printable(std::string text) {
  for (char& c : text)
    if (c < ' ' || c > '~') c = '?';
  return text;
}

[[noreturn]] void run_in_child(const Attempt& attempt, const Facts& facts, int answer) {
  const auto outcome = attempt.run(facts);
  const auto line = std::string(text(outcome.result)) + '\t' + printable(outcome.detail);
  ::_exit(::write(answer, line.data(), line.size()) < 0);
}

std::string answer_of(pid_t child, int answer) {
  pollfd source{answer, POLLIN, 0};
  char line[512];
  const bool answered = ::poll(&source, 1, most_milliseconds) > 0;
  const auto count = answered ? ::read(answer, line, sizeof line) : 0;
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (count > 0) return {line, static_cast<std::size_t>(count)};
  if (!answered) return "hung\t";
  return "crashed\t" + (WIFSIGNALED(status) ? std::string(::strsignal(WTERMSIG(status))) : "no answer");
}

std::string outcome_of(const Attempt& attempt, const Facts& facts) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return "crashed\tpipe";
  // Away from 0 to 2, which some attempts look at and the caller may have closed.
  const int answer = ::fcntl(ends[1], F_DUPFD_CLOEXEC, 100);
  ::close(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) run_in_child(attempt, facts, answer);
  ::close(answer);
  auto line = answer_of(child, ends[0]);
  ::close(ends[0]);
  return line;
}

bool is_wanted(const std::string& name, const Facts& facts) {
  if (!facts.has("only")) return true;
  const auto wanted = "," + facts.at("only") + ",";
  const auto is_listed = [&](const std::string& word) { return wanted.find("," + word + ",") != std::string::npos; };
  return is_listed(name) || is_listed(name.substr(0, name.find('.')));
}

/// Everything that a signal can reach from here dies, and nothing else may: the runner looks who is left.
[[noreturn]] void kill_all() {
  ::kill(-1, SIGKILL);
  ::kill(0, SIGKILL);
  ::_exit(1);
}

int run(const Facts& facts) {
  // Attempts signal whole groups with it; the test's caller counts what arrives.
  ::signal(SIGUSR1, SIG_IGN);
  std::FILE* output = facts.has("output") ? std::fopen(facts.at("output").c_str(), "we") : stdout;
  if (output == nullptr) return std::perror("probe: output"), 1;
  for (const auto& attempt : all_attempts()) {
    if (!is_wanted(attempt.name, facts)) continue;
    std::fprintf(output, "%s\t%s\n", attempt.name.c_str(), outcome_of(attempt, facts).c_str());
    std::fflush(output);
  }
  std::fprintf(output, "end\t\t\n");
  std::fflush(output);
  if (facts.has("finish")) kill_all();
  return 0;
}

int list() {
  for (const auto& attempt : all_attempts()) std::printf("%s\n", attempt.name.c_str());
  return 0;
}

/// Two terminals stay open meanwhile: a session beside this one must not see them (terminal.others-are-listed).
int wait_for(const char* path) {
  for (int i = 0; i < 2; ++i)
    if (::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC) < 0) return std::perror("probe: /dev/ptmx"), 1;
  std::printf("waiting\n");
  std::fflush(stdout);
  while (::access(path, F_OK) != 0) ::usleep(20'000);
  return 0;
}

int view(const std::string& path) {
  const auto made = path + "/made-by-the-probe";
  const int fd = ::open(made.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  ::unlink(made.c_str());
  const auto outcome = fd >= 0 ? allowed("takes files") : list_attempt(path);
  std::printf("view\t%s\t%s\n", std::string(text(outcome.result)).c_str(), printable(outcome.detail).c_str());
  return 0;
}

bool connects(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

int reach(const std::string& path) {
  auto outcome = read_attempt(path);
  if (::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK) >= 0) outcome = allowed("can be written");
  if (connects(path)) outcome = allowed("somebody listens");
  std::printf("view\t%s\t%s\n", std::string(text(outcome.result)).c_str(), printable(outcome.detail).c_str());
  return 0;
}

int exchange(const char* one, const char* other) {
  if (::renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE) == 0) return 0;
  if (::unlink(other) == 0 && ::symlink(one, other) == 0) return 0;
  std::printf("exchange: %s\n", std::strerror(errno));
  return 0;
}

int count_mounts(int most) {
  std::ifstream table("/proc/self/mountinfo");
  int count = 0;
  for (std::string line; std::getline(table, line);) ++count;
  std::printf("view\t%s\t%d mounts\n", count <= most ? "contained" : "allowed", count);
  return 0;
}

std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  for (std::size_t begin = 0; (begin = line.find_first_not_of(' ', begin)) != std::string::npos;) {
    const auto end = std::min(line.find(' ', begin), line.size());
    words.push_back(line.substr(begin, end - begin));
    begin = end;
  }
  return words;
}

int act(const std::vector<std::string>& words) {
  const std::string task = words.size() > 1 ? words[1] : "";
  if (task == "list") return list();
  if (task == "wait" && words.size() > 2) return wait_for(words[2].c_str());
  if (task == "view" && words.size() > 2) return view(words[2]);
  if (task == "reach" && words.size() > 2) return reach(words[2]);
  if (task == "exchange" && words.size() > 3) return exchange(words[2].c_str(), words[3].c_str());
  if (task == "mounts" && words.size() > 2) return count_mounts(std::stoi(words[2]));
  if (task == "send" && words.size() > 3) return send_directory(words[2], words[3]);
  if (task == "receive" && words.size() > 4)
    return receive_directory(words[2], words[3], {words.begin() + 4, words.end()});
  if (task == "report-id") return ::geteuid() == 0 ? gained_root : 0;
  if (task != "run") return std::fprintf(stderr, "usage: see the top of main.cpp\n"), 2;
  Facts facts;
  for (const auto& word : words) facts.add(word);
  return run(facts);
}

}  // namespace
}  // namespace karapace::probe

int main(int argc, char** argv) {
  const bool as_shell = argc == 3 && std::string_view(argv[1]) == "-ec";
  return karapace::probe::act(as_shell ? karapace::probe::words_of(argv[2])
                                       : std::vector<std::string>(argv, argv + argc));
}
