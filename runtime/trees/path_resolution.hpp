// SPDX-License-Identifier: Apache-2.0
// Paths in a tree that is known by its entries: their parts, and where the links in them lead. No disk is asked.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "store/listing.hpp"

namespace karapace::trees {

/// "usr/bin" of "usr/bin/ls"; "" of what stands at the top.
std::string_view parent_path(std::string_view path);
/// "ls" of "usr/bin/ls".
std::string_view base_name(std::string_view path);

/// What is to be seen at a resolved path; null when nothing is.
using VisibleEntry = std::function<const store::Entry*(std::string_view path)>;
/// The path with links in its parent directories followed, its last part not: "bin/ls" → "usr/bin/ls". Like the root
/// of a system the tree has nothing above it: ".." of its top is the top. StepError after 40 links.
std::string resolve_parents(std::string_view path, const VisibleEntry& visible);

}  // namespace karapace::trees
