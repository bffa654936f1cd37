// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/escape.hpp"
#include "base/words.hpp"
#include "cli/commands.hpp"
#include "cli/document.hpp"
#include "cli/instance_trees.hpp"
#include "generator/project/control_files.hpp"
#include "generator/project/own_directory.hpp"
#include "store/change_export.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::string environment;
  std::string destination;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("ENVIRONMENT", arguments.environment, "a name, an id or its beginning, or a path like \".\"",
                     Options::Presence::required);
  options.positional("DESTINATION", arguments.destination, "a directory that is new or empty, or a new file NAME.tar",
                     Options::Presence::required);
}

int run(const Context& context, const Arguments& arguments) {
  const auto store = context.open_store(store::Store::Access::read_only);
  const auto trees = hold_trees(store, arguments.environment);
  auto destination = std::filesystem::absolute(arguments.destination).lexically_normal();
  if (!destination.has_filename()) destination = destination.parent_path();  // a slash at the end
  const auto changes = find_changes(trees, "export");
  const auto parent = project::OwnDirectory::make(destination.parent_path(), "export", project::in_projects(store));
  const auto exported = store::export_changes({.upper = trees.instance().upper(),
                                               .changes = changes,
                                               .owners = trees.owners,
                                               .parent = parent.fd(),
                                               .name = destination.filename(),
                                               .shown = destination});
  auto removed = nlohmann::json::array();
  for (const auto& change : changes.changes)
    if (change.kind == store::ChangeKind::removed) removed.push_back(shown_path(change.path));
  const auto removed_count = removed.size();
  if (context.json) {
    auto left_out = nlohmann::json::array();
    for (const auto& path : changes.left_out) left_out.push_back(shown_path(path));
    context.print_json("karapace.export", {{"destination", path_json(destination)},
                                           {"file_count", exported.files},
                                           {"instance", trees.instance().id},
                                           {"left_out", std::move(left_out)},
                                           {"removed", std::move(removed)},
                                           {"size_bytes", exported.bytes}});
    return 0;
  }
  tell_left_out(context, changes.left_out);
  context.print(fmt::format("{} of {} ({}) in {}\n", counted(exported.files, "file"), escaped_utf8(trees.name),
                            size_text(exported.bytes), escaped_utf8(destination.native())));
  if (removed_count > 0)
    context.print(
        fmt::format("{} removed in the instance, which `karapace diff` lists\n", counted(removed_count, "path")));
  return 0;
}

}  // namespace

Command export_command() {
  return make_command<Arguments>(
      {.name = "export",
       .group = Group::using_,
       .summary = "Copy the changes of an instance out of it",
       .description =
           "Copies the files that were added or changed, with the directories above them, to a directory or a tar\n"
           "archive. Nothing that exists is overwritten, and no link is followed. In a directory the files belong\n"
           "to you, without set-id bits and attributes; an archive has them, and the owners inside, and gets its name\n"
           "when it is whole.",
       .examples = {{"karapace export hello changes", "to the directory ./changes"},
                    {"karapace export . changes.tar", "to an archive"}}},
      declare, run);
}

}  // namespace karapace::cli
