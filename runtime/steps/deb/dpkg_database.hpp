// SPDX-License-Identifier: Apache-2.0
// dpkg's database (/var/lib/dpkg) as it stands below an installation, and as it must stand once new packages are
// unpacked: what `dpkg --unpack` would have written, so that `dpkg --configure` goes on from there; and of dpkg's
// configuration what concerns unpacking.
//
// Sources: dpkg(1), deb-triggers(5), dpkg's doc/triggers.txt; file formats as dpkg 1.21 writes them.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/steps/deb/deb_package.hpp"
#include "runtime/trees/composition.hpp"
#include "runtime/trees/layer_stack.hpp"
#include "store/listing.hpp"

namespace karapace::steps::deb {

/// Where an unpacked package's configuration files stand, dpkg(1).
enum class Conffiles {
  in_place,     // a bootstrap: the first programs need them before dpkg can put them there
  as_unpacked,  // as "NAME.dpkg-new": dpkg moves them into place when it configures the package
};

struct Diversion {
  std::string to;     // resolved path
  std::string owner;  // the package whose own file stays; ":" when none
};

/// What a base's dpkg is told not to unpack, as slim images are without documentation.
///
/// Sources: dpkg(1), --path-exclude and --path-include; which directories stay: dpkg's src/main/filters.c.
class PathFilters {
 public:
  /// Those in /etc/dpkg/dpkg.cfg.d and /etc/dpkg/dpkg.cfg of the layers, in the order in which dpkg reads them.
  explicit PathFilters(const trees::LayerStack& base);

  /// Whether dpkg would leave out `path`, absolute as the package names it, of this type: the last filter that matches
  /// decides; directories, and links that may lead to one, stay where an included path may lie below.
  bool leave_out(std::string_view path, store::EntryType type) const;

 private:
  struct Filter {
    std::string pattern;  // fnmatch(3), where "*" matches "/" too
    bool is_include = false;
  };
  void read(std::string_view configuration);
  std::vector<Filter> filters_;
};
/// Whether dpkg reads what stands at this resolved path, its database and configuration: for a FIFO it would wait for
/// ever.
bool is_read_by_dpkg(std::string_view path) noexcept;

class DpkgDatabase {
 public:
  /// Reads the database of the layers below. An empty one when there is none; StepError when there is a FIFO in
  /// it, or another thing in place of a file.
  explicit DpkgDatabase(const trees::LayerStack& lower);

  // A name is the package's, or that with its architecture by which dpkg names its files ("libc6:i386"). Where
  // there are several of a name, the first of them is found.

  /// The stanza of a package that is installed and configured, or null.
  const karapace::deb::Stanza* installed(std::string_view name) const;
  /// The stanzas of all packages of this name, whatever their architecture, that are installed and configured.
  std::vector<const karapace::deb::Stanza*> all_installed(std::string_view name) const;
  /// The stanza of a package whose files are there, also when it is only unpacked or half configured, or null.
  const karapace::deb::Stanza* unpacked(std::string_view name) const;
  /// The stanza of a package that has left anything, be it configuration files, or null.
  const karapace::deb::Stanza* known(std::string_view name) const;
  /// Diversions by path as written ("/bin/sh").
  const std::map<std::string, Diversion>& diversions() const noexcept { return diversions_; }
  bool has_overrides() const noexcept { return !overrides_.empty(); }
  bool has_override(std::string_view absolute_path) const { return overrides_.contains(std::string(absolute_path)); }
  /// The packages that list a path, as dpkg names their files, by reading their lists: slow, for conflicts only.
  std::vector<std::string> owners(std::string_view path, const trees::Composition& tree) const;

  /// Has dpkg know these architectures, its own first: as `dpkg --add-architecture` writes them.
  void add_architectures(trees::Composition& tree, const std::vector<std::string>& architectures,
                         std::int64_t mtime) const;

  /// Takes a path out of an installed package's list, because another package replaces it.
  void disown(trees::Composition& tree, std::string_view package, std::string_view path, std::int64_t mtime) const;

  /// Adds the files `info/NAME.*` of a newly unpacked package to the tree.
  void add_info_files(trees::Composition& tree, const DebPackage& package, const store::Listing& listing) const;
  /// Adds to `activated` the directories and files that installed packages wait for, and below which this package has
  /// something ("/usr/share/man").
  void activate_triggers(const store::Listing& listing, std::set<std::string>& activated) const;
  /// Adds the database's other files to the tree.
  void write(trees::Composition& tree, const std::vector<const DebPackage*>& unpacked,
             const std::set<std::string>& activated, Conffiles conffiles, std::int64_t mtime) const;

 private:
  void require_no_pipes() const;
  /// A file of the database below, "" when there is none; StepError when it is no regular file.
  std::string read(std::string_view name) const;
  void read_diversions();
  void read_overrides();
  void write_status(trees::Composition& tree, const std::vector<const DebPackage*>& unpacked, Conffiles conffiles,
                    std::int64_t mtime) const;
  void write_triggers(trees::Composition& tree, const std::vector<const DebPackage*>& unpacked,
                      const std::set<std::string>& activated, std::int64_t mtime) const;

  const trees::LayerStack& lower_;
  std::string status_;
  std::vector<karapace::deb::Stanza> stanzas_;  // of all packages, whatever their state
  std::map<std::string, Diversion> diversions_;
  std::set<std::string> overrides_;
  std::string file_triggers_;
};

}  // namespace karapace::steps::deb
