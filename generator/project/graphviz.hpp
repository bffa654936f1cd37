// SPDX-License-Identifier: Apache-2.0
// Graphviz: turns DOT text into a picture with the program `dot`, where that is installed.
#pragma once

#include <string>
#include <string_view>

namespace karapace::project {

/// The SVG of `dot`. Error that names the package to install when there is no program `dot`, or tells what it
/// complained of.
std::string svg_of(std::string_view dot);

}  // namespace karapace::project
