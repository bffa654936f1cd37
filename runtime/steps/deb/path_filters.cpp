// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cctype>

#include <fnmatch.h>

#include "base/words.hpp"
#include "runtime/steps/deb/dpkg_database.hpp"

namespace karapace::steps::deb {

namespace {

constexpr std::string_view directory = "etc/dpkg/dpkg.cfg.d/";

/// As dpkg takes the names of its configuration's parts: no dots, so no editor's or dpkg's left-overs.
bool is_part(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(),
                                      [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; });
}

/// `NAME VALUE` or `NAME=VALUE`, the value perhaps in quotes; nothing when the line has another name.
std::string_view value_of(std::string_view line, std::string_view name) {
  if (!line.starts_with(name)) return {};
  auto value = line.substr(name.size());
  if (value.empty() || (value.front() != '=' && std::isspace(static_cast<unsigned char>(value.front())) == 0))
    return {};
  value = trimmed(value);
  if (value.starts_with('=')) value = trimmed(value.substr(1));
  const bool is_quoted = value.size() >= 2 && (value.front() == '"' || value.front() == '\'');
  if (is_quoted && value.back() == value.front()) value = value.substr(1, value.size() - 2);
  return value;
}

/// The path with all links followed, the last one too.
std::string meaning(const trees::Composition& tree, const std::string& path) {
  constexpr std::string_view below = "/.x";
  auto resolved = tree.resolve_parents(path + std::string(below));
  return resolved.size() > below.size() ? resolved.substr(0, resolved.size() - below.size()) : std::string();
}

/// The part of a pattern before its first wildcard, without slashes at the end.
std::string_view fixed_part(std::string_view pattern) {
  auto fixed = pattern.substr(0, pattern.find_first_of("*?[\\"));
  while (fixed.ends_with('/')) fixed.remove_suffix(1);
  return fixed;
}

}  // namespace

PathFilters::PathFilters(const trees::LayerStack& base) {
  std::vector<std::string> files;
  base.for_each([&](const store::Entry& entry, const std::filesystem::path&) {
    const std::string_view path = entry.path;
    if (path.starts_with(directory) && is_part(path.substr(directory.size()))) files.push_back(entry.path);
  });
  files.emplace_back("etc/dpkg/dpkg.cfg");
  const trees::Composition tree(base);
  for (const auto& file : files) read(base.read(meaning(tree, file)).value_or(""));
}

void PathFilters::read(std::string_view configuration) {
  for (auto line : lines(configuration)) {
    line = trimmed(line);
    for (const bool is_include : {false, true}) {
      const auto pattern = value_of(line, is_include ? "path-include" : "path-exclude");
      if (!pattern.empty()) filters_.push_back({std::string(pattern), is_include});
    }
  }
}

bool PathFilters::leave_out(std::string_view path, store::EntryType type) const {
  if (filters_.empty()) return false;
  const std::string name(path);
  bool left_out = false;
  for (const auto& filter : filters_)
    if (::fnmatch(filter.pattern.c_str(), name.c_str(), 0) == 0) left_out = !filter.is_include;
  if (!left_out || (type != store::EntryType::directory && type != store::EntryType::symlink)) return left_out;
  return std::none_of(filters_.begin(), filters_.end(), [&](const Filter& filter) {
    return filter.is_include && path.starts_with(fixed_part(filter.pattern));
  });
}

}  // namespace karapace::steps::deb
