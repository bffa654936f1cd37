// SPDX-License-Identifier: Apache-2.0
// How long a path in a tree may be.
//
// One relative mkdir(2) after another makes a tree of any depth, in a step as well as by an archive. Nothing can work
// with it: a path of more than PATH_MAX (4,096) bytes is no argument of a system call, and whoever tries anyhow, level
// by level from the top, needs time and memory that grow with the square of the depth. So whatever lists, unpacks or
// writes a tree refuses the first path that is too long. A quarter of PATH_MAX is left for what stands before it: the
// store, a sysroot or a mount point. As each name takes a byte and a slash, depth is bounded as well, to 1,536.
//
// Removing is the exception: what was refused must go (remove_tree).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace karapace::store {

inline constexpr std::size_t longest_path = 3072;  // in bytes, relative to its tree, without a leading slash
inline constexpr std::size_t longest_name = 255;   // of one part of it: NAME_MAX

/// What is wrong with a path that is too long, or has a name in it that is, told with its beginning; nothing when it is
/// not.
std::optional<std::string> length_complaint(std::string_view path);

}  // namespace karapace::store
