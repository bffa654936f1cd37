// SPDX-License-Identifier: Apache-2.0
// What an instance changes, as the archive that a commit step makes a layer of; and what of it a manifest could say
// itself.
//
// An archive lies in a project, which is shared. What each instance has of its own never gets into one: the secrets and
// random names of the tables (canonical_rules.hpp, sandbox/first_entry.hpp), whatever hard link they have, the
// machine's id, and what sessions put there (scaffold). Sockets can not be kept; what fuse-overlayfs or an image would
// take for a mark is refused, as in the layers of other steps.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/sandbox/id_mode.hpp"
#include "store/instance.hpp"
#include "store/store.hpp"

namespace karapace::steps {

struct LeftOutSecret {
  std::string path;
  std::string_view secret;  // what it is
};

/// A file that [[setup.files]] could make: root's, with nothing but a mode.
struct ProposedFile {
  std::string target;  // absolute
  std::uint32_t mode = 0644;
};

/// Lines of a manifest that say what changed.
struct Proposal {
  std::vector<std::string> packages;  // that are newly installed and that nothing but a person's wish brought; sorted
  std::vector<ProposedFile> files;
  bool is_whole = false;  // nothing changed that these, and what installing the packages does, would not make
};

struct CommitArchive {
  std::uint64_t changes = 0;  // of a person's, by store::find_changes; without any nothing is written
  std::vector<LeftOutSecret> secrets;
  std::vector<std::string> sockets;
  std::vector<std::string> confined;  // packed: files that not everybody can read, and private keys
  Proposal proposal;
};

/// Writes the archive to `output`. The caller holds the instance; runs in the user namespace for the store's trees.
/// StepError with the path when something can not stand in such an archive, StoreError when it changes meanwhile.
CommitArchive write_commit_archive(const store::Store& store, const store::Instance& instance, sandbox::IdMode mode,
                                   int output);

}  // namespace karapace::steps
