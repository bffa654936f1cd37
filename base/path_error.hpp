// SPDX-License-Identifier: Apache-2.0
// Path errors: what std::filesystem throws, in words that name the object and the way out. Its own text names neither
// the link that leads in a circle nor what to do, and holds paths raw.
#pragma once

#include <exception>
#include <string>

namespace karapace {

/// What a program's main tells of an exception: its own text, but of those of std::filesystem as
/// `cannot use "path": Too many levels of symbolic links: the link "link" leads back to itself; remove it and try
/// again`.
std::string told_text(const std::exception& error);

}  // namespace karapace
