// SPDX-License-Identifier: Apache-2.0
#include "cli/packing.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "cli/generate_arguments.hpp"
#include "cli/store_access.hpp"
#include "generator/project/ninja.hpp"
#include "generator/project/pack_graph.hpp"
#include "generator/project/project.hpp"
#include "store/absent.hpp"
#include "store/repair.hpp"

namespace karapace::cli {

void declare_packing(Options& options, PackingArguments& arguments) {
  options.value("--compression", "FORMAT", arguments.compression, "of the layers: zstd or gzip");
  options.value("--max-layers", "N", arguments.most_layers,
                "join the uppermost layers so that there are no more than N");
  options.flag("--squash", arguments.squash, "join all layers into one");
}

graph::PackOptions pack_options(const PackingArguments& arguments, std::string_view usual) {
  graph::PackOptions options{.compression = arguments.compression.value_or(std::string(usual))};
  if (options.compression != "zstd" && options.compression != "gzip")
    throw UsageError(fmt::format("--compression {}: write zstd or gzip", escaped_utf8(options.compression)));
  if (arguments.squash && arguments.most_layers)
    throw UsageError("--squash and --max-layers exclude each other: --squash means --max-layers 1");
  if (arguments.most_layers == 0) throw UsageError("--max-layers 0: an image has at least one layer");
  options.most_layers = arguments.squash ? 1 : static_cast<std::size_t>(arguments.most_layers.value_or(0));
  return options;
}

void require_built_here(const store::Store& store, const store::Environment& environment, bool vouched) {
  if (vouched || !store::was_taken_over(store, environment.step)) return;
  throw UsageError(fmt::format(
      "the environment {} was taken over and not built here, and a signature says that it was: whoever asks "
      "for several that agree would count yours as one of them. `karapace build` in a store without it builds "
      "it; --vouch signs for what others made",
      environment.id.short_hex()));
}

PackedEnvironment find_built(const store::Store& store, const std::string& word) {
  const auto reference = find_reference(store, word);
  auto environment = store::find_environment(store, reference.environment);
  if (!environment)
    throw NotFoundError(fmt::format("the environment {} is not built yet: run `karapace build` in its project",
                                    reference.environment.short_hex()));
  return {.environment = *std::move(environment),
          .name = project::name_from(reference.root ? reference.root->name : reference.environment.short_hex()),
          .in_use = store::use_environment(store, reference.environment)};
}

int pack_layers(const Context& context, const BuildingArguments& arguments, const store::Environment& environment,
                const graph::PackOptions& options) {
  const auto store = context.open_store(store::Store::Access::update);
  const auto graph = project::write_pack_graph(store, environment, options, machine_paths(context).cache);
  store::forget_lost_outputs(store, graph.steps);
  std::vector<std::string> words;
  if (arguments.jobs) words = {"-j", fmt::to_string(*arguments.jobs)};
  if (context.verbosity > 0) words.push_back("-v");
  const bool is_quiet = arguments.quiet || context.verbosity == 0;
  const int status = is_quiet ? project::run_ninja_quietly(words, graph.directory)
                              : project::run_ninja(words, graph.directory, ChildOutput::to_stderr);
  if (status == 0 || status > 128) return status;
  throw StepError(fmt::format("the layers could not be packed: ninja ended with status {} (see above)", status));
}

}  // namespace karapace::cli
