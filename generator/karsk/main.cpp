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
#include "base/regular_file.hpp"
#include "generator/karsk/karsk_project.hpp"

namespace {

namespace fs = std::filesystem;
using namespace karapace;

std::string read(const fs::path& file) {
  auto text = read_file_if_exists(file);
  if (!text) throw NotFoundError(fmt::format("there is no file \"{}\"", escaped_utf8(file.native())));
  return std::move(*text);
}

/// The Containerfile below the project's directory, or nothing. A project may be anybody's, and what this program can
/// not carry over is shown, so files elsewhere are none.
karsk::Containerfile read_image(const fs::path& directory, const fs::path& name, std::vector<std::string>& notes) {
  constexpr std::size_t most_bytes = std::size_t{1} << 20;
  const auto shown = escaped_utf8(name.native());
  const auto path = name.lexically_normal();
  if (path.is_absolute() || *path.begin() == "..") {
    notes.push_back(
        fmt::format("build-image: \"{}\" lies outside of the project, and is not read: copy it into it", shown));
    return {};
  }
  const auto opened = open_at(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY);
  const auto image = try_open_regular(opened.get(), path, Links::inside);
  if (image.fd) return karsk::parse_containerfile(read_all(image.fd->get(), "the build-image", most_bytes));
  notes.push_back(image.refusal.empty() ? fmt::format("build-image: there is no file \"{}\"", shown)
                                        : fmt::format("build-image: \"{}\" {}", shown, image.refusal));
  return {};
}

std::string run(const fs::path& file) {
  std::vector<std::string> notes;
  const auto project = karsk::parse_karsk_project(read(file), escaped_utf8(file.native()), notes);
  karsk::Containerfile image;
  if (!project.build_image.empty())
    image = read_image(file.has_parent_path() ? file.parent_path() : ".", project.build_image, notes);
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
