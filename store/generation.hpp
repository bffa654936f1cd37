// SPDX-License-Identifier: Apache-2.0
// Generations: the states of an instance that replace each other, each with the environment that it is a difference to.
//
//   instances/<id>/current/   what sessions use: generation.json, upper/, work/, first-entry
//   instances/<id>/previous/  the one before, for `undo`; or absent
//   instances/<id>/next/      only while one takes the place of another
//
// A generation is made beside the others, forced to the disk, and takes the place of the current one by one exchange
// (renameat2(2), RENAME_EXCHANGE): whoever looks finds the whole old state or the whole new one, also after a crash of
// the machine. Numbers grow with each that is made, so what a killed process left in next/ tells by its number whether
// it was to come or had been replaced (`settle_generations`).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/durable_file.hpp"
#include "store/changes.hpp"
#include "store/identifiers.hpp"
#include "store/store.hpp"

namespace karapace::store {

struct Generation {
  std::uint64_t number = 1;
  EnvironmentId environment;        // whose layers lie below `upper`
  std::filesystem::path directory;  // absolute
  std::filesystem::path upper() const { return directory / "upper"; }
  std::filesystem::path work() const { return directory / "work"; }
  /// How far the first entry came (runtime/sandbox/first_entry.hpp).
  std::filesystem::path first_entry() const { return directory / "first-entry"; }
};

/// Nothing when the directory is not there. StoreError when it is damaged.
std::optional<Generation> read_generation(const std::filesystem::path& directory);
/// The same of the instance whose open directory is `instance`: `directory` is in it.
std::optional<Generation> read_generation(int instance, const std::filesystem::path& directory);
/// Makes the directory with an empty upper and work directory, all of mode 0755 whatever the umask. For
/// `replace_generation` it need not be forced to the disk.
void make_generation(const std::filesystem::path& directory, std::uint64_t number, const EnvironmentId& environment,
                     Durable durable);
/// Puts it above another environment, its changes as they are.
void set_environment(const Generation& generation, const EnvironmentId& environment);
/// What sessions put into its upper directory; nothing when that is not known.
Scaffold read_scaffold(const Generation& generation);
/// Adds to it: of a path that is there already what stood there counts.
void add_scaffold(const Generation& generation, const Scaffold& scaffold);
/// What one that is made now is numbered in this instance.
std::uint64_t next_number(const std::filesystem::path& instance_directory);

// The caller of the following holds the instance exclusively (instance.hpp).

/// Makes `made`, a generation below a staging directory, the current one. The current one becomes the previous one,
/// and what was that is removed by a process for which nobody waits.
void replace_generation(const Store& store, const std::filesystem::path& instance_directory,
                        const std::filesystem::path& made);
/// Exchanges the current and the previous one. False when there is none.
bool exchange_generations(const std::filesystem::path& instance_directory);
/// Ends what a killed process has begun.
void settle_generations(const Store& store, const std::filesystem::path& instance_directory);

/// Writes the record of the generation, also where there is none.
void write_generation(const Generation& generation);

}  // namespace karapace::store
