// SPDX-License-Identifier: Apache-2.0
// What is done with a destination besides installing: which version a link names is chosen, what is there is compared
// with what it should be, versions become archives and pages, and, only when somebody asks for it, old ones are
// removed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "release/destination.hpp"

namespace karapace::release {

struct LinkChange {
  std::string alias;
  std::optional<std::string> before;  // nothing: there was no such link
  std::optional<std::string> after;   // nothing: it is gone
};

struct LinkChoice {
  std::optional<std::string> before;  // what was chosen for it; nothing: nobody had
  std::optional<std::string> after;   // what is chosen now
  std::vector<LinkChange> changes;    // of this link and of those that follow it
};
/// From now on the link names this version: one in full, an alias or "^", whatever manifests say. NotFoundError when
/// there is none.
LinkChoice choose_link(const Destination& destination, const std::string& alias, const std::string& version,
                       Notice notice);
/// The link is again what the manifest says, or what comes of itself; when neither names it, it is removed.
/// NotFoundError when nobody has chosen it and there is no such link.
LinkChoice forget_link(const Destination& destination, const std::string& alias, Notice notice);

/// Entry -> versions that are made of it, as far as their release.json can be read.
std::map<std::string, std::vector<std::string>> users_of_entries(const Destination& destination);
/// What links lead to -> their names, for all versions at once: a thousand have thousands of links.
std::map<std::string, std::vector<std::string>> aliases_by_target(const Destination& destination);
/// Of regular files, without what they share.
std::uint64_t size_of_entries(const Destination& destination, const std::vector<std::string>& entries);

struct Fault {
  std::string where;  // below the destination: "store/ENTRY", "versions/1.0.0+1", "bin/app"
  std::string path;   // in that; "" is itself
  std::string what;   // "content", "missing", "leads nowhere", ...
};
/// What does not fit together, by names and records: entries that versions lack, links that lead nowhere, names that
/// are none of ours, records that are damaged, directories that everybody may write to. Of launchers the bytes, too:
/// every program begins with one.
std::vector<Fault> misfits(const Destination& destination);
/// The same, and all that entries and versions hold, read and hashed. Those of which nobody knows what they should be
/// count as faults, too.
std::vector<Fault> verify(const Destination& destination, unsigned threads);

struct ArchivedVersion {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;  // of their content
};
/// What the archive's paths are relative to.
enum class ArchiveRoot {
  machine,      // "opt/apps/app/bin/app": for the root of any machine
  destination,  // "bin/app": for what is mounted at the destination
};
/// A version as a tar archive (pax), owners 0:0: unpacked where the release was built for it is a destination with this
/// version alone, whole, with its launcher and links and all that `verify` needs. Every byte is determined by the
/// version. StoreError when something is not as it was built.
ArchivedVersion archive_version(const Destination& destination, const std::string& version, ArchiveRoot root,
                                const std::function<void(std::string_view bytes)>& write);

/// Entry -> where its build's log lies, relative to the page.
using LogPlaces = std::map<std::string, std::string>;
/// A page for browsers: versions, links, dates, packages. One file without scripts, readable on a phone.
std::string destination_page(const Destination& destination, const LogPlaces& logs);

struct Pruned {
  std::vector<std::string> versions;
  std::vector<std::string> entries;
  std::uint64_t bytes = 0;
  std::vector<LinkChange> links;
};
enum class PruneMode { dry_run, remove };
/// Removes the versions but the `keep` that were installed last and those that [release.links], `release use`, "latest"
/// or "stable" name; then the entries that no version is made of. Links are switched before. Build ids stay used. What
/// is not known by a listing stays, whatever its name. StoreError, and nothing is removed, when anything is missing by
/// which that is decided: a version's directory, release.json or record. A dry run takes no lock and writes nothing.
Pruned prune(const Destination& destination, std::uint64_t keep, PruneMode mode, Notice notice);

}  // namespace karapace::release
