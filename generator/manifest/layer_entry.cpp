// SPDX-License-Identifier: Apache-2.0
#include "generator/manifest/layer_entry.hpp"

#include <fmt/format.h>

#include "base/error.hpp"

namespace karapace::manifest {

namespace {

/// A basic string of TOML. What needs more than these escapes is in no path or title.
std::string toml_string(std::string_view text) {
  std::string result = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

ManifestError not_addable(std::string_view name, std::string_view why) {
  return ManifestError(
      fmt::format("{}: a [[layers]] entry can not be added at its end ({}): write the layers that are "
                  "there as [[layers]] tables, or add this one yourself",
                  name, why));
}

}  // namespace

std::string with_layer(std::string_view text, std::string_view name, const LayerRequest& layer) {
  auto wanted = parse_manifest(text, name);
  wanted.layers.push_back(layer);
  const std::string_view end = text.find("\r\n") == text.npos ? "\n" : "\r\n";
  std::string result(text);
  if (!result.empty() && !result.ends_with('\n')) result += end;
  result += fmt::format("{0}[[layers]]{0}archive = {1}{0}", end, toml_string(layer.archive));
  if (!layer.title.empty()) result += fmt::format("title = {}{}", toml_string(layer.title), end);
  try {
    if (parse_manifest(result, name) == wanted) return result;
  } catch (const ManifestError& error) {
    throw not_addable(name, error.what());
  }
  throw not_addable(name, "it would mean something else");
}

}  // namespace karapace::manifest
