// SPDX-License-Identifier: Apache-2.0
// KarskProject: what the YAML file of a Karsk project says, of every version of Karsk.
//
// Karsk passes over what it does not know. Here everything that is not taken over is told.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace karapace::karsk {

struct KarskSource {
  enum class Kind { none, git, archive, file };
  Kind kind = Kind::none;
  std::string location;  // URL, or path from the file's directory
  std::string ref;       // of git
};

struct KarskPackage {
  std::string name;
  std::string version;
  KarskSource source;
  std::vector<std::string> depends;
  std::string build;
};

struct KarskProject {
  std::string destination;
  std::string main;
  std::vector<std::string> entrypoints;
  std::string build_image;             // of a Containerfile, from the file's directory; "" when it names none
  std::vector<KarskPackage> packages;  // in their order; of two of one name the last
  std::map<std::string, std::string> links;
  std::map<std::string, std::string> areas;  // name -> host
};

/// `text` is the file `name`. What is not taken over is added to `notes`. ManifestError with "name:line:column" when it
/// is no YAML, or no project of Karsk.
KarskProject parse_karsk_project(std::string_view text, const std::string& name, std::vector<std::string>& notes);

}  // namespace karapace::karsk
