// SPDX-License-Identifier: Apache-2.0
// Following: an instance goes along when its project has been built anew, as far as nothing of a person's is in
// conflict with what is new (store/conflicts.hpp).
#pragma once

#include <string>
#include <vector>

#include "base/waiting.hpp"
#include "runtime/sandbox/sandbox.hpp"
#include "store/instance.hpp"
#include "store/reference.hpp"
#include "store/store.hpp"

namespace karapace::sandbox {

/// What the plan puts into an upper directory: places to mount at, files that are filled.
store::Scaffold scaffold_of(const SandboxPlan& plan);

/// Of the instance's changes those that are in conflict with the environment; asked by a child in the user namespace.
/// NotFoundError when one of the two environments is not built.
std::vector<std::string> conflicts_with(const store::Store& store, const store::Instance& instance,
                                        const EnvironmentId& environment);

struct FollowNotices {
  Notice moved;  // that it went along
  Notice stays;  // that it did not, and why
};

/// The instance as it is afterwards. The list of sessions is held meanwhile, so that of many that begin at once all
/// find it moved. A frozen instance stays without a word.
store::HeldInstance follow_project(const store::Store& store, store::HeldInstance held,
                                   const store::Reference& reference, const FollowNotices& notices);

}  // namespace karapace::sandbox
