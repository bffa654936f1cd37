// SPDX-License-Identifier: Apache-2.0
// Layers as images have them: tar in the form of pax, with `.wh.NAME` for whiteouts and `.wh..wh..opq` in opaque
// directories (OCI image specification, layer.md).
//
// Every byte follows from the listing: its order, its owners, modes and times (with nanoseconds), attributes as
// SCHILY.xattr. Each directory is an entry, the root too, so who unpacks it needs nothing of what lies below. Further
// names of a file are hard links that repeat the file's owner, mode, time and attributes: engines give a link's to the
// file.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "runtime/trees/chunked_compressor.hpp"
#include "store/listing.hpp"

namespace karapace::trees {

enum class Below {
  something,  // whiteouts and opaque marks are kept
  nothing,    // they are left out: there is nothing that they could hide
};

struct MergedEntry {
  store::Entry entry;
  std::size_t layer = 0;  // in whose tree its bytes are, under its own path
};

/// Several layers seen as one: what overlayfs would show of the stack, or what the stack changes of what lies below it.
/// In the order of paths, as a listing of the merged tree would be. `layers`: bottom first.
std::vector<MergedEntry> merge_layers(std::span<const store::Listing> layers, Below below);

struct LayerFiles {
  std::vector<store::Listing> listings;  // of the layers, bottom first
  std::vector<Fd> trees;                 // their directories
  Below below = Below::something;
  std::string label;  // for messages
};

/// Writes the layer, or several of them as one. Files are hashed while they are read. StoreError when one is not what
/// the listing says; StepError when something has a name that means something else in images.
void write_layer_archive(const LayerFiles& files, ChunkedCompressor& output);

}  // namespace karapace::trees
