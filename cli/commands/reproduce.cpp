// SPDX-License-Identifier: Apache-2.0
// reproduce: do the steps of an environment give the same bytes again?
#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/child.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/words.hpp"
#include "cli/commands.hpp"
#include "cli/reproduction_report.hpp"
#include "cli/store_access.hpp"
#include "proof/comparison.hpp"
#include "proof/reproduction.hpp"
#include "proof/variation.hpp"
#include "store/absent.hpp"
#include "store/identifiers.hpp"

namespace karapace::cli {

namespace {

namespace fs = std::filesystem;

constexpr int different = 1;
constexpr int failed = 2;  // 1 is the answer "they differ"; a question that could not be answered must not look like it
constexpr std::size_t shown_files = 10;
constexpr std::size_t examined_files = 3;  // by diffoscope

struct Arguments {
  std::vector<std::string> words;
  bool all = false;
  std::string against;
  std::string keep;
  std::vector<std::string> same;
  bool order = false;
  std::optional<std::uint64_t> jobs;
  bool no_diffoscope = false;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("ENV|STEP", arguments.words,
                     "environments, or steps by the first digits of their keys or their records' paths (default: .)");
  options.flag("--all", arguments.all, "every environment that is built");
  options.value("--against", "FILE", arguments.against,
                "compare with what another machine exported (karapace records export); build nothing");
  options.value("-j,--jobs", "N", arguments.jobs, "how many steps run at once (default: as many as there are CPUs)");
  options.value("--keep", "DIR", arguments.keep, "build in this new directory and leave it there");
  options.value("--same", "WHAT", arguments.same,
                "leave one thing as it is: clock, host, user, umask, locale or cpus; may be repeated",
                {"clock", "host", "user", "umask", "locale", "cpus"});
  options.flag("--order", arguments.order,
               "let directories be read in another order than the file system's, to see what follows it");
  options.flag("--no-diffoscope", arguments.no_diffoscope, "do not run diffoscope, though it is installed");
}

void check(const Arguments& arguments) {
  if (arguments.all && !arguments.words.empty()) throw UsageError("reproduce: --all goes without names");
  bool builds_nothing = !arguments.against.empty();
  if (builds_nothing && (!arguments.keep.empty() || !arguments.same.empty() || arguments.order || arguments.jobs))
    throw UsageError(
        "reproduce: with --against nothing is built, so --keep, --same, --order and --jobs have no meaning");
  for (const auto& word : arguments.same) {
    bool is_known =
        std::find(proof::variation_names.begin(), proof::variation_names.end(), word) != proof::variation_names.end();
    if (!is_known || word == "directory" || word == "order")
      throw UsageError(fmt::format("reproduce: --same {}: it is one of clock, host, user, umask, locale, cpus", word));
  }
  if (arguments.jobs == 0u) throw UsageError("reproduce: --jobs must be at least 1");
}

proof::RecordedGraph wanted_graph(const store::Store& store, const Arguments& arguments) {
  if (arguments.all) return proof::recorded_graph_of_all(store);
  return proof::recorded_graph(store, arguments.words.empty() ? std::vector<std::string>{"."} : arguments.words);
}

/// Downloads are taken from this store, and who took the environment over has none.
void require_complete(const store::Store& store, const proof::RecordedGraph& graph) {
  for (const auto& [key, record] : graph.records) {
    if (record.step.kind != StepKind::fetch || !store::is_absent(store, record)) continue;
    throw StepError(fmt::format(
        "reproduce: {} was built elsewhere, and not everything that it was made of is here: `karapace build "
        "--complete ENV` (in its project: without ENV) brings that",
        graph.title));
  }
}

proof::Outputs outputs_in(const store::Store& store, const proof::RecordedGraph& graph) {
  proof::Outputs outputs;
  for (const auto& [key, record] : graph.records) {
    if (auto other = store.record(key)) outputs.emplace(key, other->output);
  }
  return outputs;
}

proof::LayerSide side_of(const store::Store& store, const LayerId& layer) {
  return {store.listing(layer), store.layer_tree(layer)};
}

std::string end_of_log(const store::Store& store, const StepKey& step) {
  constexpr std::size_t most = 1500;
  auto log = read_file_if_exists(store.log_path(step)).value_or("");
  if (log.size() <= most) return log.empty() ? "(it printed nothing)" : log;
  return log.substr(log.find('\n', log.size() - most) + 1);
}

/// A step without a record in the second store: its commands failed, or the build broke down around it.
proof::FirstCause failure_of(const store::Store& second, const StepKey& step) {
  if (!fs::exists(second.failed_path() / step.hex())) {
    throw StepError(fmt::format("reproduce: step {} did not run again, and not because of its own commands (see above)",
                                step.short_hex()));
  }
  return {.files = {}, .note = {}, .failure = end_of_log(second, step)};
}

proof::FirstCause cause_in(const store::Store& first, const store::Store& second, const proof::Divergence& cause) {
  if (!cause.second) return failure_of(second, cause.step);
  const auto* here = proof::layer_of(cause.first);
  const auto* there = proof::layer_of(cause.second);
  proof::FirstCause details;
  if (here && there) details.files = proof::compare_files(side_of(first, *here), side_of(second, *there), shown_files);
  return details;
}

/// Of files that people can not read: the first few, when diffoscope(1) is there.
void run_diffoscope(const Context& context, const store::Store& first, const store::Store& second,
                    const proof::Divergence& cause, const std::vector<proof::FileDifference>& files) {
  std::vector<std::string> paths;
  for (const auto& file : files) {
    if (file.needs_tool && paths.size() < examined_files) paths.push_back(file.raw_path);
  }
  if (paths.empty()) return;
  if (run_child({{"diffoscope", "--version"}, {}, ChildOutput::discard}) != 0) {
    context.note("diffoscope is not installed, so files that are no text are not looked into");
    return;
  }
  context.print("what diffoscope sees in files that are no text:\n");
  for (const auto& path : paths) {
    ChildCommand command;
    command.argv = {"diffoscope",
                    "--no-progress",
                    "--max-text-report-size",
                    "20000",
                    first.layer_tree(*proof::layer_of(cause.first)).native() + path,
                    second.layer_tree(*proof::layer_of(cause.second)).native() + path};
    context.print(capture_child(command, {}).output);
  }
}

void require_all_ran(const proof::Rebuild& rebuilt, const proof::RecordComparison& comparison) {
  if (rebuilt.status == 0 || !comparison.causes.empty()) return;
  throw StepError("reproduce: ninja failed (see above)");
}

void make_empty(const fs::path& place) {
  std::error_code error;
  fs::create_directories(place, error);
  if (!error && fs::is_empty(place, error) && !error) return;
  auto why = error ? error.message() : "it is not empty";
  throw Error(
      fmt::format("reproduce: --keep \"{}\": {}; name a directory that does not exist yet", place.native(), why));
}

int reproduce_in(const Context& context, const Arguments& arguments, const store::Store& store,
                 const proof::RecordedGraph& graph, const fs::path& place) {
  auto rebuilt = proof::rebuild({.store = store,
                                 .graph = graph,
                                 .place = place,
                                 .same = {arguments.same.begin(), arguments.same.end()},
                                 .other_order = arguments.order,
                                 .jobs = arguments.jobs,
                                 .is_verbose = context.verbosity > 0});
  enter_for_trees(store);  // to read what any id owns, and to remove it, however this ends
  if (rebuilt.status > 128) return rebuilt.status;
  auto second = store::Store::open(rebuilt.store, store::Store::Access::read_only);
  proof::Reproduction result;
  result.comparison = proof::compare(graph.graph, proof::outputs_of(graph), outputs_in(second, graph));
  require_all_ran(rebuilt, result.comparison);
  result.things = std::move(rebuilt.things);
  if (!arguments.keep.empty()) result.kept = second.root();
  const auto& causes = result.comparison.causes;
  if (!causes.empty()) result.first = cause_in(store, second, causes.front());
  report(context, graph, result);
  if (causes.empty()) return 0;
  bool may_examine = result.first->files && !arguments.no_diffoscope && !context.json;
  if (may_examine) run_diffoscope(context, store, second, causes.front(), *result.first->files);
  return different;
}

int reproduce_here(const Context& context, const Arguments& arguments) {
  bool keeps = !arguments.keep.empty();
  auto store = context.open_store(keeps ? store::Store::Access::read_only : store::Store::Access::update);
  auto graph = wanted_graph(store, arguments);
  require_complete(store, graph);
  context.note(fmt::format("running {} of {} again", counted(graph.graph.edges.size(), "step"), graph.title));
  if (keeps) {
    auto place = fs::absolute(arguments.keep).lexically_normal();
    make_empty(place);
    return reproduce_in(context, arguments, store, graph, place);
  }
  auto staging = store.stage();
  return reproduce_in(context, arguments, store, graph, staging.path());
}

int compare_with_file(const Context& context, const Arguments& arguments) {
  auto store = context.open_store(store::Store::Access::read_only);
  auto document = proof::read_document(arguments.against);
  bool has_choice = arguments.all || !arguments.words.empty();
  auto graph = has_choice ? wanted_graph(store, arguments) : proof::graph_of_document(store, document);
  auto result = proof::compare_with_document(store, graph, document);
  report(context, graph, result);
  return result.comparison.causes.empty() ? 0 : different;
}

int run(const Context& context, const Arguments& arguments) {
  check(arguments);
  return arguments.against.empty() ? reproduce_here(context, arguments) : compare_with_file(context, arguments);
}

}  // namespace

Command reproduce_command() {
  return make_command<Arguments>(
      {.name = "reproduce",
       .group = Group::understanding,
       .summary = "Run steps again elsewhere and compare every byte",
       .description = "Runs every step of an environment once more, in an empty second store, under\n"
                      "another clock, host name, user, directory, umask, locale and number of CPUs, and\n"
                      "compares the records and layers. Tells the first step that differs and the files in\n"
                      "it; what differs only because of that step is no finding of its own. Downloads are\n"
                      "taken from the first store and verified, so no network is needed; the second store\n"
                      "is removed afterwards. docs/ci.md tells more, and what this can not find.\n\n"
                      "With --against nothing is built: what this store has is compared with the records\n"
                      "that another machine exported.\n\n"
                      "Exit status: 0 identical, 1 different, 2 when the question could not be answered.",
       .examples = {{"karapace reproduce", "the environment of ./karapace.toml"},
                    {"karapace reproduce 5ec34a7a", "one step, with what leads to it: also a release"},
                    {"karapace reproduce --same clock", "does it depend on anything but the clock?"},
                    {"karapace reproduce --order", "does anything follow the order of directories?"},
                    {"karapace reproduce --against other.json", "is another machine's build the same?"}},
       .error_status = failed},
      declare, run);
}

}  // namespace karapace::cli
