// SPDX-License-Identifier: Apache-2.0
#include "cli/release_session.hpp"

#include <algorithm>
#include <optional>

#include <fcntl.h>
#include <fmt/format.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "cli/store_access.hpp"
#include "generator/lock/lock.hpp"
#include "runtime/sandbox/session_mounts.hpp"
#include "store/environment.hpp"
#include "store/runtime_configuration.hpp"

namespace karapace::cli {

namespace {

namespace fs = std::filesystem;
using sandbox::BindAccess;
using sandbox::BindSource;

std::optional<store::Reference> reference_of_project(const store::Store& store, const fs::path& manifest) {
  try {
    return find_reference(store, manifest.native());
  } catch (const NotFoundError&) {
    return std::nullopt;
  }
}

/// By the project where that has the environment now: then its directory is shown, too.
store::Reference reference_to(const store::Store& store, const std::optional<fs::path>& manifest,
                              const EnvironmentId& environment) {
  if (manifest)
    if (auto project = reference_of_project(store, *manifest); project && project->environment == environment)
      return *std::move(project);
  if (store::find_environment(store, environment)) return find_reference(store, environment.hex());
  return {environment, std::nullopt};
}

std::string programs_of(const store::ReleaseDocument& document, const std::string& version) {
  return fmt::format("{}/versions/{}/bin", document.destination, version);
}

/// The lock of the environment becomes known to the store, under the id that it has. False when there is none, or when
/// the store can not be written to.
bool keep_lock(const Context& context, const fs::path& file, const EnvironmentId& environment) {
  const auto text = read_file_if_exists(file);
  if (!text || !context.open_store(store::Store::Access::read_only).writable()) return false;
  const auto lock = lock::serialise(lock::parse_lock(*text, file.native()));
  if (EnvironmentId(blake3(lock)) != environment) return false;
  const auto store = context.open_store(store::Store::Access::update);
  const auto staging = store.stage();
  write_file_atomically(staging.path() / "lock", lock, Durable::yes);
  store.add_blob(BlobId(environment.digest()), staging.path() / "lock");
  return true;
}

[[noreturn]] void refuse_missing(const Context& context, const release::Destination& destination,
                                 const store::ReleaseDocument& document, const std::string& version) {
  const auto& id = document.environment;
  const bool is_known = keep_lock(context, destination.own("locks/" + document.lock.hex()), id);
  throw NotFoundError(fmt::format("release: the environment {} that {} {} was built in is not here; {}", id.short_hex(),
                                  document.name, version,
                                  is_known ? fmt::format("`karapace build {}` makes it", id.hex())
                                           : std::string("run `karapace build` where its manifest is")));
}

bool has_something(const fs::path& tree, const fs::path& directory) {
  try {
    const auto root = open_if_exists(AT_FDCWD, tree, O_PATH | O_DIRECTORY);
    const auto found = root ? open_in_root(root->get(), directory, O_RDONLY | O_DIRECTORY) : std::nullopt;
    return found && !names_in(found->get(), ".").empty();
  } catch (const Error&) {
    return true;  // what can not be read, or is no directory
  }
}

/// Whether the environment has something there.
bool has_own(const store::Store& store, const EnvironmentId& id, const fs::path& directory) {
  if (store::reserved_place(directory.native()) || directory == "/") return true;
  const auto environment = store::find_environment(store, id);
  return environment && std::any_of(environment->layers.begin(), environment->layers.end(), [&](const LayerId& layer) {
           return has_something(store.layer_tree(layer), directory);
         });
}

/// What the environment has of its own is needed there: without the host's /usr/bin it can do.
void show_here(const Context& context, const store::Store& store, const ReleaseView& view, SessionArguments& session) {
  const auto directory = fs::current_path();
  const auto& shown = view.shown.binds;
  const auto is_in = [&](const sandbox::Bind& bind) {
    return sandbox::lies_in(directory, bind.target) || sandbox::lies_in(directory, bind.source);
  };
  if (std::any_of(shown.begin(), shown.end(), is_in)) return;  // and what is of the release stays read-only
  if (!has_own(store, view.document.environment, directory)) return session.binds.push_back(directory.native());
  if (directory != "/")
    context.warn(fmt::format("the current directory \"{}\" is not shown: the environment has one of its own",
                             escaped_utf8(directory.native())));
}

ReleaseView view_of(const store::Store& store, const ReleaseSessionArguments& arguments, const Context& context) {
  const bool is_built = !arguments.installed && arguments.version.empty() && arguments.destination.destination.empty();
  if (is_built) return built_release_view(store, named_manifest(arguments.destination.manifest));
  return installed_release_view(context, store, arguments.destination,
                                arguments.version.empty() ? usual_release_version : arguments.version);
}

}  // namespace

ReleaseView built_release_view(const store::Store& store, const fs::path& manifest) {
  const auto release = release::find_built_release(store, manifest);
  const auto& document = release.document;
  ReleaseView view{.document = document,
                   .version = document.version,
                   .reference = reference_to(store, manifest, document.environment),
                   .shown = {.binds = {}, .programs = programs_of(document, document.version), .variables = {}}};
  const auto show = [&](const LayerId& layer, const std::string& place, std::string why) {
    view.shown.binds.push_back({.source = store.layer_tree(layer),
                                .target = document.destination + place,
                                .access = BindAccess::read_only,
                                .origin = BindSource::store,
                                .why = std::move(why)});
  };
  for (const auto& package : document.packages)
    show(package.layer, "/store/" + package.entry, fmt::format("the package {}", package.name));
  show(release.tree, "/versions/" + document.version, fmt::format("the release {}", document.name));
  return view;
}

ReleaseView installed_release_view(const Context& context, const store::Store& store,
                                   const DestinationArguments& arguments, const std::string& version) {
  const auto destination = find_destination(arguments);
  const auto name = destination.resolve(version);
  const auto document = destination.document(name);
  if (!store::find_environment(store, document.environment)) refuse_missing(context, destination, document, name);
  const auto manifest =
      arguments.destination.empty() ? std::optional(named_manifest(arguments.manifest)) : std::nullopt;
  return {.document = document,
          .version = name,
          .reference = reference_to(store, manifest, document.environment),
          .shown = {.binds = {{.source = fs::canonical(destination.root()),
                               .target = document.destination,
                               .access = BindAccess::read_only,
                               .origin = BindSource::host,
                               .why = fmt::format("the release {}", document.name)}},
                    .programs = programs_of(document, name),
                    .variables = {{"KARAPACE_RELEASE_VERSION", name}}}};
}

void declare_release_session(Options& options, ReleaseSessionArguments& arguments) {
  declare_destination(options, arguments.destination);
  options.flag("-i,--installed", arguments.installed, "what is installed, not what was built");
  options.value("-r,--release-version", "VERSION", arguments.version,
                "this version that is installed, or what a link names (default: stable)");
  options.flag("--instance", arguments.instance,
               "in the project's instance, with what was changed there; what is changed now stays, too");
  options.flag("--here", arguments.here, "show the current directory, writable");
  declare_shown_options(options, arguments.session);
  options.flag("--explain", arguments.session.explain,
               "say what of the host it would see and what keeps it from the rest; start nothing");
}

int run_release_session(const Context& context, const ReleaseSessionArguments& arguments) {
  const auto store = context.open_store(store::Store::Access::read_only);
  const auto view = view_of(store, arguments, context);
  auto session = arguments.session;
  session.ephemeral = !arguments.instance;
  if (arguments.here) show_here(context, store, view, session);
  return run_session(context, {store, view.reference}, session, view.shown);
}

}  // namespace karapace::cli
