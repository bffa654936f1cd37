// SPDX-License-Identifier: Apache-2.0
// Packing: the layers of a built environment as blobs, for commands that make or push images. Steps like others: run by
// ninja, at once, and only as far as they are missing.
#pragma once

#include <optional>
#include <string>

#include "base/file_lock.hpp"
#include "cli/building.hpp"
#include "cli/context.hpp"
#include "cli/options.hpp"
#include "generator/graph/pack_plan.hpp"
#include "store/environment.hpp"
#include "store/store.hpp"

namespace karapace::cli {

struct PackingArguments {
  std::optional<std::string> compression;
  std::optional<std::uint64_t> most_layers;
  bool squash = false;
};
/// --compression, --max-layers and --squash.
void declare_packing(Options& options, PackingArguments& arguments);
/// UsageError when they do not fit together. `usual`: the compression when none is asked for.
graph::PackOptions pack_options(const PackingArguments& arguments, std::string_view usual);

/// A signature says that this machine made it: UsageError for an environment that was taken over, unless somebody
/// vouches for it.
void require_built_here(const store::Store& store, const store::Environment& environment, bool vouched);

struct PackedEnvironment {
  store::Environment environment;
  std::string name;  // for people, a word
  FileLock in_use;   // keeps it from gc
};
/// The environment that `word` names; NotFoundError telling to build it when it is not built.
PackedEnvironment find_built(const store::Store& store, const std::string& word);

/// Packs what is not packed yet. 0, or 128 + the signal that ended it; StepError when a step failed.
int pack_layers(const Context& context, const BuildingArguments& arguments, const store::Environment& environment,
                const graph::PackOptions& options);

}  // namespace karapace::cli
