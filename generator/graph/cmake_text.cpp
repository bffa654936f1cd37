// SPDX-License-Identifier: Apache-2.0
#include "generator/graph/cmake_text.hpp"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "base/error.hpp"
#include "store/identifiers.hpp"

namespace karapace::graph {

namespace {

constexpr std::size_t longest_subject_in_name = 70;
constexpr std::size_t digits_of_key = 16;

bool is_name_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("._+").find(c) != std::string_view::npos;
}

/// A quoted argument. Line ends and other control characters can only come from the names of setup files, and a
/// generator expression is not meant by any of them.
void append_quoted(std::string& text, std::string_view value) {
  text += '"';
  for (char c : value) {
    bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    if (c == '"' || c == '\\') text += '\\';
    if (control || c == '$' || c == ';') c = '?';
    text += c;
  }
  text += '"';
}

void append_path(std::string& text, const std::filesystem::path& path, std::string_view what) {
  // `;` ends an element of a list, `[` and `]` join elements, and a `\` before them is lost with the next expansion.
  if (path.native().find_first_of(";[]|\\\n\r\"$") != std::string::npos) {
    throw Error(
        fmt::format("gen: the path of the {} has a character that CMake can not handle (one of ; [ ] | \\ \" $ or "
                    "a line end): move it: {}",
                    what, path.native()));
  }
  text += '"';
  text += path.native();
  text += '"';
}

void append_variable(std::string& text, std::string_view name, const std::filesystem::path& path) {
  text += fmt::format("set(_karapace_{} ", name);
  append_path(text, path, name);
  text += ")\n";
}

}  // namespace

std::string link_name(const Edge& edge) {
  std::string name(text(edge.step.kind));
  name += '-';
  for (char c : std::string_view(edge.subject).substr(0, longest_subject_in_name))
    name += is_name_character(c) ? c : '-';
  return name + '-' + edge.key.hex().substr(0, digits_of_key);
}

std::string cmake_text(const Graph& graph) {
  std::string text =
      "# karapace cmake 1\n"
      "# Written by `karapace gen --cmake`: change the manifest instead.\n";
  std::unordered_map<StepKey, std::string> names;
  for (const auto& edge : graph.edges) {
    const auto& name = names.emplace(edge.key, link_name(edge)).first->second;
    text += fmt::format("_karapace_step({} ", karapace::text(edge.step.kind));
    append_quoted(text, edge.subject);
    text += fmt::format(" {} {}", name, edge.key.hex());
    for (const auto& input : edge.step.inputs) text += " " + names.at(input);
    text += ")\n";
  }
  return text;
}

std::string cmake_local_text(CMakeLocal local) {
  std::sort(local.sources.begin(), local.sources.end());
  local.sources.erase(std::unique(local.sources.begin(), local.sources.end()), local.sources.end());
  std::string text = "# What belongs to this machine. Written by `karapace gen --cmake`; never compared.\n";
  text += fmt::format("set(_karapace_name \"{}\")\nset(_karapace_id {})\nset(_karapace_link {})\n", local.name,
                      local.id.hex(), local.link);
  if (!local.release.empty()) text += fmt::format("set(_karapace_release {})\n", local.release);
  append_variable(text, "store", local.store);
  append_variable(text, "step_program", local.step_program);
  append_variable(text, "arguments", local.arguments);
  append_variable(text, "manifest", local.manifest);
  append_variable(text, "lock", local.lock);
  text += fmt::format("set(_karapace_fetch_depth {})\nset(_karapace_install_depth {})\n", local.fetch_depth,
                      local.install_depth);
  std::unordered_map<StepKey, std::string> names;
  for (const auto& layer : local.layers) names.emplace(layer.key, link_name(layer));
  for (const auto& [variant, edges] : local.packs) {
    text += fmt::format("set(_karapace_packs_{}", variant);
    for (const auto& edge : edges) {
      text += fmt::format("\n  {}|{}", link_name(edge), edge.key.hex());
      for (const auto& input : edge.step.inputs) text += "|" + names.at(input);
    }
    text += ")\n";
  }
  text += "set(_karapace_sources";
  for (const auto& source : local.sources) {
    text += "\n  ";
    append_path(text, source, "source");
  }
  return text + ")\n";
}

}  // namespace karapace::graph
