// SPDX-License-Identifier: Apache-2.0
// Adding a layer to a manifest's text, of which everything else stays as a person wrote it.
#pragma once

#include <string>
#include <string_view>

#include "generator/manifest/manifest.hpp"

namespace karapace::manifest {

/// The text with a [[layers]] entry at its end, above all layers that it has, in its own line ends. ManifestError when
/// the text is no manifest or can not be added to (`layers = [...]`): what comes out was parsed and says what was
/// meant, and nothing else.
std::string with_layer(std::string_view text, std::string_view name, const LayerRequest& layer);

}  // namespace karapace::manifest
