// SPDX-License-Identifier: Apache-2.0
// Sysroots: an environment's layers merged into one directory, for tools outside that read it: compilers' header and
// library paths, debuggers, editors.
//
// A sysroot is no part of an environment: it holds copies of the layers' files (reflinks where the file system has
// them), which were hashed on the way, can be made again at any time, and goes with its environment. It shares no file
// with a layer: people's tools work in it, and a write through another name would reach every environment of the layer.
// Every symbolic link in it stays in it: absolute targets, and relative ones that would
// climb out, are written anew as the relative way to what they mean inside. So reading it from outside never follows a
// link of the image to a file of the host.
#pragma once

#include <filesystem>

#include "store/environment.hpp"
#include "store/store.hpp"

namespace karapace::steps {

/// The sysroot's path; made unless it is there. Runs as root of the user namespace of trees. StoreError when a layer is
/// missing or damaged.
std::filesystem::path make_sysroot(const store::Store& store, const store::Environment& environment);

}  // namespace karapace::steps
