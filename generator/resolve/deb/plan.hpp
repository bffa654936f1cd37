// SPDX-License-Identifier: Apache-2.0
// Plan: the whole way from a request to a resolution.
#pragma once

#include "generator/resolve/resolve.hpp"

namespace karapace::resolve_deb {

/// Updates the lists, resolves the base (unless a base archive brings its own) and the requested packages on top.
generator::Resolution plan(const generator::ResolveRequest& request);

}  // namespace karapace::resolve_deb
