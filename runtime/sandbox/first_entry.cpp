// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/first_entry.hpp"

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/words.hpp"
#include "runtime/sandbox/sandbox.hpp"
#include "runtime/sandbox/session_list.hpp"
#include "runtime/sandbox/store_namespace.hpp"

namespace karapace::sandbox {
namespace {

namespace fs = std::filesystem;

/// Another release of Karapace builds other layers of the same lock, for the same instance: that is looked at again.
std::string done(const store::Environment& environment) { return fmt::format("done {}\n", environment.step.hex()); }

constexpr std::size_t shown_lines = 5;

/// The generation's `first-entry`, open. Written in place, as it is the lock as well.
class Progress {
 public:
  Progress(const fs::path& file, const store::Environment& environment)
      : file_(open_at(AT_FDCWD, file, O_RDWR | O_CREAT | O_NOFOLLOW, 0644)), done_(done(environment)) {}

  int fd() const noexcept { return file_.get(); }
  bool is_done() const { return text() == done_; }
  /// The one whose making was interrupted, or null.
  const InstanceSecret* interrupted(const std::vector<const InstanceSecret*>& secrets) const {
    const auto now = text();
    const auto found =
        std::find_if(secrets.begin(), secrets.end(), [&](const auto* one) { return now == making(*one); });
    return found == secrets.end() ? nullptr : *found;
  }
  void set_making(const InstanceSecret& secret) const { write(making(secret)); }
  void set_open() const { write(""); }
  /// For ever: what was made must not be lost when this is not.
  void set_done(bool something_was_made) const {
    if (something_was_made) ::syncfs(file_.get());
    write(done_);
  }

 private:
  static std::string making(const InstanceSecret& secret) { return fmt::format("making {}\n", secret.name); }
  std::string text() const {
    std::string bytes(256, '\0');
    const auto count = ::pread(file_.get(), bytes.data(), bytes.size(), 0);
    bytes.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
    return bytes;
  }
  void write(std::string_view text) const {
    const auto size = static_cast<ssize_t>(text.size());
    if (::pwrite(file_.get(), text.data(), text.size(), 0) != size || ::ftruncate(file_.get(), size) != 0)
      throw StoreError(errno_message("cannot write the instance's \"first-entry\"", errno));
  }

  Fd file_;
  std::string done_;
};

bool was_done(const fs::path& file, const store::Environment& environment) {
  return read_file_if_exists(file) == done(environment);
}

void tell(const Notice& notice, const std::string& message) {
  if (notice) notice(message);
}

/// A directory that lies below all layers: dpkg's scripts start no services where there is a policy against it. An
/// image's own policy counts.
fs::path put_policy(const fs::path& staging) {
  const auto tree = staging / "policy";
  for (const auto& directory : {tree, tree / "usr", tree / "usr/sbin"}) make_directory(directory);
  write_file_atomically(tree / "usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", Durable::no, 0755);
  return tree;
}

SandboxPlan plan_for(const store::Store& store, const store::Environment& environment, const store::Instance& instance,
                     const fs::path& policy) {
  SandboxPlan plan;
  plan.lowers.push_back(policy);
  for (const auto& layer : environment.layers) plan.lowers.push_back(store.layer_tree(layer));
  plan.upper = instance.upper();
  plan.work = instance.work();
  plan.volatile_overlay = false;
  plan.given_files.push_back({"/etc/hosts",
                              "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
                              "127.0.1.1\tkarapace.localdomain karapace\n"});
  return plan;
}

Command shell_command(std::string script) {
  Command command;
  command.argv = {"/bin/sh", "-c", std::move(script)};
  command.variables = {{"DEBCONF_NONINTERACTIVE_SEEN", "true"},
                       {"DEBIAN_FRONTEND", "noninteractive"},
                       {"HOME", "/root"},
                       {"LC_ALL", "C.UTF-8"},
                       {"LOGNAME", "root"},
                       {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
                       {"TERM", "dumb"},
                       {"USER", "root"}};
  return command;
}

std::string last_lines(std::string_view text) {
  const auto all = lines(text);
  std::string result;
  for (auto i = all.size() - std::min(all.size(), shown_lines); i < all.size(); ++i)
    result += fmt::format("\n  {}", all[i].substr(0, 300));
  return result;
}

/// The work itself, by a process that has entered the user namespace of sandboxes.
class Making {
 public:
  Making(SandboxPlan plan, fs::path log, const Progress& progress, const FirstEntryNotices& notices)
      : plan_(std::move(plan)), log_(std::move(log)), progress_(progress), notices_(notices) {}

  void make_all(const std::vector<const InstanceSecret*>& secrets) {
    // The first: the file that says so is written over by the next one.
    const auto* interrupted = progress_.interrupted(secrets);
    if (interrupted) make(*interrupted);
    for (const auto* secret : secrets)
      if (secret != interrupted && run(judging_script(*secret)) == 0) make(*secret);
    if (!made_.empty()) tell(notices_.made, fmt::format("{}", fmt::join(made_, ", ")));
    if (failed_)
      progress_.set_open();
    else
      progress_.set_done(!made_.empty());
  }

 private:
  void make(const InstanceSecret& secret) {
    progress_.set_making(secret);
    if (run(making_script(secret)) == 0) return made_.push_back(secret.name);
    failed_ = true;
    tell(notices_.warn,
         fmt::format("{} could not be made for this instance; the next session tries again, as would, inside: {}{}",
                     secret.name, secret.command, last_lines(read_end_of_file(log_))));
  }

  int run(std::string script) {
    const Fd log = open_at(AT_FDCWD, log_, O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);
    plan_.fresh_upper = names_in(plan_.upper).empty();
    plan_.output = log.get();
    plan_.commands = {shell_command(std::move(script))};
    return sandbox::run(plan_).status;
  }

  SandboxPlan plan_;
  fs::path log_;
  const Progress& progress_;
  const FirstEntryNotices& notices_;
  std::vector<std::string_view> made_;
  bool failed_ = false;
};

/// The child's whole life.
[[noreturn]] void make_and_exit(const store::Store& store, SandboxPlan plan, const fs::path& log,
                                const Progress& progress, const std::vector<const InstanceSecret*>& secrets,
                                const FirstEntryNotices& notices) {
  try {
    plan.id_mode = enter_namespace_for(store);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    Making(std::move(plan), log, progress, notices).make_all(secrets);
  } catch (const std::exception& error) {
    tell(notices.warn, fmt::format("what this instance should have of its own was not made: {}", error.what()));
  }
  ::_exit(0);
}

/// By a child: the caller itself stays outside of the user namespace.
void make_missing(const store::Store& store, const store::Environment& environment, const store::Instance& instance,
                  const std::vector<const InstanceSecret*>& secrets, const Progress& progress,
                  const FirstEntryNotices& notices) {
  const auto staging = store.stage();
  const auto lock = lock_upper(instance.work(), notices.warn);
  auto plan = plan_for(store, environment, instance, put_policy(staging.path()));
  plan.upper_lock = lock.get();
  const pid_t child = ::fork();
  if (child < 0) throw SandboxError(errno_message("sandbox: cannot start a process", errno));
  if (child == 0) make_and_exit(store, std::move(plan), staging.path() / "log", progress, secrets, notices);
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void make_missing_if_any(const store::Store& store, const store::Environment& environment,
                         const store::Instance& instance, const Progress& progress, const FirstEntryNotices& notices) {
  std::vector<fs::path> trees;
  for (const auto& layer : environment.layers) trees.push_back(store.layer_tree(layer));
  const auto secrets = secrets_of_packages(trees);
  if (secrets.empty()) return progress.set_done(false);
  make_missing(store, environment, instance, secrets, progress, notices);
}

}  // namespace

void make_first_entry(const store::Store& store, const store::Environment& environment, const store::Instance& instance,
                      const FirstEntryNotices& notices) {
  if (was_done(instance.current.first_entry(), environment)) return;
  const Progress progress(instance.current.first_entry(), environment);
  Waiting waiting(std::chrono::minutes(10), "the first session of this instance, which makes its keys", notices.warn);
  if (!lock_patiently(progress.fd(), LOCK_EX, waiting))
    throw SandboxError("sandbox: for ten minutes another session has made this instance's keys; end it and try again");
  if (progress.is_done() || running_session(instance.directory)) return;
  try {
    make_missing_if_any(store, environment, instance, progress, notices);
  } catch (const StoreError& error) {
    tell(notices.warn, fmt::format("what this instance should have of its own was not made: {}", error.what()));
  }
}

}  // namespace karapace::sandbox
