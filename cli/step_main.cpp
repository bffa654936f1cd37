// SPDX-License-Identifier: Apache-2.0
// karapace-step: runs one edge of the graph (cli/edge_command.hpp). A record that exists is a hit: nothing is touched.
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/inherited_state.hpp"
#include "base/path_error.hpp"
#include "base/sibling_programs.hpp"
#include "cli/edge_command.hpp"
#include "cli/step_link.hpp"
#include "runtime/sandbox/id_mode.hpp"
#include "runtime/sandbox/store_namespace.hpp"
#include "runtime/steps/step_context.hpp"
#include "store/power_failure.hpp"
#include "store/repair.hpp"
#include "store/store.hpp"

namespace karapace::cli {

namespace {

// Downloads are another program's: libcurl and its thirty libraries would slow every edge down.
[[noreturn]] void run_fetch(char** argv) {
  auto program = find_program("karapace-fetch");
  ::execv(program.c_str(), argv);
  throw StepError(errno_message(fmt::format("cannot run {}", program.string()), errno));
}

/// `--hint clock=SECONDS`: how much later the step's commands believe it is.
std::optional<steps::MovedClock> moved_clock(const EdgeCommand& edge) {
  auto hint = edge.hints.find("clock");
  if (hint == edge.hints.end()) return std::nullopt;
  const auto& value = hint->second;
  steps::MovedClock clock;
  auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), clock.seconds);
  if (error != std::errc{} || end != value.data() + value.size() || clock.seconds < 0) {
    throw UsageError(fmt::format("--hint clock={}: a number of seconds is expected", value));
  }
  clock.library = find_program("karapace-moved-clock.so");
  return clock;
}

StepOutput perform(const steps::StepContext& context) {
  steps::check_rules(context.step);
  switch (context.step.kind) {
    case StepKind::unpack: return steps::unpack(context);
    case StepKind::install: return steps::install(context);
    case StepKind::setup: return steps::setup(context);
    case StepKind::commit: return steps::commit(context);
    case StepKind::environment: return steps::environment(context);
    case StepKind::pack: return steps::pack(context);
    case StepKind::source: return steps::source(context);
    case StepKind::compile: return steps::compile(context);
    case StepKind::assemble: return steps::assemble(context);
    case StepKind::fetch: break;
  }
  throw StepError("a step of the kind \"fetch\" is another program's");  // run_fetch
}

void tell(const std::string& line) { fmt::print(stderr, "karapace-step: note: {}\n", printable(line)); }

void run_step(const EdgeCommand& edge) {
  auto store = store::Store::open(edge.store, store::Store::Access::create);
  auto lock = store.lock_output(edge.key.hex());
  if (store.record(edge.key)) return;  // somebody else made it while we waited
  auto ids = sandbox::plan_ids_for(store);
  if (edge.step.kind != StepKind::environment) sandbox::enter_user_namespace(ids);
  auto staging = store.stage(edge.step);
  steps::StepContext context{.store = store,
                             .staging = staging,
                             .step = edge.step,
                             .key = edge.key,
                             .id_mode = ids.mode,
                             .hints = {edge.hints.begin(), edge.hints.end()},
                             .clock = moved_clock(edge),
                             .note = edge.hints.contains("quiet") ? nullptr : tell};
  store.add_record({edge.step, perform(context)});
  // An environment is what a build ends with.
  if (edge.step.kind == StepKind::environment && !edge.hints.contains("sync")) store::sync_store_in_background(store);
}

/// A record without its output is forgotten, so that the step is run.
bool is_hit(const EdgeCommand& edge) {
  struct stat status{};
  if (::stat(edge.output.c_str(), &status) != 0) return false;
  const auto store = store::Store::open(edge.store, store::Store::Access::read_only);
  if (store::has_usable_record(store, edge.key)) return true;
  store::forget_lost_outputs(store::Store::open(edge.store, store::Store::Access::update), {edge.key});
  return false;
}

int run(int argc, char** argv) {
  ::umask(022);
  std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty() || words[0] == "--help" || words[0] == "-h") {
    fmt::print(
        "usage: karapace-step KIND OUT [--hint NAME=VALUE]... [NAME=VALUE]... -- INPUT...\n"
        "       karapace-step @FILE\n\n"
        "Runs one step of a graph that `karapace gen` wrote. OUT is <store>/steps/<key>.\n");
    return words.empty() ? 1 : 0;
  }
  auto edge = parse_edge_command(words);
  const bool hit = is_hit(edge);
  if (!hit && edge.step.kind == StepKind::fetch) run_fetch(argv);
  if (!hit) run_step(edge);
  make_link(edge);
  return 0;
}

}  // namespace

}  // namespace karapace::cli

int main(int argc, char** argv) {
  karapace::mend_inherited_state();
  try {
    return karapace::cli::run(argc, argv);
  } catch (const karapace::Error& error) {
    fmt::print(stderr, "karapace-step: {}\n", karapace::printable(error.what()));
    return karapace::exit_code(error.kind());
  } catch (const std::exception& error) {
    fmt::print(stderr, "karapace-step: {}\n", karapace::printable(karapace::told_text(error)));
    return 1;
  }
}
