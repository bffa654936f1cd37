// SPDX-License-Identifier: Apache-2.0
#include "cli/sessions.hpp"

#include <cstdlib>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/mount_allowance.hpp"
#include "cli/session_explanation.hpp"
#include "cli/store_access.hpp"
#include "generator/lock/lock_file.hpp"
#include "generator/project/control_files.hpp"
#include "store/error.hpp"
#include "store/escape.hpp"

namespace karapace::cli {
namespace {

namespace fs = std::filesystem;

std::int64_t modified_ns(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return 0;
  return std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

void warn_when_stale(const Context& context, const store::Root& root) {
  const auto lock = generator::lock_path(root.manifest);
  const bool manifest_changed = modified_ns(root.manifest) != root.manifest_mtime_ns;
  if (!manifest_changed && modified_ns(lock) == root.lock_mtime_ns) return;
  const auto changed = manifest_changed ? root.manifest : lock;
  context.warn(fmt::format("{} changed since the graph was written; run `ninja` or `karapace build` to follow it",
                           escaped_utf8(changed.filename().native())));
}

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

runtime::Terminal fitting_terminal() {
  const bool person = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
  return person ? runtime::Terminal::pty : runtime::Terminal::inherit;
}

std::string image_shell(const std::vector<fs::path>& trees) {
  for (const auto& tree : trees)
    if (auto root = open_if_exists(AT_FDCWD, tree, O_PATH | O_DIRECTORY))
      if (open_in_root(root->get(), "/bin/bash", O_PATH)) return "/bin/bash";
  return "/bin/sh";
}

int report_result(const Context& context, const runtime::SandboxResult& result) {
  if (!result.not_started.empty())
    print_error(context, result.status == 127 ? "not_found" : "not_executable",
                fmt::format("cannot run {}", escaped_utf8(result.not_started)));
  return result.status;
}

namespace {

/// What people and programs outside believe of every project that lies in what a session shows; of its own manifest and
/// lock only when they are not to be written.
std::vector<fs::path> control_files(const store::Store& store, const std::vector<fs::path>& shown,
                                    const std::optional<fs::path>& writable_manifest) {
  std::vector<fs::path> files;
  for (const auto& root : store::roots_in(store, shown)) {
    const auto believed = generator::control_files(root);
    files.insert(files.end(), believed.begin(), believed.end());
    // Of a graph that an older release wrote, which kept no list of them.
    files.push_back(root.manifest.parent_path() / "build.ninja");
  }
  if (writable_manifest)
    std::erase_if(files, [&](const fs::path& file) {
      return file == *writable_manifest || file == generator::lock_path(*writable_manifest);
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
  return fs::absolute(path);
}

runtime::SessionRequest session_request(const Context& context, const store::Store& store,
                                        const store::Reference& reference, const SessionArguments& arguments) {
  runtime::SessionRequest request{.name = name_of(reference),
                                  .argv = arguments.argv,
                                  .terminal = arguments.terminal,
                                  .variables = arguments.variables,
                                  .working_directory = current_directory(),
                                  .home = home_directory(),
                                  .allowed_mounts = allowed_mounts(),
                                  .persistence = arguments.persistence};
  for (const auto& path : arguments.binds) request.binds.push_back(bind_path(path));
  for (const auto& path : arguments.read_only_binds) request.read_only_binds.push_back(bind_path(path));
  if (arguments.sysroot) request.store_binds.push_back(existing_sysroot(store, reference.environment));
  const auto writable = arguments.writable_manifest && reference.root ? std::optional(reference.root->manifest) : std::nullopt;
  request.control_files = [&store, writable](const std::vector<fs::path>& shown) {
    return control_files(store, shown, writable);
  };
  request.notice = [&context](const std::string& message) { context.warn(message); };
  request.shows_control_files_writable = arguments.writable_manifest;
  if (request.argv.empty()) request.argv = {image_shell(layer_trees(store, reference)), "-l"};
  for (const char* name : {"TERM", "COLORTERM"}) add_host_variable(request.variables, name);
  if (arguments.argv.empty()) request.variables.emplace("debian_chroot", request.name);
  return request;
}

}  // namespace

int run_session(const Context& context, const SessionArguments& arguments) {
  const auto store = context.open_store(store::Store::Access::read_only);
  const auto reference = find_reference(store, arguments.environment);
  if (reference.root) warn_when_stale(context, *reference.root);
  const auto request = session_request(context, store, reference, arguments);
  if (arguments.explain) {
    print_explanation(context, request, runtime::plan_session(store, reference, request));
    return 0;
  }
  if (!store.writable())
    context.warn("the store can not be written to: changes are kept in memory and are gone at the end");
  return report_result(context, runtime::run_session(store, reference, request));
}

}  // namespace karapace::cli
