// SPDX-License-Identifier: Apache-2.0
// Absent outputs: records that were taken over with an environment that somebody else built, without what their steps
// made. A record says what the output is; nothing here needed it so far. A mark `absent/<key>` says so, which
// tells it from an output that was lost: verify-store and gc leave such a record alone, and ninja has nothing to do.
//
// Whoever comes to need the output has it made: the record is forgotten, with those of its inputs whose outputs are
// absent too, and ninja runs the steps. A forgotten record stays in its mark: as long as the step was not run again,
// what was taken over is still known as a whole, and the record comes back when nothing needs the output any more.
// `gen` and `build` do that for all that they can see a graph will need; a step that finds an absent input all the same
// does it for the next run of ninja.
//
// A mark is written before its record, and goes when the step is run here. What has its output here is marked, too
// ("here"): nothing that was only taken over is signed as if it had been made here.
#pragma once

#include <optional>
#include <set>
#include <span>
#include <vector>

#include "store/store.hpp"

namespace karapace::store {

/// Adds records (of one environment, say), inputs before what reads them, as if their steps had been run here. What has
/// an output in the store gets no mark. A record that exists is kept, and gets one if its output was lost. All get the
/// same modification time, so that ninja finds nothing newer than what was made of it.
void add_taken_records(const Store& store, std::span<const StepRecord> records);

/// What was just made here of taken records counts as taken, too, until its step is run here.
void mark_taken(const Store& store, const StepKey& key);

/// Whether its output is not in the store, and is not missed.
bool is_absent(const Store& store, const StepRecord& record);

/// Whether there is any mark: spares looking for each of thousands of steps.
bool has_absent_outputs(const Store& store);

/// Forgets the records of those of the steps whose output is absent, and so on with their inputs. Returns the keys of
/// all that were forgotten: ninja runs them again.
std::vector<StepKey> forget_absent(const Store& store, std::span<const StepKey> steps);
/// Forgets the records of those of the steps that were taken over, be their outputs here or not, and of those that read
/// one of them: what was made of somebody else's output was not made here. Returns their keys.
std::vector<StepKey> forget_taken(const Store& store, std::span<const StepKey> steps);
/// Brings back the records of those of the steps that were forgotten and not made since, unless something that led to
/// them was made here meanwhile: of that something else may come.
void remember_absent(const Store& store, std::span<const Step* const> steps);
/// The record, or the one that was forgotten.
std::optional<StepRecord> record_or_forgotten(const Store& store, const StepKey& key);
/// The same for the inputs of those of the steps that have no record, and that ninja will run therefore.
std::vector<StepKey> forget_absent_inputs(const Store& store, std::span<const Step* const> steps);

/// Whether the step's own record was taken over and it was not run here.
bool is_taken(const Store& store, const StepKey& step);
/// Whether anything that led to the step was taken over from elsewhere and was not made here: then this machine can not
/// say of itself that it built it.
bool was_taken_over(const Store& store, const StepKey& step);

/// gc's part, under the exclusive contents lock: a mark without a record means nothing, unless it has the forgotten one
/// of a step that is needed, or led to one.
void remove_stray_marks(const Store& store, const std::set<StepKey>& needed);

}  // namespace karapace::store
