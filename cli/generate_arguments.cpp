// SPDX-License-Identifier: Apache-2.0
#include "cli/generate_arguments.hpp"

#include <cstdlib>

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/sibling_programs.hpp"
#include "exchange/cache_list.hpp"
#include "generator/resolve/user_configuration.hpp"

namespace karapace::cli {

namespace {

std::filesystem::path absolute_variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value == '/' ? value : "";
}

std::filesystem::path home() {
  auto path = absolute_variable("HOME");
  if (!path.empty()) return path;
  const struct passwd* user = ::getpwuid(::getuid());
  if (user != nullptr && user->pw_dir != nullptr && *user->pw_dir == '/') return user->pw_dir;
  throw Error("there is no home directory: set HOME or XDG_CACHE_HOME");
}

std::filesystem::path cache_directory() {
  auto base = absolute_variable("XDG_CACHE_HOME");
  return (base.empty() ? home() / ".cache" : base) / "karapace";
}

project::LockPolicy policy(const GenerateArguments& arguments) {
  if (arguments.locked && arguments.frozen) throw UsageError("--locked and --frozen exclude each other");
  if (arguments.upgrade && (arguments.locked || arguments.frozen)) {
    throw UsageError("--upgrade changes locks, which --locked and --frozen forbid");
  }
  if (arguments.allow_rollback && (arguments.locked || arguments.frozen)) {
    throw UsageError("--allow-rollback changes locks, which --locked and --frozen forbid");
  }
  if (arguments.locked) return project::LockPolicy::locked;
  return arguments.frozen ? project::LockPolicy::frozen : project::LockPolicy::update;
}

/// No package has such a name.
bool is_manifest(std::string_view word) {
  return word == "." || word == ".." || word.find('/') != std::string_view::npos || word.ends_with(".toml");
}

}  // namespace

void declare_generate(Options& options, GenerateArguments& arguments) {
  options.positional("MANIFEST", arguments.manifests, "a manifest, or a directory with a karapace.toml (default: .)");
  options.value("--name", "NAME", arguments.name, "the environment's name (default: the manifest's directory)");
  options.flag("--locked", arguments.locked, "fail when a lock does not fit its manifest, and say what differs");
  options.flag("--frozen", arguments.frozen, "take the locks as they are; ask nobody");
  options.words("--upgrade", "PACKAGE", arguments.upgrade,
                "move these packages and sources, or all, to their newest versions");
  declare_rollback(options, arguments.allow_rollback);
}

void declare_rollback(Options& options, bool& allow_rollback) {
  options.flag("--allow-rollback", allow_rollback, "lock also where an archive's Release is older than the lock's");
}

resolve::Rollback rollback(bool allow_rollback) noexcept {
  return allow_rollback ? resolve::Rollback::allow : resolve::Rollback::refuse;
}

project::MachinePaths machine_paths(const Context& context) {
  project::MachinePaths paths{context.store_root(), cache_directory(), resolve::default_configuration_file()};
  try {
    for (const auto& cache : exchange::read_caches(exchange::cache_list_file(paths.configuration)))
      paths.caches.push_back(cache.location);
  } catch (const Error& error) {
    context.warn(fmt::format("no cache is asked: {}", error.what()));
  }
  return paths;
}

ManifestsAndUpgrade manifests_and_upgrade(const std::vector<std::string>& manifests,
                                          const std::optional<std::vector<std::string>>& upgrade) {
  using Scope = resolve::Upgrade::Scope;
  ManifestsAndUpgrade result{{manifests.begin(), manifests.end()}, {}};
  for (const auto& word : upgrade.value_or(std::vector<std::string>{})) {
    if (is_manifest(word)) {
      result.manifests.emplace_back(word);
    } else {
      result.upgrade.names.push_back(word);
    }
  }
  if (upgrade) result.upgrade.scope = result.upgrade.names.empty() ? Scope::everything : Scope::named;
  if (result.manifests.empty()) result.manifests.emplace_back(".");
  return result;
}

project::GenerateRequest generate_request(const Context& context, const GenerateArguments& arguments) {
  project::GenerateRequest request;
  auto words = manifests_and_upgrade(arguments.manifests, arguments.upgrade);
  request.manifests = std::move(words.manifests);
  request.working_directory = std::filesystem::current_path();
  request.lock = {policy(arguments), std::move(words.upgrade), machine_paths(context),
                  rollback(arguments.allow_rollback)};
  request.program = {find_program("karapace"), "--store", context.store_root()};
  if (arguments.name.empty()) return request;
  if (request.manifests.size() > 1) throw UsageError("--name names one environment: give one manifest");
  if (project::name_from(arguments.name) != arguments.name) {
    throw UsageError(
        fmt::format("--name \"{}\": a name consists of letters, digits, \".\", \"_\" and \"-\" and begins "
                    "with a letter, digit or \"_\"",
                    arguments.name));
  }
  request.name = arguments.name;
  return request;
}

}  // namespace karapace::cli
