// SPDX-License-Identifier: Apache-2.0
// Answers to the questions that packages ask of debconf while they are installed, given before any of their scripts
// runs.
//
// Sources: debconf-devel(7), templates; debconf-set-selections(1).
#pragma once

#include <deque>
#include <string>
#include <string_view>

#include "runtime/steps/deb/deb_package.hpp"

namespace karapace::steps::deb {

/// What debconf-set-selections reads, a line for each answer of the step's parameter, `{"QUESTION":"ANSWER",...}`.
/// Owner and type are those of the package whose templates have the question. StepError when none of `packages` has it,
/// with the nearest that there is.
std::string debconf_selections(std::string_view parameter, const std::deque<DebPackage>& packages);

}  // namespace karapace::steps::deb
