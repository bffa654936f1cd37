// SPDX-License-Identifier: Apache-2.0
// Destination: the directory in which a release's versions are installed, append-only (docs/releases.md).
//
//   store/ENTRY/          packages, read-only
//   versions/VERSION+N/   releases: links into the store, and release.json
//   versions/ALIAS        a link to a version
//   bin/ENTRYPOINT        a link to .launcher-HASH beside it
//   .karapace/            what is known besides: installed/VERSION+N (what the version must be; as old as it is),
//                         listings/ENTRY (what an entry must be), locks/SHA256 (of a build), links.json, used.json (the
//                         highest build ids), brought.json and sender (host_records.hpp), lock/ (destination_lock.hpp)
//
// Everything gets its name by a rename when it is whole. Hidden names (".new-...") are unfinished, or left by a crash.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "release/aliases.hpp"
#include "release/destination_lock.hpp"
#include "store/listing.hpp"
#include "store/release_document.hpp"

namespace karapace::release {

/// What was wished for at a destination; kept in links.json.
struct LinkWishes {
  Wishes manifest;  // [release.links] of what was installed last
  Wishes chosen;    // by `release use`: they go before
  auto operator<=>(const LinkWishes&) const = default;
};

struct UsedIds;  // kept_records.hpp

class Destination {
 public:
  /// Makes what is missing of it. StoreError when a directory without .karapace has anything in it, or a part of the
  /// destination is a link or somebody else's (trusted_directory.hpp).
  static Destination create(std::filesystem::path root);
  /// NotFoundError when there is none, StoreError when a part of it is a link.
  static Destination open(std::filesystem::path root);

  const std::filesystem::path& root() const noexcept { return root_; }
  std::filesystem::path entry(const std::string& name) const { return root_ / "store" / name; }
  std::filesystem::path version(const std::string& name) const { return root_ / "versions" / name; }
  std::filesystem::path program(const std::string& name) const { return root_ / "bin" / name; }
  std::filesystem::path own(const std::string& name) const { return root_ / ".karapace" / name; }

  /// StoreError when a part of the destination is a link or somebody else's: everything that changes it is under the
  /// lock. Records of which one copy is damaged or lost are written anew.
  DestinationLock lock(const DestinationLock::Patience& patience, Notice notice) const;

  /// Installed versions, the highest last: directories with release.json.
  std::vector<std::string> versions() const;
  /// What has the name of a version, or is kept as one, and is none: its directory or its release.json is lost. Nobody
  /// knows which packages belong to it. Not what is about to get its name, or is being removed.
  /// `own_unfinished`: a version of this process that has no name yet, which is none of those.
  std::vector<std::string> lost_versions(const std::filesystem::path& own_unfinished = {}) const;
  /// Those that links may lead to, the highest last: they are what was installed. Whoever can put a directory into
  /// versions/ does not choose what everybody starts.
  std::vector<std::string> linkable_versions() const;
  /// alias -> what its link says, for links in versions/.
  std::map<std::string, std::string> links() const;
  /// Directories that have the name of an entry, whatever is in them.
  std::vector<std::string> entries() const;
  bool is_entry(const std::string& name) const;
  /// "store/NAME", "versions/NAME": what is there and neither entry, version nor link.
  std::vector<std::string> strangers() const;
  store::ReleaseDocument document(const std::string& version) const;
  /// Nothing when it is damaged, or gone.
  std::optional<store::ReleaseDocument> readable_document(const std::string& version) const;
  /// Whether its release.json is the one that was installed; nothing when that is not known.
  std::optional<bool> has_installed_document(const std::string& version) const;
  /// What names a version: in full, or an alias. NotFoundError that names the nearest.
  std::string resolve(const std::string& name) const;
  /// Seconds since 1970; nothing when it is not known.
  std::optional<std::int64_t> installed_at(const std::string& version) const;
  /// What an entry or version must be; nothing when it is not known here, or damaged.
  std::optional<store::Listing> entry_listing(const std::string& name) const;
  std::optional<store::Listing> version_listing(const std::string& name) const;

  LinkWishes wishes() const;
  /// The highest build id of each version that ever had one, as far as it was noted or there is a record of it.
  std::map<std::string, std::uint64_t> used_ids() const;
  /// Whether both copies of a record (kept_records.hpp) are readable, and the same.
  bool is_kept_whole(const std::string& record) const;

  // The following are done under the lock.

  void set_wishes(const LinkWishes& wishes) const;
  /// The highest build id that a version ever had; 0 for none.
  std::uint64_t used_id(const std::string& version) const;
  void set_used_id(const std::string& version, std::uint64_t id) const;
  /// Those that are higher than what was noted.
  void set_used_ids(const std::map<std::string, std::uint64_t>& ids) const;
  /// Makes the links what wishes and versions say; those that nobody asks for stay, and those to versions that are
  /// there and have lost their record, unless somebody chose or they lead higher now. Each appears or changes by a
  /// rename, and all are forced to the disk.
  Aliases switch_links() const;

  /// Removes what killed processes left unfinished in versions/, and the records of versions that never got their name,
  /// or had lost it when their removal ended.
  void sweep_versions() const;

  // Without the lock, too.

  /// Removes what killed processes left unfinished in the other parts.
  void sweep() const;

 private:
  explicit Destination(std::filesystem::path root) : root_(std::move(root)) {}
  bool is_version(const std::string& name) const;
  UsedIds noted_ids() const;
  void mend_records() const;
  bool is_lost(const std::string& name, const std::filesystem::path& own_unfinished) const;
  /// Whether it is the version that a record is of, and that has no name now.
  bool is_unfinished_of(const std::filesystem::path& unfinished, const std::string& name) const;
  void forget_record_of(const std::filesystem::path& unfinished) const;
  std::filesystem::path root_;
};

}  // namespace karapace::release
