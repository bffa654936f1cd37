// SPDX-License-Identifier: Apache-2.0
// Control files: what of a project the host believes when ninja or karapace run in it the next time.
//
// A session may write to its project, and whatever it writes there is as trusted as what ran in it. But a graph is run,
// a lock and a manifest decide what is fetched, and a keyring whose signature counts: sessions see these read-only.
#pragma once

#include <filesystem>
#include <vector>

#include "generator/project/own_directory.hpp"
#include "store/root.hpp"
#include "store/store.hpp"

namespace karapace::project {

/// Absolute paths, links of their directories resolved, sorted, none twice. They need not exist, nor lie in the
/// project. Of the project: the manifest and its lock, and `.karapace` beside it, where `karapace build` works. Of each
/// graph that was written for it: the manifests, locks and keyrings in the project, of all the graph's environments;
/// and in the graph's directory build.ninja, steps.cmake and `.karapace`, where Ninja's logs are, which tell it what is
/// up to date; of graphs that an older release wrote they are in the directory itself.
std::vector<std::filesystem::path> control_files(const store::Root& root);
/// Those of them that people make, and may make links: manifests, locks and keyrings.
std::vector<std::filesystem::path> files_of_people(const store::Root& root);

/// Whether a directory lies in one of these projects, or in any project of the store: what runs in its sessions may
/// have put links there. The store must live as long.
OwnDirectory::WrittenBySessions in_projects(const store::Store& store,
                                            std::vector<std::filesystem::path> projects = {});

}  // namespace karapace::project
