// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/layer_build.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/words.hpp"
#include "runtime/init/directory_order.hpp"
#include "runtime/sandbox/debug_state.hpp"
#include "runtime/sandbox/first_entry.hpp"
#include "runtime/sandbox/sandbox.hpp"
#include "runtime/steps/capture.hpp"
#include "runtime/steps/package_family.hpp"
#include "runtime/steps/remade_files.hpp"
#include "runtime/steps/scaffold.hpp"
#include "runtime/steps/step_context.hpp"
#include "runtime/trees/composition.hpp"
#include "runtime/trees/file_metadata.hpp"
#include "runtime/trees/layer_stack.hpp"
#include "store/identifiers.hpp"
#include "store/listing.hpp"
#include "store/tree_walk.hpp"

namespace karapace::steps {

namespace {

constexpr std::size_t shown_lines = 30;
constexpr std::size_t shown_bytes = 500;  // of each
constexpr std::size_t most_told = 20;
constexpr const char* host_name = "karapace";

/// The beginning of a line that is too long to be read; no character is cut in two.
std::string_view cut(std::string_view line) {
  if (line.size() <= shown_bytes) return line;
  std::size_t end = shown_bytes;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) --end;
  return line.substr(0, end);
}

/// What the command wrote is shown, never obeyed: it may be anybody's.
std::string last_lines(std::string_view text) {
  auto all = lines(text);
  std::string result;
  for (std::size_t i = all.size() - std::min(all.size(), shown_lines); i < all.size(); ++i) {
    auto line = cut(all[i]);
    result.append("  ").append(printable(line)).append(line.size() < all[i].size() ? "...\n" : "\n");
  }
  return result;
}

std::string what_failed(const sandbox::Command& command, int status, const std::vector<std::string>& packages) {
  auto title = command.title.empty() ? command.argv.front() : command.title;
  if (!packages.empty()) return fmt::format("{} failed for {}", title, fmt::join(packages, ", "));
  if (status > 128) return fmt::format("{} was killed by signal {}", title, status - 128);
  return fmt::format("{} failed with status {}", title, status);
}

// What is told and kept when a command of a build fails.

/// Keeps the state for `karapace debug STEP` and throws the StepError that shows the end of the output, the package or
/// command that failed, the whole log's place, and how to get a shell.
void fail_command(const StepContext& context, const sandbox::SandboxPlan& plan, const sandbox::SandboxResult& result,
                  const std::filesystem::path& log, FailedPackages* failed_packages) {
  const auto output = read_end_of_file(log);
  const auto packages = failed_packages ? failed_packages(output) : std::vector<std::string>();
  sandbox::keep_debug_state(context.store, context.key, plan, result, context.staging.path());
  throw StepError(fmt::format("{}: {}\n{}the whole output: {}\na shell in this state: karapace debug {}",
                              text(context.step.kind),
                              what_failed(plan.commands.at(result.command), result.status, packages),
                              last_lines(output), log.string(), context.key.short_hex()));
}

// The overlay shows the upper directory's own metadata as the root's.
void give_root_metadata(const std::filesystem::path& upper, const trees::Composition& tree) {
  auto directory = open_at(AT_FDCWD, upper, O_RDONLY | O_DIRECTORY);
  trees::apply_metadata(directory.get(), tree.find("")->entry);
}

/// Makes the tree of a MovedClock at `place`, which must not exist.
void write_clock_layer(const std::filesystem::path& place, const MovedClock& clock) {
  const auto etc = place / "etc";
  for (const auto& directory : {place, etc}) {
    if (::mkdir(directory.c_str(), 0755) != 0)
      throw StoreError(errno_message(fmt::format("cannot make the directory {}", directory.string()), errno));
  }
  // moved_clock.c knows the name of the link.
  const auto link = etc / "ld.so.preload.offset";
  if (::symlink(std::to_string(clock.seconds).c_str(), link.c_str()) != 0)
    throw StoreError(errno_message(fmt::format("cannot make the link {}", link.string()), errno));
  write_file_atomically(etc / "ld.so.preload.clock", read_file(clock.library), Durable::no, 0755);
  write_file_atomically(etc / "ld.so.preload", "/etc/ld.so.preload.clock\n", Durable::no, 0644);
}

sandbox::SandboxPlan sandbox_plan(const StepContext& context, const trees::LayerStack& lower,
                                  const LayerBuildPlan& plan, int log) {
  const auto& staging = context.staging.path();
  sandbox::SandboxPlan sandbox;
  if (context.clock) sandbox.lowers.push_back(staging / "clock");
  sandbox.lowers.insert(sandbox.lowers.end(), lower.trees().begin(), lower.trees().end());
  sandbox.lowers.push_back(staging / "tree");
  sandbox.upper = staging / "upper";
  sandbox.work = staging / "work";
  sandbox.binds = plan.binds;
  sandbox.hostname = host_name;
  sandbox.id_mode = context.id_mode;
  sandbox.directory_order = context.hints.contains("order") ? init::order_of_names : 0;
  sandbox.commands = plan.commands;
  sandbox.output = log;
  return sandbox;
}

std::string shown_list(const std::vector<std::string>& paths) {
  return fmt::format("/{}{}", printable_word(paths.front()),
                     paths.size() == 1 ? "" : fmt::format(" and {} more", paths.size() - 1));
}

std::string shown_secret(std::string_view name, const std::vector<std::string>& paths) {
  const auto* secret = sandbox::find_instance_secret(name);
  return fmt::format("\n  {}: {}", shown_list(paths), secret ? secret->command : name);
}

void tell_paths(const StepContext& context, std::string_view what, const std::vector<std::string>& paths) {
  if (paths.empty()) return;
  std::vector<std::string> shown;
  for (const auto& path : paths) shown.push_back("/" + printable_word(path));
  std::sort(shown.begin(), shown.end());
  const auto more = shown.size() > most_told ? shown.size() - most_told : 0;
  shown.resize(shown.size() - more);
  context.note(
      fmt::format("{}: {}{}", what, fmt::join(shown, ", "), more == 0 ? "" : fmt::format(" and {} more", more)));
}

/// What is not in the layer although a command made it, and what is and perhaps should not be.
void tell(const StepContext& context, const Captured& captured) {
  if (!context.note) return;
  std::map<std::string_view, std::vector<std::string>> left_out;
  for (const auto& [path, secret] : captured.left_out) left_out[secret].push_back(path);
  std::vector<std::string> shown;
  for (const auto& [name, paths] : left_out) shown.push_back(shown_secret(name, paths));
  if (!shown.empty())
    context.note(fmt::format(
        "what is secret or random does not belong in a layer that many share; the first session of each instance makes "
        "its own, as these commands would:{}",
        fmt::join(shown, "")));
  tell_paths(context, "these files are not for everybody, but whoever gets the environment gets them, too",
             captured.confined);
  tell_paths(context, "sockets are nothing without the process that made them, so no layer has them", captured.sockets);
  tell_paths(context, "the access control lists of these files are left out, as not every machine could keep them",
             captured.acls);
}

void put_scaffold(Scaffold& scaffold, const LayerBuildPlan& plan) {
  for (const auto& file : plan.scaffold) scaffold.put(file);
  scaffold.put_host_names(host_name);
}

/// When they began, in seconds of the real clock.
std::int64_t run_commands(const StepContext& context, const trees::LayerStack& lower, const LayerBuildPlan& plan) {
  const auto& staging = context.staging.path();
  if (context.clock) write_clock_layer(staging / "clock", *context.clock);
  auto log_path = context.store.log_path(context.key);
  auto log = open_at(AT_FDCWD, log_path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0644);
  auto sandbox = sandbox_plan(context, lower, plan, log.get());
  const std::int64_t started = std::time(nullptr);
  auto run = [&](const sandbox::SandboxPlan& session) {
    auto result = sandbox::run(session);
    if (result.status != 0) fail_command(context, session, result, log_path, plan.failed_packages);
  };
  run(sandbox);
  if (!plan.output.empty()) return started;
  if (auto again = remaking(sandbox)) run(*again);
  return started;
}

/// The output, where it is a directory that holds something. The commands may have put links anywhere, and ours is not
/// the root that they meant: none is followed.
std::optional<Fd> open_output(const std::filesystem::path& upper, const std::string& output) {
  const auto top = open_at(AT_FDCWD, upper, O_RDONLY | O_DIRECTORY);
  auto directory = store::open_beneath(top.get(), output, O_RDONLY | O_DIRECTORY);
  if (!directory || names_in(directory.get(), output).empty()) return std::nullopt;
  return directory;
}

/// What is no file, link or directory could not be installed.
void require_installable(const StepContext& context, const LayerBuildPlan& plan, trees::Composition& made) {
  for (const auto& [path, node] : made.nodes()) {
    const auto type = node.entry.type;
    if (type == store::EntryType::regular || type == store::EntryType::directory || type == store::EntryType::symlink)
      continue;
    throw StepError(
        fmt::format("{}: the commands left \"/{}/{}\", which is no file, link or directory: remove it at their "
                    "end",
                    text(context.step.kind), plan.output, printable(path)));
  }
}

/// The layer of the plan's output alone.
LayerId layer_of_output(const StepContext& context, const trees::Composition& tree, const LayerBuildPlan& plan,
                        std::int64_t started) {
  const auto& staging = context.staging.path();
  auto output = open_output(staging / "upper", tree.resolve_parents(plan.output));
  if (!output)
    throw StepError(
        fmt::format("{}: the commands left nothing in /{}, which is $out: have them install there\n"
                    "the whole output: {}",
                    text(context.step.kind), plan.output, context.store.log_path(context.key).string()));
  const trees::LayerStack nothing(context.store, {});
  trees::Composition made(nothing);
  made.nodes().begin()->second.entry.mtime = plan.epoch;
  const auto path = staging / "output";
  make_directory(path);
  made.write(path);
  tell(context, capture(std::move(*output), made, path, nothing,
                        {.started = started, .epoch = plan.epoch, .secrets = plan.secrets, .place = plan.output}));
  require_installable(context, plan, made);
  made.write_directory_times(path);
  return context.store.add_layer(path, std::move(made).listing(), context.staging);
}

}  // namespace

std::map<std::string, std::string> build_variables(std::int64_t epoch) {
  std::map<std::string, std::string> variables{
      {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
      {"HOME", "/root"},
      {"USER", "root"},
      {"LOGNAME", "root"},
      {"SHELL", "/bin/sh"},
      {"LC_ALL", "C.UTF-8"},
      {"LANG", "C.UTF-8"},
      {"TZ", "UTC"},
      {"TERM", "dumb"},
      {"SOURCE_DATE_EPOCH", std::to_string(epoch)},
      {"FORCE_SOURCE_DATE", "1"},
      // Hash tables must not come out in another order each time.
      {"PERL_HASH_SEED", "0"},
      {"PYTHONHASHSEED", "0"},
  };
  for (const auto& family : package_families()) variables.insert(family.variables.begin(), family.variables.end());
  return variables;
}

LayerId build_layer(const StepContext& context, trees::Composition tree, const trees::LayerStack& lower,
                    const LayerBuildPlan& plan) {
  const auto& staging = context.staging.path();
  for (const char* name : {"tree", "upper", "work"}) make_directory(staging / name);
  Scaffold scaffold(tree, lower, plan.epoch);
  if (!plan.commands.empty()) put_scaffold(scaffold, plan);
  tree.write(staging / "tree");
  give_root_metadata(staging / "upper", tree);
  if (!plan.commands.empty()) {
    const auto started = run_commands(context, lower, plan);
    if (!plan.output.empty()) {
      const auto layer = layer_of_output(context, tree, plan, started);
      sandbox::drop_debug_state(context.store, context.key, staging);
      return layer;
    }
    auto upper = open_at(AT_FDCWD, staging / "upper", O_RDONLY | O_DIRECTORY);
    tell(context, capture(std::move(upper), tree, staging / "tree", lower,
                          {.started = started, .epoch = plan.epoch, .secrets = plan.secrets}));
  }
  scaffold.take_off(staging / "tree");
  tree.write_directory_times(staging / "tree");
  auto layer = context.store.add_layer(staging / "tree", std::move(tree).listing(), context.staging);
  sandbox::drop_debug_state(context.store, context.key, staging);
  return layer;
}

}  // namespace karapace::steps
