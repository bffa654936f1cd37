// SPDX-License-Identifier: Apache-2.0
// The last run: which entries of Ninja's log belong to the last call of ninja that ran anything.
//
// The log does not say. Its times count from the start of each run, and now and then Ninja (or `ninja -t restat`, which
// `karapace gen` calls) writes the log anew in the order of a hash table. What can be used:
//
// - Within a run the ends only grow, no output appears twice, and a run that rewrote build.ninja is over: Ninja begins
// again.
// - Time stamps are wall clock. From version 6 on they are when the command started, or for `restat` edges that changed
// their
//   output, its modification time; so `stamp - end <= begin of the run <= stamp - start`, which alone separates the
//   runs. In version 5 they are the output's modification time, which is old when the edge had nothing to do: the lower
//   bound holds always, the upper one only where the command wrote its output.
//
// Limits: with version 5, short commands (up to 0.1 s) of a short earlier run may be counted in when they ended before
// the first command of the last run did; cache hits of the last run are lost when the log was written anew afterwards,
// and with them the run when it was nothing but hits. A wall clock that was set back between two runs can hide the
// later one. Two ninjas at once in a directory look like one.
#pragma once

#include <optional>
#include <vector>

#include "generator/timing/ninja_log.hpp"

namespace karapace::timing {

/// Indices into `log.entries`, growing. Runs that only wrote build.ninja again are passed over. `written`: the log's
/// own modification time; stamps after it are not believed. `hits`: of each entry whether it is known to have found its
/// output ready, or nothing at all.
std::vector<std::size_t> last_run(const NinjaLog& log, std::optional<std::chrono::nanoseconds> written,
                                  const std::vector<bool>& hits = {});

}  // namespace karapace::timing
