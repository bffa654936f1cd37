// SPDX-License-Identifier: Apache-2.0
// A layer of an OCI or Docker image as a layer of ours (image-spec 1.1, layer.md).
//
// The file `.wh.NAME` of the archive is a whiteout of NAME, `.wh..wh..opq` makes its directory opaque, wherever in the
// archive they stand: they hide what layers below have, never what this one brings. All other `.wh..wh.*` are aufs's
// own bookkeeping and left out. Names are inside the image whatever they begin with, and links among their parents are
// followed inside of it, in this layer and those below; ".." is refused. A path that appears again replaces what was
// there, its type, too. A directory that the archive leaves out is what the layers below have there. A hard link to a
// file of theirs brings that file, with all its names, into this layer. In the place of a device stands an empty file:
// nobody can make one without privileges.
//
// Nothing needs to be known of the layers below when the archive has every directory before what is in it and no links
// out of the layer, as what Karapace packs. Such an archive gives exactly the layer that was packed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/digest.hpp"
#include "runtime/trees/decompressor.hpp"
#include "runtime/trees/layer_stack.hpp"
#include "store/listing.hpp"

namespace karapace::trees {

struct ImageLayerRequest {
  int directory;                 // empty; the tree is made below it
  ByteSource blob;               // as registries have it: a tar archive, plain or compressed with gzip or zstd
  std::string label;             // for messages
  std::uint64_t byte_limit = 0;  // of file contents in all
  /// What the layers below show, asked for when it is needed; none when it stands alone.
  std::function<const LayerStack&()> lower = {};
};

struct ImageLayer {
  store::Listing listing;
  Sha256 diff_id;          // of the archive after decompression: what a configuration has in its `rootfs`
  std::uint64_t size = 0;  // of the same, in bytes
};

/// Reads the blob to its end. StepError with the label when it is damaged, does not fit into a layer or takes too much
/// room; the tree is of no use then.
ImageLayer unpack_image_layer(const ImageLayerRequest& request);

}  // namespace karapace::trees
