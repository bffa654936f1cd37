// SPDX-License-Identifier: Apache-2.0
// Cause: one thing that somebody (or the archive) changed, from which changed steps follow.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "generator/graph/diff/graph_index.hpp"

namespace karapace::diff {

/// In the order in which causes are told.
enum class CauseKind {
  environment_added,
  environment_removed,
  base,  // another distribution, suite or archive file
  architecture,
  package_added,
  package_removed,
  package_upgraded,
  package_downgraded,
  package_rebuilt,  // the same version with other content
  package_moved,    // from what is on top into the base, or back
  package_order,    // of installation, nothing else
  dependencies,     // packages that came or went with several of the causes: no cause of its own
  archives,         // the state of the archives moved on
  repository,       // an additional repository of the manifest
  recommends,
  request,   // asked for by name, or no more, without a change of that package
  location,  // a package comes from another place in the archives
  answer,    // to a question of debconf
  file_added,
  file_removed,
  file_changed,
  file_order,
  file_source,  // another name beside the manifest for the same file
  command_added,
  command_removed,
  command_changed,
  command_order,
  layer_added,
  layer_removed,
  layer_changed,
  layer_order,
  variable,
  mount,
  network,
  project,  // how sessions see its directory
  image,    // how other engines run it
  lock,     // the lock changed in what the graph does not tell
  planner,  // the same lock gives other steps: another version of Karapace wrote them
};
/// "package-upgraded": the word in JSON.
std::string_view text(CauseKind kind) noexcept;

/// What happened to a package. Without `before` it was added, without `after` removed.
struct PackageChange {
  std::string name;
  std::optional<std::string> before;  // versions
  std::optional<std::string> after;
  auto operator<=>(const PackageChange&) const = default;
};

struct Cause {
  CauseKind kind{};
  Stage stage{};                      // the first that it changes; all after it follow
  std::string subject;                // "git", "/etc/motd", "EDITOR", a command
  std::optional<std::string> before;  // versions, values, dates
  std::optional<std::string> after;
  std::vector<std::string> details;    // what about it changed: "content", "mode 0644 → 0755"
  std::vector<PackageChange> follows;  // packages that changed because of it, by name
  auto operator<=>(const Cause&) const = default;
};

/// One line without its surroundings: "git 2.39.2-1 → 2.39.5-0+deb12u2". What follows is not in it.
std::string headline(const Cause& cause);

}  // namespace karapace::diff
