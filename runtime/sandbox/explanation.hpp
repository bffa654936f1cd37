// SPDX-License-Identifier: Apache-2.0
// Explanation: what a sandbox will see of the host and what keeps it from the rest, told from its plan.
#pragma once

#include <string>
#include <vector>

#include "runtime/sandbox/sandbox.hpp"

namespace karapace::sandbox {

struct Explanation {
  struct Sight {
    BindAccess access{};
    std::string inside;  // absolute path
    std::string host;    // what it shows
    std::string why;     // "the project", "mount data", "control file"
  };
  struct Barrier {
    std::string name;    // stable, for JSON
    std::string keeps;   // what it does, as the rest of a sentence that begins with the name
    bool stands = true;  // false: this kernel has none
  };
  std::vector<Sight> sights;        // files and directories of the host
  std::vector<std::string> hidden;  // host directories that appear empty wherever they would be seen
  std::vector<std::string> shared;  // what else is the host's, for people
  std::vector<std::string> groups;  // supplementary groups of the caller that commands keep, by name
  std::vector<Barrier> barriers;
};

/// Asks the kernel what it has; starts and changes nothing.
Explanation explain(const SandboxPlan& plan);

}  // namespace karapace::sandbox
