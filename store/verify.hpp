// SPDX-License-Identifier: Apache-2.0
// verify-store: is everything in the store what its name says?
//
// Checked are: blobs (BLAKE3 of the bytes), layers (the listing's digest, and the tree against the listing, path by
// path), step records (form, seal, key, outputs present), environments (form, layers and lock present), roots and
// instances (form). Nothing that is checked is changed, and builds may run meanwhile: what disappears or is made again
// during the check is no problem.
//
// A repair moves what is damaged to `quarantine/` (which gc empties), with the records that lead to it, so that ninja
// makes it again. An instance holds a person's changes and is never moved: its record is written anew when the store
// still tells what it said.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store/listing.hpp"
#include "store/scan.hpp"
#include "store/store.hpp"

namespace karapace::store {

enum class ObjectKind { blob, layer, record, environment, root, instance, stray };

struct Problem {
  ObjectKind kind{};
  std::string object;  // "blob 3f9c...", "layer ...", "step ...", "environment ...", "root ...", "instance ..."
  std::string name;    // the file's name in its directory (for strays: "blobs/x")
  std::string reason;  // a clause for people
  std::vector<std::string> paths;  // layers: "usr/bin/git: content", escaped, in path order
  bool repaired = false;           // moved away, or written anew
};

enum class Repair { no, yes };

struct VerifyOptions {
  Repair repair = Repair::no;
  Owners owners = Owners::from_disk;
  unsigned threads = 1;
};

struct VerifyReport {
  std::size_t checked = 0;            // objects
  std::uint64_t bytes = 0;            // read
  std::vector<Problem> problems;      // by kind, then name
  std::vector<StepKey> to_be_remade;  // records that a repair took away: ninja runs these steps again
};

/// Runs inside the user namespace, where every file can be read.
VerifyReport verify_store(const Store& store, const VerifyOptions& options);

/// What differs between a listing and what a scan found, as Problem::paths has it. The owner of a link or fifo that is
/// 0:0 on disk is not compared: without subordinate ids it can not be kept there.
std::vector<std::string> differences(const Listing& expected, const Listing& found);

}  // namespace karapace::store
