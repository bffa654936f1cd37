// SPDX-License-Identifier: Apache-2.0
// The control file `triggers`, deb-triggers(5): what a package waits for and what it sets off, as dpkg reads it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace karapace::steps::deb {

struct TriggerLine {
  std::string directive;  // "interest", "interest-noawait", "activate", ...
  std::string name;       // "/usr/share/man", "ldconfig"; of an interest, it never leads out of dpkg's directory
};

/// In the file's order. StepError naming `what` for what dpkg refuses (an unknown directive, a name that is none, a
/// last line without a newline), and for interest in what has the name of one of dpkg's own files.
std::vector<TriggerLine> parse_triggers(std::string_view text, std::string_view what);

}  // namespace karapace::steps::deb
