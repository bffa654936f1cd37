// SPDX-License-Identifier: Apache-2.0
// graph diff: why one graph is another than before.
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "cli/commands.hpp"
#include "cli/diff_paint.hpp"
#include "cli/generate_arguments.hpp"
#include "generator/graph/diff/diff_report.hpp"
#include "generator/project/graph_side.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::string before;
  std::optional<std::string> after;
  bool markdown = false;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("OLD", arguments.before, "a build.ninja, a manifest, a lock, a directory, or a git revision",
                     Options::Presence::required);
  options.positional("NEW", arguments.after, "the same (default: the working directory as it is)");
  options.flag("--markdown", arguments.markdown, "print a comment for a pull request");
}

int run(const Context& context, const Arguments& arguments) {
  if (context.json && arguments.markdown) throw UsageError("graph diff: --json and --markdown exclude each other");
  auto sides = project::open_sides(arguments.before, arguments.after, std::filesystem::current_path(),
                                   machine_paths(context).cache);
  auto diff = diff::diff_graphs(sides.before, sides.after);
  for (const auto& note : diff.notes) context.warn(note);
  if (context.json) {
    context.print_json("karapace.graph-diff", diff::diff_json(diff));
  } else if (arguments.markdown) {
    context.print(diff::diff_markdown(diff));
  } else {
    auto detail = context.verbosity > 0 ? diff::Detail::steps : diff::Detail::causes;
    context.print(diff::diff_text(diff, diff_paint(context), detail));
  }
  return diff.same() ? 0 : 1;
}

}  // namespace

Command graph_diff_command() {
  return make_command<Arguments>(
      {.name = "graph diff",
       .group = Group::understanding,
       .summary = "Say why a graph is another than before",
       .description = "Compares two graphs and names the root causes of every step that differs: packages that were\n"
                      "added, removed, upgraded or rebuilt, another base, files, commands, variables, mounts. What\n"
                      "follows from them stands below them. Nothing is resolved or downloaded.\n"
                      "\n"
                      "Each side is a build.ninja, a manifest or its lock, a directory (all locks below it, or the\n"
                      "build.ninja in it), or a git revision, which means the same place in that commit: the\n"
                      "current directory, or the other side's path. REV:PATH names another place. What exists as a\n"
                      "path is a path; a revision of the same name can be written as REV: then.\n"
                      "\n"
                      "-v lists every step that differs. The exit status is 0 when both are the same, 1 when they\n"
                      "differ, 2 after an error.",
       .examples = {{"karapace graph diff HEAD~1", "what the working directory changes since the last commit but one"},
                    {"karapace graph diff origin/main HEAD", "what a branch changes"},
                    {"karapace graph diff HEAD tools/ci.toml", "one manifest, since the last commit"},
                    {"karapace graph diff old/build.ninja build/build.ninja", "two graphs as they were written"},
                    {"karapace graph diff origin/main --markdown", "a comment for a pull request"}},
       .error_status = 2},
      declare, run);
}

}  // namespace karapace::cli
