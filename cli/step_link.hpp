// SPDX-License-Identifier: Apache-2.0
// Links to step records, for build systems that remove the outputs of their edges (`ninja clean`): theirs is
// <store>/links/<name>, which shows the record's time and is gone when gc took the record away. Edges ask for it with
// `--hint link=NAME`.
#pragma once

#include "cli/edge_command.hpp"

namespace karapace::cli {

/// Makes the link of an edge that asks for one, when it is not there; the record is. UsageError when the name is a
/// path.
void make_link(const EdgeCommand& edge);

}  // namespace karapace::cli
