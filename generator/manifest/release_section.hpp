// SPDX-License-Identifier: Apache-2.0
// What a manifest says of a release: [release] and [[source]] (docs/releases.md).
#pragma once

#include "generator/manifest/section.hpp"

namespace karapace::manifest {

/// [release] and all [[source]] tables, which are judged together.
void read_release(Section& top, Manifest& manifest);

}  // namespace karapace::manifest
