// SPDX-License-Identifier: Apache-2.0
// verify-store: is everything in the store what its name says?
//
// Checked are: blobs (BLAKE3 of the bytes), layers (the listing's digest, and the tree against the listing, path by
// path), step records (form, seal, key, outputs present), environments (form, layers and lock present), roots and
// instances (form), sysroots (as layers) and toolchains (their digest). Nothing that is checked is changed, and builds
// may run meanwhile: what disappears or is made again during the check is no problem.
//
// What can not be read is no damage: descriptors run out, a disk fails, the ids are not those that made the store. It
// is told apart, and no repair touches it.
//
// A repair moves what is damaged to `quarantine/` (which gc empties), with the records that lead to it and everything
// that steps made of it, so that ninja makes it again. An instance holds a person's changes and is never moved: its
// record is written anew when the store still tells what it said.
#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/listing.hpp"
#include "store/scan.hpp"
#include "store/store.hpp"

namespace karapace::store {

enum class ObjectKind { blob, layer, record, environment, root, instance, sysroot, toolchain, version, stray };
std::string_view text(ObjectKind kind) noexcept;

enum class Trouble {
  damaged,    // it is not what its name, its seal or its listing says
  missing,    // it is whole, but what it names is not in the store
  unchecked,  // it could not be read, which says nothing of what is there
};
std::string_view text(Trouble trouble) noexcept;

enum class ObjectClass {
  rebuildable,    // ninja, gen or `karapace toolchain` make it again
  irreplaceable,  // a person's
};
ObjectClass class_of(ObjectKind kind) noexcept;
std::string_view text(ObjectClass object_class) noexcept;

/// What is wrong in a layer.
struct DamagedPath {
  std::string path;    // below the layer's root, escaped (base/escape.hpp); "/": the root
  std::string reason;  // "content, mode", "missing", "not in the listing"
  auto operator<=>(const DamagedPath&) const = default;
};

struct Problem {
  ObjectKind kind{};
  Trouble trouble{};
  std::string object;              // for people: "blob 3f9c...", "step ..."; of strays the file, "blobs/x"
  std::string name;                // the file's name in its directory (for strays: "blobs/x")
  std::string reason;              // a clause for people
  std::vector<DamagedPath> paths;  // in layers, in path order
  bool repaired = false;           // moved away, or written anew
  std::vector<std::string> notes;  // sentences for people, of what a repair of an instance had to assume or could not
};

enum class Repair { no, yes };

struct VerifyOptions {
  Repair repair = Repair::no;
  Owners owners = Owners::from_disk;
  unsigned threads = 1;
  /// Only what appeared or changed at that time or later.
  std::optional<timespec> changed_since = std::nullopt;
  /// Only these objects, by their names.
  std::optional<std::set<std::pair<ObjectKind, std::string>>> only = std::nullopt;
};

/// What a repair took out of use although it is what its name says, because it was made of something damaged.
struct Derived {
  ObjectKind kind{};
  std::string name;
  auto operator<=>(const Derived&) const = default;
};

/// An environment that is not in the store although an instance is in it, or its `previous` state or a snapshot.
struct LostEnvironment {
  EnvironmentId environment;
  std::string instance;  // its id
  auto operator<=>(const LostEnvironment&) const = default;
};

struct VerifyReport {
  std::size_t checked = 0;            // objects
  std::uint64_t bytes = 0;            // read
  std::vector<Problem> problems;      // by kind, then name
  std::vector<Derived> derived;       // by kind, then name
  std::vector<StepKey> to_be_remade;  // records that a repair took away: ninja runs these steps again
  std::vector<LostEnvironment> lost;  // as it is at the end, by environment
  ScanOptions scan_options;           // of the check, for looking again
};

/// How many problems are of this kind and not repaired.
std::size_t count(const VerifyReport& report, Trouble trouble);

/// Runs inside the user namespace, where every file can be read.
VerifyReport verify_store(const Store& store, const VerifyOptions& options);

/// What differs between a listing and what a scan found, as Problem::paths has it. The owner of a link or fifo that is
/// 0:0 on disk is not compared: without subordinate ids it can not be kept there.
std::vector<DamagedPath> differences(const Listing& expected, const Listing& found);

}  // namespace karapace::store
