// SPDX-License-Identifier: Apache-2.0
// karapace commit --to-manifest: a person's changes become a locked part of the environment. The archive is written
// beside the manifest, and the [[layers]] entry that names it into it; where packages and files say all of it, their
// lines are proposed instead.
#pragma once

#include <string>

#include "cli/context.hpp"
#include "store/store.hpp"

namespace karapace::cli {

struct CommitToManifest {
  std::string environment;  // as the command line has it
  std::string title;
  bool as_layer = false;  // also when lines of the manifest could say it
};

/// Prints what was done. Error when the instance belongs to no project, or a session runs in it.
int commit_to_manifest(const Context& context, const store::Store& store, const CommitToManifest& wanted);

}  // namespace karapace::cli
