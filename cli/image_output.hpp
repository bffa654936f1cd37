// SPDX-License-Identifier: Apache-2.0
// Images in files: what the commands that write them have in common.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "cli/building.hpp"
#include "cli/context.hpp"
#include "cli/packing.hpp"

namespace karapace::cli {

/// A release on top of its environment.
struct ReleaseInImage {
  std::filesystem::path archive;  // tar, in a directory where there is room for it, compressed
  std::string program;            // absolute: what the image runs
};

struct ImageOutput {
  std::string_view command;    // for messages
  std::string location;        // of image_file_location
  graph::PackOptions options;  // of image_file_options
  std::optional<ReleaseInImage> release;
};

/// What -o says, with the word that says what kind of image it is. UsageError when it is no file.
std::string image_file_location(std::string_view command, const std::string& output);

/// How the layers of an image there are packed. UsageError when it can not have what is asked for.
graph::PackOptions image_file_options(const PackingArguments& packing, const std::string& location);

struct WrittenImage {
  int status = 0;         // as of pack_layers
  nlohmann::json report;  // "config", "manifest": their SHA-256; "layers"
};
/// Packs what is not packed yet and writes the image. StepError and others as of pack_layers and of what karapace-image
/// says.
WrittenImage write_image_file(const Context& context, const BuildingArguments& building,
                              const PackedEnvironment& packed, const ImageOutput& output);

}  // namespace karapace::cli
