// SPDX-License-Identifier: Apache-2.0
#include "runtime/trees/hardlinks.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <unordered_map>

namespace karapace::trees {

store::Listing canonical_hardlinks(std::vector<store::Entry> entries) {
  std::map<std::string, std::vector<std::size_t>> groups;  // path of the regular file -> its other names
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].type == store::EntryType::hardlink) groups[entries[i].target].push_back(i);
  }
  if (groups.empty()) return store::Listing(std::move(entries));
  std::unordered_map<std::string, std::size_t> files;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].type == store::EntryType::regular) files.emplace(entries[i].path, i);
  }
  for (auto& [target, names] : groups) {
    names.push_back(files.at(target));
    auto by_path = [&](std::size_t a, std::size_t b) { return entries[a].path < entries[b].path; };
    std::sort(names.begin(), names.end(), by_path);
    store::Entry file = entries[files.at(target)];
    for (std::size_t name : names) {
      store::Entry link;
      link.path = entries[name].path;
      link.type = store::EntryType::hardlink;
      link.target = entries[names.front()].path;
      entries[name] = std::move(link);
    }
    file.path = entries[names.front()].path;
    entries[names.front()] = std::move(file);
  }
  return store::Listing(std::move(entries));
}

}  // namespace karapace::trees
