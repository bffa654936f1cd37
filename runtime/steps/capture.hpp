// SPDX-License-Identifier: Apache-2.0
// Capture: moving what commands changed (an overlay's upper directory) into the tree below it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "runtime/trees/composition.hpp"
#include "runtime/trees/layer_stack.hpp"

namespace karapace::steps {

/// What becomes of the secrets that the commands made, by the rules.
enum class Secrets {
  left_out,  // a package made them for a machine that there will never be
  kept,      // somebody wanted them; they are told of
};

struct CaptureOptions {
  std::int64_t started = 0;  // when the commands began, seconds of the real clock
  std::int64_t epoch = 0;    // what later times become
  Secrets secrets = Secrets::left_out;
  /// Where `upper` stood inside, without a leading slash: the rules are about paths there.
  std::string place = {};
};

/// What whoever builds should know of: a layer is shared, also with others.
struct Captured {
  struct LeftOut {
    std::string path;
    std::string_view secret;  // its name: sandbox/first_entry.hpp
  };
  std::vector<LeftOut> left_out;      // secrets and random names, by a rule
  std::vector<std::string> confined;  // kept: new files that not everybody can read, and private keys
  std::vector<std::string> sockets;   // left out: nothing without the process that made them
  std::vector<std::string> acls;      // whose ACL is left out, which layers do not hold
};

/// Merges the directory `upper` into the composition `tree`, which is on disk at `tree_path`, by the canonical rules.
/// Afterwards disk and composition agree, but for the directories' times (Composition::write_directory_times).
Captured capture(Fd upper, trees::Composition& tree, const std::filesystem::path& tree_path,
                 const trees::LayerStack& lower, const CaptureOptions& options);

}  // namespace karapace::steps
