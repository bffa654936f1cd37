// SPDX-License-Identifier: Apache-2.0
// What the commands about an instance's changes share: the instance, kept while they read it, and the trees that its
// changes are changes to.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/fd.hpp"
#include "cli/instance_report.hpp"
#include "store/changes.hpp"
#include "store/snapshot.hpp"

namespace karapace::cli {

struct InstanceTrees {
  store::HeldInstance held;
  std::string name;                           // for people
  std::vector<std::filesystem::path> layers;  // bottom first
  store::Owners owners;
  const store::Instance& instance() const noexcept { return held.instance; }
  Fd open_upper() const;
  store::SnapshotOptions snapshot_options() const;
};

/// Held against being replaced or destroyed; sessions may run. The process is in the user namespace for trees
/// afterwards. NotFoundError when there is no such instance, or its environment is not there.
InstanceTrees hold_trees(const store::Store& store, const std::string& word);
/// Until the server of a FUSE overlay has ended whose session did, and its marks are translated. StoreError when that
/// takes half a minute. Where a session runs, it is not waited for.
void wait_for_upper(const store::Instance& instance);
/// The trees of an environment, bottom first. NotFoundError, with the remedy, when it is not there.
std::vector<std::filesystem::path> trees_or_refuse(const store::Store& store, const EnvironmentId& environment);
/// The changes of a person.
store::Changes find_changes(const InstanceTrees& trees, std::string_view command);

/// The fields of docs/schemas/common.json's snapshot.
nlohmann::json snapshot_json(const store::Snapshot& snapshot);
/// A path in a tree, for JSON and people: "/etc/passwd".
std::string shown_path(std::string_view path);
/// Tells of sockets and device nodes.
void tell_left_out(const Context& context, const std::vector<std::string>& paths);

}  // namespace karapace::cli
