// SPDX-License-Identifier: Apache-2.0
#include "cli/sessions.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "cli/session_explanation.hpp"
#include "cli/store_access.hpp"
#include "generator/graph/quoting.hpp"
#include "generator/lock/intent.hpp"
#include "generator/lock/lock_file.hpp"
#include "generator/manifest/rules.hpp"
#include "generator/project/control_files.hpp"
#include "generator/project/project.hpp"
#include "generator/resolve/user_configuration.hpp"
#include "runtime/sandbox/session.hpp"
#include "runtime/sandbox/session_list.hpp"
#include "store/environment.hpp"
#include "store/identifiers.hpp"
#include "store/reference.hpp"
#include "store/root.hpp"

namespace karapace::cli {
namespace {

namespace fs = std::filesystem;

/// Whether manifest and lock say what they said when the graph was written: files that were only touched, or checked
/// out anew, are not changed.
bool say_the_same(const store::Root& root) {
  try {
    const auto project = project::open_project(root.manifest, "/");
    const auto lock = lock::read_lock_if_exists(project.lock_path);
    return lock && EnvironmentId(blake3(lock::serialise(*lock))) == root.environment &&
           lock::intent_of(project.manifest, project.directory()) == lock::intent_of(*lock);
  } catch (const Error&) {
    return false;
  }
}

/// The command that follows a change; not `ninja` where build.ninja may be a session's.
std::string_view way_to_follow(const store::Root& root) {
  const auto graph = root.manifest.parent_path() / "build.ninja";
  const bool is_ours = std::any_of(root.graphs.begin(), root.graphs.end(), [&](const store::GraphPlace& place) {
    return std::find(place.sources.begin(), place.sources.end(), graph) != place.sources.end();
  });
  return is_ours ? "`ninja` or `karapace build`" : "`karapace build`";
}

void warn_when_stale(const Context& context, const store::Root& root) {
  if (!modified_ns(root.manifest)) {
    context.warn(fmt::format("the manifest {} is gone; the environment stays as it was built",
                             escaped_utf8(root.manifest.native())));
    return;
  }
  const auto lock = lock::lock_path(root.manifest);
  const bool manifest_changed = modified_ns(root.manifest) != root.manifest_mtime_ns;
  if (!manifest_changed && modified_ns(lock) == root.lock_mtime_ns) return;
  if (say_the_same(root)) return;
  const auto changed = manifest_changed ? root.manifest : lock;
  context.warn(fmt::format("{} changed since the graph was written; run {} to follow it",
                           escaped_utf8(changed.filename().native()), way_to_follow(root)));
}

constexpr std::array<const char*, 2> callers_variables = {"TERM", "COLORTERM"};

void add_host_variable(std::map<std::string, std::string>& variables, const char* name) {
  if (const char* value = std::getenv(name)) variables.emplace(name, value);
}

std::string home_directory() {
  const char* home = std::getenv("HOME");
  return home == nullptr ? "/" : home;
}

std::string name_of(const store::Reference& reference) {
  return reference.root ? reference.root->name : reference.environment.short_hex();
}

std::vector<fs::path> layer_trees(const store::Store& store, const store::Reference& reference) {
  std::vector<fs::path> trees;
  if (const auto environment = store::find_environment(store, reference.environment))
    for (const auto& layer : environment->layers) trees.push_back(store.layer_tree(layer));
  return trees;
}

fs::path existing_sysroot(const store::Store& store, const EnvironmentId& id) {
  if (store.has_sysroot(id)) return store.sysroot_path(id);
  throw NotFoundError(fmt::format("--sysroot: the environment {} has none yet: `karapace toolchain {}` makes it",
                                  id.short_hex(), id.short_hex()));
}

}  // namespace

void declare_shown_options(Options& options, SessionArguments& arguments) {
  options.value("--bind", "PATH", arguments.binds, "show a host directory at its own path, writable; may be repeated");
  options.value("--bind-ro", "PATH", arguments.read_only_binds, "the same, read-only");
  options.value("--env", "NAME[=VALUE]", arguments.variables,
                "set a variable, or pass the caller's on where it is set; may be repeated");
}

void declare_session_options(Options& options, SessionArguments& arguments) {
  options.flag("--ephemeral", arguments.ephemeral, "in the environment as it was built; changes are thrown away");
  declare_shown_options(options, arguments);
  options.flag("--sysroot", arguments.sysroot, "show what `karapace toolchain` made at its own path, for compilers");
  options.flag("--writable-manifest", arguments.writable_manifest, "let the session change the manifest and its lock");
  options.flag("--explain", arguments.explain,
               "say what of the host it would see and what keeps it from the rest; start nothing");
}

std::string hint_for_command(const std::vector<std::string>& words) {
  if (words.empty() || words.front() == "." || words.front() == ".." || words.front().find('/') != std::string::npos)
    return {};
  std::vector<std::string> quoted;
  for (const auto& word : words) quoted.push_back(graph::shell_quoted(word));
  return fmt::format("; to run \"{}\" in the environment of the manifest here: karapace exec . -- {}",
                     escaped_utf8(words.front()), escaped_utf8(fmt::format("{}", fmt::join(quoted, " "))));
}

sandbox::Terminal fitting_terminal() {
  const bool person = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
  return person ? sandbox::Terminal::pty : sandbox::Terminal::inherit;
}

std::string image_shell(const std::vector<fs::path>& trees) {
  for (const auto& tree : trees)
    if (auto root = open_if_exists(AT_FDCWD, tree, O_PATH | O_DIRECTORY))
      if (open_in_root(root->get(), "/bin/bash", O_PATH)) return "/bin/bash";
  return "/bin/sh";
}

int report_result(const Context& context, const sandbox::SandboxResult& result) {
  if (!result.not_started.empty())
    print_error(context, result.status == 127 ? "not_found" : "not_executable",
                fmt::format("cannot run {}", escaped_utf8(result.not_started)), result.status);
  return result.status;
}

namespace {

/// What people and programs outside believe of every project that lies in what a session shows; of its own manifest and
/// lock only when they are not to be written.
sandbox::ControlFiles control_files(const store::Store& store, const std::vector<fs::path>& shown,
                                    const std::optional<fs::path>& writable_manifest, bool begins) {
  sandbox::ControlFiles files;
  const auto add = [](std::vector<fs::path>& all, const std::vector<fs::path>& more) {
    all.insert(all.end(), more.begin(), more.end());
  };
  for (const auto& root : store::roots_in(store, shown)) {
    if (begins) store::forget_lost_graphs(store, root);
    add(files.all, project::control_files(root));
    add(files.of_people, project::files_of_people(root));
  }
  if (writable_manifest)
    std::erase_if(files.all, [&](const fs::path& file) {
      return file == *writable_manifest || file == lock::lock_path(*writable_manifest);
    });
  return files;
}

/// "/" when it was removed: then the project's directory, or the root, is where a command starts.
fs::path current_directory() {
  std::error_code error;
  auto directory = fs::current_path(error);
  return error ? "/" : directory;
}

fs::path bind_path(const std::string& path) {
  if (path.empty()) throw UsageError("--bind: the path is empty");
  auto absolute = fs::absolute(path);
  // "." and "here/" are directories that the caller may stand in.
  while (absolute.has_relative_path() && (absolute.filename() == "." || !absolute.has_filename()))
    absolute = absolute.parent_path();
  struct stat status{};
  const auto colon = path.find(':');
  // As container engines write it.
  if (colon != std::string::npos && ::lstat(absolute.c_str(), &status) != 0)
    throw UsageError(
        fmt::format("--bind: there is no \"{0}\"; what is shown stands at its own path, so name no other: --bind "
                    "{1} (--bind-ro {1} read-only). Another place inside is for [mounts] of the manifest",
                    escaped_utf8(path), escaped_utf8(path.substr(0, colon))));
  return absolute;
}

/// What --env gives. A variable that is to be passed on and is not set is left out.
std::map<std::string, std::string> chosen_variables(const std::vector<std::string>& words,
                                                    const std::map<std::string, std::string>& of_manifest) {
  std::map<std::string, std::string> chosen;
  for (const auto& word : words) {
    const auto equals = word.find('=');
    const auto name = word.substr(0, equals);
    if (const auto complaint = manifest::judge_variable_name(name))
      throw UsageError(fmt::format("--env: \"{}\" {}", escaped_utf8(name), *complaint));
    if (of_manifest.contains(name))
      throw UsageError(
          fmt::format("--env: {} is set by the manifest, in [environment], and that counts; change it there", name));
    if (equals != std::string::npos)
      chosen.insert_or_assign(name, word.substr(equals + 1));
    else if (const char* value = std::getenv(name.c_str()))
      chosen.insert_or_assign(name, value);
  }
  return chosen;
}

/// The variables of the manifest that the environment was built from; none when it is not built.
std::map<std::string, std::string> manifest_variables(const store::Store& store, const store::Reference& reference) {
  const auto environment = store::find_environment(store, reference.environment);
  return environment ? environment->runtime.variables : std::map<std::string, std::string>();
}

/// As fitting_terminal, for a session that is only explained: what is printed, perhaps into a pipe, is not its output.
sandbox::Terminal explained_terminal() {
  const bool person = ::isatty(STDIN_FILENO) == 1 && (::isatty(STDOUT_FILENO) == 1 || ::isatty(STDERR_FILENO) == 1);
  return person ? sandbox::Terminal::pty : sandbox::Terminal::inherit;
}

/// A login shell would set PATH anew, and lose the release.
std::vector<std::string> shell(const store::Store& store, const store::Reference& reference,
                               const ShownRelease& release) {
  std::vector<std::string> argv = {image_shell(layer_trees(store, reference))};
  if (release.programs.empty()) argv.emplace_back("-l");
  return argv;
}

sandbox::SessionRequest session_request(const Context& context, const NamedEnvironment& environment,
                                        const SessionArguments& arguments, const ShownRelease& release) {
  const auto& [store, reference] = environment;
  sandbox::SessionRequest request{
      .name = name_of(reference),
      .argv = arguments.argv,
      .terminal = arguments.explain ? explained_terminal() : fitting_terminal(),
      .variables = chosen_variables(arguments.variables, manifest_variables(store, reference)),
      .working_directory = current_directory(),
      .home = home_directory(),
      .allowed_mounts = resolve::read_allowed_mounts(resolve::default_configuration_file()),
      .persistence = arguments.ephemeral ? sandbox::Persistence::ephemeral : sandbox::Persistence::instance};
  for (const auto& path : arguments.binds) request.binds.push_back(bind_path(path));
  for (const auto& path : arguments.read_only_binds) request.read_only_binds.push_back(bind_path(path));
  if (arguments.sysroot) request.store_binds.push_back(existing_sysroot(store, reference.environment));
  const auto writable =
      arguments.writable_manifest && reference.root ? std::optional(reference.root->manifest) : std::nullopt;
  request.control_files = [&filled = store, writable, begins = !arguments.explain](const std::vector<fs::path>& shown) {
    return control_files(filled, shown, writable, begins);
  };
  request.notice = [&context](const std::string& message) { context.warn(message); };
  request.moved = [&context](const std::string& message) { context.tell(message); };
  request.made = [&context](const std::string& names) { context.tell("made for this instance: " + names); };
  request.shows_control_files_writable = arguments.writable_manifest;
  if (request.argv.empty()) request.argv = shell(store, reference, release);
  request.release_binds = release.binds;
  request.programs = release.programs;
  request.variables.insert(release.variables.begin(), release.variables.end());
  for (const auto name : callers_variables) add_host_variable(request.variables, name);
  if (arguments.argv.empty()) request.variables.emplace("debian_chroot", request.name);
  return request;
}

SessionSetting setting_of(const NamedEnvironment& environment, const SessionArguments& arguments,
                          const sandbox::SessionRequest& request, const sandbox::PlannedSession& planned) {
  const auto& [store, reference] = environment;
  SessionSetting setting;
  setting.environment = reference.environment;
  const auto of_manifest = manifest_variables(store, reference);
  const auto chosen = chosen_variables(arguments.variables, of_manifest);
  for (const auto& [name, value] : planned.plan.commands.front().variables) {
    const bool is_callers =
        std::find(callers_variables.begin(), callers_variables.end(), name) != callers_variables.end();
    setting.variables[name] = of_manifest.contains(name) ? VariableSource::manifest
                              : chosen.contains(name)    ? VariableSource::option
                              : is_callers               ? VariableSource::caller
                                                         : VariableSource::karapace;
  }
  setting.running = planned.running;
  setting.can_join = sandbox::option_with_own_mounts(request).empty();
  return setting;
}

store::Reference find_environment_or_hint(const store::Store& store, const SessionArguments& arguments) {
  try {
    return find_reference(store, arguments.environment);
  } catch (const NotFoundError& error) {
    std::vector<std::string> words = {arguments.environment};
    words.insert(words.end(), arguments.argv.begin(), arguments.argv.end());
    throw NotFoundError(error.what() + hint_for_command(words));
  }
}

}  // namespace

int run_session(const Context& context, const SessionArguments& arguments) {
  const auto store = context.open_store(store::Store::Access::read_only);
  const auto reference = find_environment_or_hint(store, arguments);
  if (reference.root) warn_when_stale(context, *reference.root);
  return run_session(context, {store, reference}, arguments, {});
}

int run_session(const Context& context, const NamedEnvironment& environment, const SessionArguments& arguments,
                const ShownRelease& release) {
  const auto& [store, reference] = environment;
  const auto request = session_request(context, environment, arguments, release);
  if (arguments.explain) {
    const auto planned = sandbox::plan_session(store, reference, request);
    print_explanation(context, request, planned, setting_of(environment, arguments, request, planned));
    return 0;
  }
  if (!store.writable())
    context.warn("the store can not be written to: changes are kept in memory and are gone at the end");
  return report_result(context, sandbox::run_session(store, reference, request));
}

}  // namespace karapace::cli
