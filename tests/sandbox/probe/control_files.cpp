// SPDX-License-Identifier: Apache-2.0
// control.*: files of the project that the host obeys. Who writes build.ninja or .karapace/ in a session, runs commands
// outside at the next `ninja`. snapd's CVE-2024-1724 ($HOME/bin) was of this kind: writable inside and trusted outside.
// Every attempt that succeeds is undone, so that one does not hide the next.
#include <cstdio>
#include <cstdlib>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "attempt.hpp"

namespace karapace::probe {
namespace {

using Path = std::string;

Outcome write_to(const Path& file) { return judged(::open(file.c_str(), O_WRONLY | O_CLOEXEC)); }

Outcome change_mode(const Path& file) {
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0) return failed();
  return judged(::chmod(file.c_str(), status.st_mode & 07777));
}

Outcome rename_away(const Path& file) {
  const auto elsewhere = file + ".taken";
  const auto outcome = judged(::rename(file.c_str(), elsewhere.c_str()));
  if (outcome.result == Result::allowed) ::rename(elsewhere.c_str(), file.c_str());
  return outcome;
}

/// As editors save: another file takes the name.
Outcome rename_over(const Path& file, const Facts& facts) {
  const auto text = read_text(file);
  if (!text.ok) return failed();
  const auto other = facts.at("project") + "/replacement";
  const int fd = ::open(other.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0 || ::write(fd, text.bytes.data(), text.bytes.size()) < 0) return failed();
  const long done = ::rename(other.c_str(), file.c_str());
  const auto outcome = judged(done);
  ::unlink(other.c_str());
  return outcome;
}

/// Two names swapped at once.
Outcome exchange(const Path& file, const Facts& facts) {
  const auto other = facts.at("project") + "/exchanged";
  ::close(::open(other.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  const auto swap = [&] { return ::renameat2(AT_FDCWD, other.c_str(), AT_FDCWD, file.c_str(), RENAME_EXCHANGE); };
  const auto outcome = judged(swap());
  if (outcome.result == Result::allowed) swap();
  ::unlink(other.c_str());
  return outcome;
}

Outcome remove(const Path& file) {
  const auto text = read_text(file);
  if (!text.ok) return failed();
  if (::unlink(file.c_str()) != 0) return failed();
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  return ::write(fd, text.bytes.data(), text.bytes.size()) < 0 ? allowed("and lost") : allowed();
}

/// Another name for the same file, where no mount covers it.
Outcome write_by_link(const Path& file, const Facts& facts) {
  const auto other = facts.at("project") + "/second-name";
  if (::link(file.c_str(), other.c_str()) != 0) return failed();
  const long fd = ::open(other.c_str(), O_WRONLY | O_CLOEXEC);
  const auto outcome = judged(fd);
  ::unlink(other.c_str());
  return outcome;
}

Outcome write_by_magic_link(const Path& file) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failed();
  return judged(::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_WRONLY | O_CLOEXEC));
}

Outcome make_in(const Path& directory) {
  const auto file = directory + "/made";
  const auto outcome = judged(::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0755));
  ::unlink(file.c_str());
  return outcome;
}

/// Below .karapace a link would lead what Karapace writes and removes out of the project.
Outcome link_in(const Path& directory, const Facts& facts) {
  const auto link = directory + "/link";
  const auto outcome = judged(::symlink(facts.at("outside").c_str(), link.c_str()));
  ::unlink(link.c_str());
  return outcome;
}

Outcome write_any_below(const Path& directory) {
  const auto names = names_in(directory);
  if (errno != 0) return failed();
  for (const auto& name : names) {
    const auto path = directory + "/" + name;
    struct stat status{};
    if (::lstat(path.c_str(), &status) != 0) continue;
    if (S_ISDIR(status.st_mode)) {
      if (auto found = write_any_below(path); found.result == Result::allowed) return found;
    } else if (::open(path.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC) >= 0) {
      return allowed(path);
    }
  }
  return {Result::refused, std::to_string(names.size()) + " names"};
}

Outcome make_in_project(const Facts& facts, mode_t mode) {
  const auto file = facts.at("project") + "/made";
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return failed();
  const auto outcome = judged(::fchmod(fd, mode));
  ::unlink(file.c_str());
  return outcome;
}

/// Whether the project's mount lets a set-id program of the project gain anything: it is mounted without.
Outcome run_set_id(const Facts& facts) {
  const auto file = facts.at("project") + "/made-set-id";
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
  if (fd < 0) return failed();
  struct stat status{};
  ::fchmod(fd, 06755);
  ::fstat(fd, &status);
  ::unlink(file.c_str());
  return (status.st_mode & 06000) != 0 ? allowed("set-id bits stay") : contained();
}

}  // namespace

Attempts control_file_attempts() {
  Attempts all;
  const auto add = [&all](const std::string& name, auto attempt) { all.push_back({"control." + name, attempt}); };
  for (const char* name : {"karapace.toml", "karapace.lock", "build.ninja"}) {
    const auto in = [name](const Facts& facts) { return facts.at("project") + "/" + name; };
    const auto file = label(name);
    add("write-" + file, [in](const Facts& facts) { return write_to(in(facts)); });
    add("mode-" + file, [in](const Facts& facts) { return change_mode(in(facts)); });
    add("rename-" + file, [in](const Facts& facts) { return rename_away(in(facts)); });
    add("replace-" + file, [in](const Facts& facts) { return rename_over(in(facts), facts); });
    add("exchange-" + file, [in](const Facts& facts) { return exchange(in(facts), facts); });
    add("remove-" + file, [in](const Facts& facts) { return remove(in(facts)); });
    add("link-" + file, [in](const Facts& facts) { return write_by_link(in(facts), facts); });
    add("magic-link-" + file, [in](const Facts& facts) { return write_by_magic_link(in(facts)); });
  }
  const auto state = [](const Facts& facts) { return facts.at("project") + "/.karapace"; };
  add("rename-state", [state](const Facts& facts) { return rename_away(state(facts)); });
  add("mode-state", [state](const Facts& facts) { return change_mode(state(facts)); });
  add("make-in-state", [state](const Facts& facts) { return make_in(state(facts)); });
  add("link-in-state", [state](const Facts& facts) { return link_in(state(facts), facts); });
  add("write-below-state", [state](const Facts& facts) { return write_any_below(state(facts)); });
  add("rename-project", [](const Facts& facts) { return rename_away(facts.at("project")); });
  add("climb-from-project", [](const Facts& facts) {
    const int project = ::open(facts.at("project").c_str(), O_PATH | O_CLOEXEC);
    return project < 0 ? failed() : climb_attempt(project, facts);
  });
  // On purpose: the project is the session's to work on, with all that follows (docs/security-model.md).
  add("make-in-project", [](const Facts& facts) { return make_in_project(facts, 0644); });
  add("set-id-in-project", run_set_id);
  return all;
}

}  // namespace karapace::probe
