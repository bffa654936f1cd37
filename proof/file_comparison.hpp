// SPDX-License-Identifier: Apache-2.0
// Which files of two layers differ, and how, for people: what, and for small text files the lines.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "store/listing.hpp"

namespace karapace::proof {

struct LayerSide {
  store::Listing listing;
  std::optional<std::filesystem::path> tree;  // nothing: only the listing is known here
};

struct FileDifference {
  std::string path;                // absolute inside, escaped
  std::vector<std::string> what;   // "content", "mode", ..., "only in the first", "only in the second"
  std::vector<std::string> shown;  // "mode 0644 became 0600", "- a line", "+ another line"
  std::string raw_path = {};       // as it is on disk
  bool needs_tool = false;         // the content differs, and not in lines that people can read
};

/// In the order of paths. Reads the files that it shows, without following links out of a tree; runs where every file
/// can be read. The lines of the first `shown_files` are shown, of each the first few.
std::vector<FileDifference> compare_files(const LayerSide& first, const LayerSide& second, std::size_t shown_files);

/// The lines that differ between two texts, "- " of the first before "+ " of the second, shortened: what is equal at
/// the beginning and the end is left out.
std::vector<std::string> differing_lines(const std::string& first, const std::string& second);

}  // namespace karapace::proof
