// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <optional>

#include <fmt/format.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "cli/commands.hpp"
#include "cli/instance_report.hpp"
#include "cli/instance_trees.hpp"
#include "cli/store_access.hpp"
#include "store/conflicts.hpp"
#include "store/environment.hpp"
#include "store/instance_names.hpp"
#include "store/root.hpp"

namespace karapace::cli {

namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string instance;
  std::string name;
  std::string project;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("ENVIRONMENT", arguments.instance, "a name, an id or its beginning, or a path like \".\"",
                     Options::Presence::required);
  options.positional("NAME", arguments.name, "what the instance is called from now on");
  options.value("--project", "MANIFEST", arguments.project,
                "make it the instance of this project, which was moved there: a manifest or its directory");
}

/// The new place of the project. A word that names no path is a directory here.
store::Reference new_place(const store::Store& store, const std::string& word) {
  const auto path = fs::absolute(word).lexically_normal().native();
  return find_reference(store, path.back() == '/' && path.size() > 1 ? path.substr(0, path.size() - 1) : path);
}

/// Whether a person would miss anything of it.
bool is_untouched(const store::Store& store, const store::Instance& instance, store::Owners owners) {
  if (instance.previous || !instance.name.empty() || !store::snapshots(instance).empty()) return false;
  if (names_in(instance.upper()).empty()) return true;
  const auto environment = store::find_environment(store, instance.current.environment);
  if (!environment) return false;
  const store::ChangesOptions options{
      .owners = owners, .label = "rename", .threads = 1, .scaffold = store::read_scaffold(instance.current)};
  const auto upper = open_at(AT_FDCWD, instance.upper(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  return store::find_changes(upper.get(), store::trees_of(store, *environment), options).changes.empty();
}

/// The instance that the new place has already, held, if nobody ever wrote to it.
std::optional<OwnedInstance> untouched_instance(const store::Store& store, const store::Reference& place,
                                                sandbox::IdMode mode) {
  auto instance = store::find_instance(store, {place.environment, place.root});
  if (!instance) return std::nullopt;
  const auto where = escaped_utf8(place.root->manifest.parent_path().native());
  auto held = own_or_refuse(store, {place, *std::move(instance), where}, "rename", mode);
  if (!held.instance.archived && is_untouched(store, held.instance, held.owners())) return held;
  throw Error(fmt::format(
      "rename: the project {0} has an instance already in which something was changed (`karapace diff {0}`): "
      "`karapace export {0} DIR` copies that out, `karapace destroy {1}` makes room",
      where, held.instance.id));
}

/// What a project that is not where it was has in the store.
bool forget_project_if_gone(const store::Store& store, const std::optional<fs::path>& manifest) {
  const bool is_gone = manifest && ::access(manifest->c_str(), F_OK) != 0 && errno == ENOENT;
  if (!is_gone || !store::find_root(store, *manifest, store::RootSteps::left_out)) return false;
  store::remove_root(store, *manifest);
  return true;
}

store::Instance give(const Context& context, const store::Store& store, const WantedInstance& wanted,
                     const std::string& word) {
  const auto place = new_place(store, word);
  const auto& manifest = place.root->manifest;
  const bool is_there = wanted.instance.id == store::instance_id(place);
  if (is_there && wanted.instance.manifest == manifest) return wanted.instance;
  auto held = own_or_refuse(store, wanted, "rename");
  const auto replaced = is_there ? std::nullopt : untouched_instance(store, place, held.mode);
  const auto before = held.instance.manifest;
  store::give_instance(store, held.instance, manifest, replaced ? std::optional(replaced->instance) : std::nullopt);
  if (forget_project_if_gone(store, before))
    context.tell(fmt::format("the project {} is gone, and forgotten", escaped_utf8(before->native())));
  return held.instance;
}

/// While sessions run in it, too: a name is no part of what they use.
store::Instance name(const store::Store& store, const WantedInstance& wanted, const std::string& name) {
  auto held = store::use_instance(wanted.instance);
  if (!held) throw NotFoundError(fmt::format("rename: the instance {} is gone meanwhile", escaped_utf8(wanted.name)));
  store::name_instance(store, held->instance, name);
  return held->instance;
}

int run(const Context& context, const Arguments& arguments) {
  if (arguments.name.empty() == arguments.project.empty())
    throw UsageError("rename: give either NAME or --project MANIFEST");
  const auto store = context.open_store(store::Store::Access::update);
  const auto wanted = wanted_instance(store, arguments.instance);
  const auto called = escaped_utf8(wanted.name);
  if (arguments.project.empty()) {
    const auto instance = name(store, wanted, arguments.name);
    report_instance(context, instance, fmt::format("{} is called {} now", called, arguments.name));
    return 0;
  }
  const auto instance = give(context, store, wanted, arguments.project);
  report_instance(context, instance,
                  fmt::format("{} is the instance of the project {} now", called,
                              escaped_utf8(instance.manifest->parent_path().native())));
  return 0;
}

}  // namespace

Command rename_command() {
  return make_command<Arguments>(
      {.name = "rename",
       .group = Group::using_,
       .summary = "Call an instance by another name, or give it to its project's new place",
       .description =
           "An instance that was never named is called as its project. A name is of up to 64 letters, digits,\n"
           "\"_\", \"-\" and \".\", and no other instance or project of the store may have it.\n\n"
           "An instance belongs to the place of its manifest. After `mv` of the project and `karapace build` in its\n"
           "new place, --project makes the instance that the old place had, with changes, snapshots and name, that\n"
           "of the new one. Refused while a session is running, and when something was changed already in an\n"
           "instance of the new place.",
       .examples = {{"karapace rename . work", "then: karapace enter work"},
                    {"karapace rename hello --project .", "hello was moved here"}}},
      declare, run);
}

}  // namespace karapace::cli
