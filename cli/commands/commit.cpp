// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"
#include "cli/commands.hpp"
#include "cli/commit_to_manifest.hpp"
#include "cli/instance_trees.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::string environment;
  std::string message;
  bool to_manifest = false;
  bool as_layer = false;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("ENVIRONMENT", arguments.environment, "a name, an id or its beginning, or a path like \".\"",
                     Options::Presence::required);
  options.value("-m,--message", "TEXT", arguments.message, "what to remember of it");
  options.flag("--to-manifest", arguments.to_manifest,
               "write the changes beside the manifest, and into it, as a layer of the environment");
  options.flag("--as-layer", arguments.as_layer,
               "with --to-manifest: also when packages and files in the manifest could say all of it");
}

/// What was committed has a snapshot already, which stays as it is.
void tell_known(const Context& context, const store::Committed& committed, const InstanceTrees& trees,
                const std::string& message) {
  const auto& snapshot = committed.snapshot;
  context.print(
      fmt::format("nothing changed: {} is as in the snapshot {}\n", escaped_utf8(trees.name), snapshot.id.short_hex()));
  if (!message.empty() && message != snapshot.message)
    context.tell(fmt::format("the snapshot keeps its message, \"{}\"", escaped_utf8(snapshot.message)));
  if (snapshot.environment != trees.instance().current.environment)
    context.tell(
        fmt::format("it was made above the environment {}, which `karapace restore` brings back with it; "
                    "`karapace restore --here {} {}` does not",
                    snapshot.environment.short_hex(), escaped_utf8(trees.name), snapshot.id.short_hex()));
}

int run(const Context& context, const Arguments& arguments) {
  if (arguments.as_layer && !arguments.to_manifest) throw UsageError("commit: --as-layer goes with --to-manifest");
  const auto store = context.open_store(store::Store::Access::update);
  if (arguments.to_manifest)
    return commit_to_manifest(
        context, store,
        {.environment = arguments.environment, .title = arguments.message, .as_layer = arguments.as_layer});
  const auto trees = hold_trees(store, arguments.environment);
  const auto committed = store::commit_snapshot(store, trees.instance(), arguments.message, trees.snapshot_options());
  const auto& snapshot = committed.snapshot;
  if (context.json) {
    auto left_out = nlohmann::json::array();
    for (const auto& path : committed.left_out) left_out.push_back(shown_path(path));
    context.print_json("karapace.commit", {{"instance", trees.instance().id},
                                           {"is_new", committed.is_new},
                                           {"left_out", std::move(left_out)},
                                           {"snapshot", snapshot_json(snapshot)},
                                           {"written_bytes", committed.written}});
    return 0;
  }
  tell_left_out(context, committed.left_out);
  for (const auto& path : committed.no_owner)
    context.tell(
        fmt::format("kept as root's, as its attribute user.karapace.owner is not \"uid:gid\": {}", shown_path(path)));
  if (committed.is_new)
    context.print(fmt::format("snapshot {} of {} ({} written)\n", snapshot.id.short_hex(), escaped_utf8(trees.name),
                              size_text(committed.written)));
  else
    tell_known(context, committed, trees, arguments.message);
  return 0;
}

}  // namespace

Command commit_command() {
  return make_command<Arguments>(
      {.name = "commit",
       .group = Group::using_,
       .summary = "Keep the changes of an instance as a snapshot",
       .description =
           "A snapshot is everything that differs from the environment now, exactly: removed files, hard links,\n"
           "attributes, holes, owners and times. What an earlier snapshot has is shared with it, and the same\n"
           "changes are stored once. It is on the disk when the command ends. Sessions may run; a file that\n"
           "changes again and again while it is read is refused.\n\n"
           "With --to-manifest the changes become a part of the environment, on every machine: an archive beside\n"
           "the manifest, layers/NAME-N.tar.zst, and the [[layers]] entry that names it at the manifest's end. The\n"
           "message is its title. Where packages and files say all that changed, their lines for the manifest are\n"
           "printed instead. Keys and ids that each instance has of its own are left out. No session may run.",
       .examples = {{"karapace commit .", "of the environment of the manifest here"},
                    {"karapace commit . --to-manifest -m \"our tools\"", "for everybody who has the project"},
                    {"karapace commit hello -m \"before the upgrade\"", "with a message"}}},
      declare, run);
}

}  // namespace karapace::cli
