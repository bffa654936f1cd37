// SPDX-License-Identifier: Apache-2.0
// karapace-import-karsk FILE: the manifest for the Karsk project that FILE describes, and what it could not carry over,
// as JSON. Apart from karapace, which links no library for YAML.
#include <filesystem>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/inherited_state.hpp"
#include "base/json/error_answer.hpp"
#include "generator/karsk/karsk_manifest.hpp"

namespace {

namespace fs = std::filesystem;
using namespace karapace;

std::string read(const fs::path& file) {
  auto text = read_file_if_exists(file);
  if (!text) throw NotFoundError(fmt::format("there is no file \"{}\"", escaped_utf8(file.native())));
  return std::move(*text);
}

std::string run(const fs::path& file) {
  std::vector<std::string> notes;
  const auto project = karsk::parse_karsk_project(read(file), escaped_utf8(file.native()), notes);
  karsk::Containerfile image;
  if (!project.build_image.empty()) {
    const auto place = file.parent_path() / project.build_image;
    if (const auto text = read_file_if_exists(place))
      image = karsk::parse_containerfile(*text);
    else
      notes.push_back(fmt::format("build-image: there is no file \"{}\"", escaped_utf8(place.native())));
  }
  const auto made = karsk::manifest_of(project, image, notes);
  auto packages = nlohmann::json::array();
  for (const auto& package : project.packages) packages.push_back(package.name);
  const nlohmann::json answer = {
      {"files", made.files}, {"manifest", made.text}, {"notes", notes}, {"packages", std::move(packages)}};
  return answer.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

}  // namespace

int main(int argc, char** argv) {
  karapace::mend_inherited_state();
  return karapace::print_answer("import karsk", [&] {
    if (argc == 2) return run(argv[1]);
    throw karapace::UsageError("usage: karapace-import-karsk FILE");
  });
}
