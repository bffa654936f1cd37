// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/following.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/words.hpp"
#include "runtime/sandbox/session_list.hpp"
#include "runtime/sandbox/store_namespace.hpp"
#include "store/conflicts.hpp"
#include "store/environment.hpp"

namespace karapace::sandbox {

namespace {

namespace fs = std::filesystem;
using store::ScaffoldKind;

void tell(const Notice& notice, const std::string& message) {
  if (notice) notice(message);
}

/// The place and the directories that lead to it.
void add_place(store::Scaffold& scaffold, const fs::path& target, ScaffoldKind kind) {
  const auto path = target.lexically_normal().relative_path();
  for (auto above = path.parent_path(); !above.empty(); above = above.parent_path())
    scaffold.push_back({above.string(), ScaffoldKind::directory, {}});
  scaffold.push_back({path.string(), kind, {}});
}

ScaffoldKind kind_of(const fs::path& source) {
  struct stat status{};
  const bool is_directory = ::stat(source.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
  return is_directory ? ScaffoldKind::directory : ScaffoldKind::file;
}

/// What a child process found: paths end with a zero byte; a last one that does not is an error's message.
std::vector<std::string> read_answer(int pipe) {
  const auto text = read_all(pipe, "the answer of a child process");
  std::vector<std::string> paths;
  std::size_t begin = 0;
  for (auto end = text.find('\0'); end != std::string::npos; begin = end + 1, end = text.find('\0', begin))
    paths.push_back(text.substr(begin, end - begin));
  if (begin < text.size()) throw StoreError(text.substr(begin));
  return paths;
}

/// The child's whole life.
[[noreturn]] void answer_and_exit(const store::Store& store, const store::Instance& instance,
                                  const store::Environment& from, const store::Environment& to, int pipe) {
  std::string answer;
  try {
    const auto mode = enter_namespace_for(store);
    store::ChangesOptions options;
    options.owners = mode == IdMode::single ? store::Owners::ignore : store::Owners::from_disk;
    options.label = "the changes in the instance " + instance.id;
    options.scaffold = store::read_scaffold(instance.current);
    for (const auto& path : store::find_conflicts(store, instance.current, from, to, options)) answer += path + '\0';
  } catch (const std::exception& error) {
    answer += error.what();
  }
  try {
    write_all(pipe, answer, "an answer");
  } catch (const std::exception&) {
    ::_exit(1);
  }
  ::_exit(0);
}

store::Environment require_built(const store::Store& store, const EnvironmentId& id) {
  if (auto environment = store::find_environment(store, id)) return *std::move(environment);
  throw NotFoundError(fmt::format("the environment {} is not built", id.short_hex()));
}

std::string told(const std::vector<std::string>& conflicts) {
  constexpr std::size_t most = 3;
  std::string text;
  for (std::size_t i = 0; i < std::min(conflicts.size(), most); ++i)
    text += fmt::format("{}\"/{}\"", i == 0 ? "" : ", ", escaped_utf8(conflicts[i]));
  if (conflicts.size() > most) text += fmt::format(" and {} more", conflicts.size() - most);
  return text;
}

/// Why it stays where it is; "" when it moved. The caller holds the list of sessions, so none begins.
std::string move_to(const store::Store& store, const store::Instance& instance, const EnvironmentId& environment,
                    SessionList& sessions, const FollowNotices& notices) {
  const auto running = sessions.find_running();
  if (running && !sessions.forget_if_ending(*running))
    return "sessions still run in it; when they have ended, the next one follows";
  const auto upper_lock = lock_upper(instance.work(), notices.stays);
  if (const auto conflicts = conflicts_with(store, instance, environment); !conflicts.empty())
    return fmt::format(
        "changes of yours are to what that has otherwise ({}): `karapace rebuild --keep-changes` keeps them as they "
        "are, "
        "`karapace rebuild` begins afresh (`karapace undo` brings them back)",
        told(conflicts));
  store::set_environment(instance.current, environment);
  tell(notices.moved,
       fmt::format("the instance follows to the environment {}, with what was changed in it", environment.short_hex()));
  return {};
}

}  // namespace

store::Scaffold scaffold_of(const SandboxPlan& plan) {
  store::Scaffold scaffold;
  for (const auto* directory : {"dev", "proc", "run", "sys", "tmp"})
    scaffold.push_back({directory, ScaffoldKind::directory, {}});
  for (const auto& bind : plan.binds) add_place(scaffold, bind.target, kind_of(bind.source));
  for (const auto& given : plan.given_files) add_place(scaffold, given.target, ScaffoldKind::file);
  for (const auto& filled : plan.filled_files) {
    add_place(scaffold, filled.target, ScaffoldKind::filled);
    scaffold.back().content = blake3(filled.text);
  }
  return scaffold;
}

std::vector<std::string> conflicts_with(const store::Store& store, const store::Instance& instance,
                                        const EnvironmentId& environment) {
  // An instance that was never used, or only looked at, has no conflicts with anything.
  if (fs::is_empty(instance.upper())) return {};
  const auto from = require_built(store, instance.current.environment);
  const auto to = require_built(store, environment);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw StoreError(errno_message("cannot make a pipe", errno));
  const Fd reading(ends[0]);
  Fd writing(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) throw StoreError(errno_message("cannot start a process", errno));
  if (child == 0) answer_and_exit(store, instance, from, to, writing.get());
  writing.reset();
  auto paths = read_answer(reading.get());
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) throw StoreError("a child process that compares the changes of an instance was killed");
  return paths;
}

store::HeldInstance follow_project(const store::Store& store, store::HeldInstance held,
                                   const store::Reference& reference, const FollowNotices& notices) {
  const auto& wanted = reference.environment;
  if (held.instance.current.environment == wanted || held.instance.frozen) return held;
  const auto stay = [&](std::string_view reason) {
    tell(notices.stays, fmt::format("this session is in the earlier environment {}, not in {}: {}",
                                    held.instance.current.environment.short_hex(), wanted.short_hex(), reason));
    return std::move(held);
  };
  if (!store::find_environment(store, wanted)) return stay("that is not built yet");
  SessionList sessions(held.instance.directory, notices.stays);
  held.instance = store::find_instance(store, held.instance.id).value();
  if (held.instance.current.environment == wanted) return held;
  std::string reason;
  try {
    reason = move_to(store, held.instance, wanted, sessions, notices);
  } catch (const Error& error) {
    // What runs inside made what can not be compared: a session is of use without it.
    reason = error.what();
  }
  if (!reason.empty()) return stay(reason);
  held.instance = store::find_instance(store, held.instance.id).value();
  return held;
}

}  // namespace karapace::sandbox
