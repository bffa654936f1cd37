// SPDX-License-Identifier: Apache-2.0
// KarskProject: what the YAML file of a Karsk project says, of every version of Karsk, and the manifest that it
// becomes.
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
  std::string build_image;  // of a Containerfile, from the file's directory; "" when it names none; not judged
  std::vector<KarskPackage> packages;  // in their order; of two of one name the last
  std::map<std::string, std::string> links;
  std::map<std::string, std::string> areas;  // name -> host
};

/// `text` is the file `name`. What is not taken over is added to `notes`. ManifestError with "name:line:column" when it
/// is no YAML, no project of Karsk, or a package has a name that none can have here.
KarskProject parse_karsk_project(std::string_view text, const std::string& name, std::vector<std::string>& notes);

/// What of the image that Karsk builds in can be said in a manifest: what it begins with, and the packages that it
/// installs with apt.
struct Containerfile {
  std::string base;                   // as base.image of a manifest says it; "" when nothing is begun with
  std::vector<std::string> packages;  // sorted
  std::vector<std::string> left;      // lines, or parts of them, that say something else
};

/// Packages are understood where the base is a suite of Debian or Ubuntu.
Containerfile parse_containerfile(std::string_view text);

struct ImportedManifest {
  std::string text;                          // of karapace.toml
  std::map<std::string, std::string> files;  // that it needs beside it: path -> text
};

/// Paths are those of the Karsk project, beside which the manifest is to lie. What is not taken over, or means
/// something else, is added to `notes`.
ImportedManifest manifest_of(const KarskProject& project, const Containerfile& image, std::vector<std::string>& notes);

}  // namespace karapace::karsk
