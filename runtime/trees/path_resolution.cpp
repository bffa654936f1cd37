// SPDX-License-Identifier: Apache-2.0
#include "runtime/trees/path_resolution.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"

namespace karapace::trees {

namespace {

constexpr int most_links = 40;  // as the kernel's limit, path_resolution(7)

std::vector<std::string> parts_of(std::string_view path) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin < path.size();) {
    auto end = std::min(path.find('/', begin), path.size());
    auto part = path.substr(begin, end - begin);
    if (!part.empty() && part != ".") parts.emplace_back(part);
    begin = end + 1;
  }
  return parts;
}

}  // namespace

std::string_view parent_path(std::string_view path) {
  auto slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
}

std::string_view base_name(std::string_view path) {
  auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string resolve_parents(std::string_view path, const VisibleEntry& visible) {
  auto pending = parts_of(path);
  if (pending.empty()) return {};
  std::string last = std::move(pending.back());
  pending.pop_back();
  std::string resolved;
  int links = 0;
  for (std::size_t i = 0; i < pending.size(); ++i) {
    if (pending[i] == "..") {
      resolved = std::string(parent_path(resolved));
      continue;
    }
    std::string next = resolved.empty() ? pending[i] : resolved + "/" + pending[i];
    const auto* entry = visible(next);
    if (!entry || entry->type != store::EntryType::symlink) {
      resolved = std::move(next);
      continue;
    }
    if (++links > most_links)
      throw StepError(fmt::format("\"{}\" leads through too many links", escaped_utf8(path.substr(0, 80))));
    if (entry->target.starts_with('/')) resolved.clear();
    auto target = parts_of(entry->target);
    target.insert(target.end(), pending.begin() + static_cast<std::ptrdiff_t>(i) + 1, pending.end());
    pending = std::move(target);
    i = static_cast<std::size_t>(-1);
  }
  return resolved.empty() ? last : resolved + "/" + last;
}

}  // namespace karapace::trees
