// SPDX-License-Identifier: Apache-2.0
// The control files that are lists: `conffiles`, deb-conffiles(5), and `triggers`, deb-triggers(5), as dpkg reads them.
#pragma once

#include <string_view>
#include <vector>

#include "runtime/steps/unpacked_package.hpp"

namespace karapace::steps::deb {

/// In the file's order; a path that stands there twice is there twice, as in dpkg's status. StepError naming `what` for
/// what dpkg refuses: a path that is not absolute, an unknown flag, a last line without a newline.
std::vector<ConfigurationFile> parse_conffiles(std::string_view text, std::string_view what);

/// In the file's order. Of an interest, the name never leads out of dpkg's directory. StepError naming `what` for what
/// dpkg refuses (an unknown directive, a name that is none, a last line without a newline), and for interest in what
/// has the name of one of dpkg's own files.
std::vector<Trigger> parse_triggers(std::string_view text, std::string_view what);

}  // namespace karapace::steps::deb
