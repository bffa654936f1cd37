// SPDX-License-Identifier: Apache-2.0
// A .deb into a tree: `data/` (its files), `control/` (its control files) and `dpkg/`, what dpkg would write into its
// database when it unpacks the package, prepared once so that every environment only links it: `list` (info/NAME.list),
// `md5sums` (info/NAME.md5sums, where the package has none itself), `owners` (owner_names.hpp, where there are others
// than root) and `stanza` (the status stanza with the digests of the configuration files).
//
// What dpkg refuses is refused, and what would make dpkg wait for ever; docs/packages-compared.md has the table.
#pragma once

#include <compare>
#include <string>

#include "runtime/trees/archive_reader.hpp"
#include "runtime/trees/tree_writer.hpp"

namespace karapace::steps::deb {

/// What a lock says that a package is.
struct PackageIdentity {
  std::string name;
  std::string version;
  std::string architecture;
  auto operator<=>(const PackageIdentity&) const = default;
  std::string text() const;  // "git 1:2.39.5-0+deb12u2 (amd64)"
};

/// Reads a package and writes it by `writer`, which writes below the directory `tree`. StepError with `label`, also
/// when its control file says that it is another one.
void unpack_deb(trees::TreeWriter& writer, int tree, trees::ByteSource source, const PackageIdentity& locked,
                const std::string& label);

}  // namespace karapace::steps::deb
