// SPDX-License-Identifier: Apache-2.0
// What `exec --explain` and `enter --explain` print.
#pragma once

#include "cli/context.hpp"
#include "runtime/sandbox/session.hpp"

namespace karapace::cli {

/// Text for people, or with --json one document (docs/security-model.md has its fields).
void print_explanation(const Context& context, const runtime::SessionRequest& request,
                       const runtime::PlannedSession& planned);

}  // namespace karapace::cli
