// SPDX-License-Identifier: Apache-2.0
// LayerBuild: from a composition and commands to a layer.
//
// The composition is written to disk as the topmost lower layer of a sandbox, the commands run above it, and what they
// changed is moved from the overlay's upper directory into the composed tree: so package files are hard links that
// nobody ever writes to, and nothing is copied. The result is made canonical (canonical_rules.hpp): times that the
// commands made are set to the epoch, what differs from machine to machine is left out.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/sandbox/sandbox.hpp"
#include "runtime/steps/capture.hpp"
#include "runtime/steps/scaffold.hpp"
#include "runtime/steps/step_context.hpp"
#include "runtime/trees/composition.hpp"
#include "runtime/trees/layer_stack.hpp"
#include "store/identifiers.hpp"

namespace karapace::steps {

/// The packages that failed, by what the commands wrote; none when it does not tell.
using FailedPackages = std::vector<std::string>(std::string_view output);

struct LayerBuildPlan {
  std::vector<sandbox::Command> commands;
  std::vector<sandbox::Bind> binds;
  std::vector<ScaffoldFile> scaffold;  // beside the names of hosts, which every build has
  std::int64_t epoch = 0;              // SOURCE_DATE_EPOCH, seconds
  Secrets secrets = Secrets::left_out;
  FailedPackages* failed_packages = nullptr;  // null: no packages are installed
  /// Only what the commands make in this directory, without a leading slash, becomes the layer; it must not be there
  /// before. Empty: all that they change.
  std::string output = {};
};

/// The variables that every command of a build is given: a fixed locale, time zone, path, hash seeds, and those of
/// all families of packages.
std::map<std::string, std::string> build_variables(std::int64_t epoch);

/// Runs the plan and stores the layer. StepError when there is nothing in the plan's output; with the end of the
/// commands' output, the place of the log and the way to a shell in that state, when a command fails.
LayerId build_layer(const StepContext& context, trees::Composition tree, const trees::LayerStack& lower,
                    const LayerBuildPlan& plan);

}  // namespace karapace::steps
