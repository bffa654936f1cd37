// SPDX-License-Identifier: Apache-2.0
// A manifest for a Karsk project.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "generator/karsk/containerfile.hpp"
#include "generator/karsk/karsk_project.hpp"

namespace karapace::karsk {

struct ImportedManifest {
  std::string text;                          // of karapace.toml
  std::map<std::string, std::string> files;  // that it needs beside it: path -> text
};

/// Paths are those of the Karsk project, beside which the manifest is to lie. What is not taken over, or means
/// something else, is added to `notes`.
ImportedManifest manifest_of(const KarskProject& project, const Containerfile& image, std::vector<std::string>& notes);

}  // namespace karapace::karsk
