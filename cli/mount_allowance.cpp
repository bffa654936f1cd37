// SPDX-License-Identifier: Apache-2.0
#include "cli/mount_allowance.hpp"

#include <cstdlib>
#include <string>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "generator/manifest/toml.hpp"
#include "generator/resolve/mirrors.hpp"

namespace karapace::cli {
namespace {

[[noreturn]] void problem(const std::string& file, const toml::source_region& at, std::string_view what) {
  throw ManifestError(fmt::format("{}:{}:{}: {}", file, at.begin.line, at.begin.column, what));
}

std::filesystem::path allowed_path(const toml::node& node, const std::string& file) {
  const auto text = node.value<std::string>();
  if (!text) problem(file, node.source(), "mounts.allowed must be an array of paths");
  const char* home = std::getenv("HOME");
  if (text->starts_with("~/") && home != nullptr) return std::filesystem::path(home) / text->substr(2);
  if (!text->starts_with('/')) problem(file, node.source(), "paths in mounts.allowed must begin with / or ~/");
  return *text;
}

}  // namespace

std::vector<std::filesystem::path> allowed_mounts() {
  const auto path = resolve::default_configuration_file();
  const auto text = read_file_if_exists(path);
  if (!text) return {};
  const auto file = path.string();
  const auto parsed = toml::parse(*text, file);
  if (!parsed) problem(file, parsed.error().source(), parsed.error().description());
  const auto* mounts = parsed.table().get("mounts");
  if (mounts == nullptr) return {};
  if (!mounts->is_table()) problem(file, mounts->source(), "[mounts] must be a table");
  std::vector<std::filesystem::path> allowed;
  for (const auto& [key, value] : *mounts->as_table()) {
    if (key.str() != "allowed") problem(file, value.source(), fmt::format("unknown key mounts.{}", key.str()));
    if (!value.is_array()) problem(file, value.source(), "mounts.allowed must be an array of paths");
    for (const auto& node : *value.as_array()) allowed.push_back(allowed_path(node, file));
  }
  return allowed;
}

}  // namespace karapace::cli
