// SPDX-License-Identifier: Apache-2.0
// Sysroots: an environment's layers merged into one directory, for tools outside that read it: compilers' header and
// library paths, debuggers, editors.
//
// A sysroot is no part of an environment: it holds hard links to the layers' files, can be made again at any time, and
// goes with its environment. Every symbolic link in it stays in it: absolute targets, and relative ones that would
// climb out, are written anew as the relative way to what they mean inside. So reading it from outside never follows a
// link of the image to a file of the host. Its files are the layers' own: nobody may write to them.
#pragma once

#include <filesystem>

#include "store/environment.hpp"
#include "store/store.hpp"

namespace karapace::steps {

/// The sysroot's path; made unless it is there. Runs as root of the user namespace of trees. StoreError when a layer is
/// missing or damaged.
std::filesystem::path make_sysroot(const store::Store& store, const store::Environment& environment);

}  // namespace karapace::steps
