// SPDX-License-Identifier: Apache-2.0
// [image]: how other engines run the environment when it is an image.
#include <string>
#include <vector>

#include <fmt/format.h>

#include "generator/manifest/manifest.hpp"
#include "generator/manifest/rules.hpp"
#include "generator/manifest/section.hpp"

namespace karapace::manifest {

namespace {

std::vector<std::string> command_words(Section& image, std::string_view key) {
  std::vector<std::string> words;
  for (auto& word : image.texts(key)) words.push_back(std::move(word.text));
  const bool has_program = words.empty() || !words.front().empty();
  if (!has_program)
    image.problem(image.find(key)->source().begin,
                  fmt::format("{} begins with an empty word: write the program first", image.path(key)));
  return words;
}

void read_labels(Section& labels, Manifest& manifest) {
  for (const auto& [key, node] : labels.table()) {
    labels.find(key.str());
    const Word name{std::string(key.str()), key.source().begin};
    const auto value = labels.text_of(node, labels.path(key.str()));
    if (labels.pleases(name, "label", judge_label_name) && value)
      manifest.runtime.image.labels[name.text] = value->text;
  }
}

}  // namespace

void read_image(Section& image, Manifest& manifest) {
  auto& settings = manifest.runtime.image;
  settings.entrypoint = command_words(image, "entrypoint");
  settings.command = command_words(image, "command");
  // "/" is what images have that say nothing: one meaning, one lock.
  if (auto directory = image.word("working_directory"); directory && directory->text != "/") {
    if (image.pleases(*directory, image.path("working_directory"), judge_inner_path))
      settings.working_directory = directory->text;
  }
  if (auto user = image.word("user")) {
    if (image.pleases(*user, image.path("user"), judge_user)) settings.user = user->text;
  }
  image.section("labels", [&](Section& labels) { read_labels(labels, manifest); });
}

}  // namespace karapace::manifest
