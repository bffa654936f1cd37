// SPDX-License-Identifier: Apache-2.0
#include "runtime/trees/fresh_tree.hpp"

#include <algorithm>
#include <cerrno>
#include <map>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "runtime/trees/file_metadata.hpp"
#include "runtime/trees/path_resolution.hpp"

namespace karapace::trees {

namespace {

/// Takes entries whose hard links name any regular file among them, and gives the listing in which each group's first
/// path is the regular file and all others point to it.
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

[[noreturn]] void fail_writing(const std::string& path, int errno_value) {
  throw StoreError(errno_message(fmt::format("cannot write \"{}\"", path), errno_value));
}

}  // namespace

FreshTree::FreshTree(int directory) : directory_(directory) {
  store::Entry root;
  root.type = store::EntryType::directory;
  root.mode = 0755;
  remember(std::move(root));
}

store::Entry& FreshTree::remember(store::Entry entry) {
  index_[entry.path] = entries_.size();
  return entries_.emplace_back(std::move(entry));
}

const store::Entry* FreshTree::find(std::string_view path) const {
  auto found = index_.find(std::string(path));
  return found == index_.end() ? nullptr : &entries_[found->second];
}

int FreshTree::parent_of(const std::string& path) {
  auto parent = parent_path(path);
  if (parent.empty()) return directory_;
  if (!parent_ || parent_path_ != parent) {
    parent_ = open_at(directory_, std::string(parent), O_PATH | O_DIRECTORY | O_NOFOLLOW);
    parent_path_ = parent;
  }
  return parent_.get();
}

void FreshTree::make_directory(store::Entry entry) {
  entry.type = store::EntryType::directory;
  const std::string name(base_name(entry.path));
  if (::mkdirat(parent_of(entry.path), name.c_str(), 0700) != 0) fail_writing(entry.path, errno);
  remember(std::move(entry));
}

void FreshTree::make_file(store::Entry entry, const Fill& fill) {
  entry.type = store::EntryType::regular;
  const std::string name(base_name(entry.path));
  auto file = open_at(parent_of(entry.path), name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  fill(file.get(), entry);
  apply_metadata(file.get(), entry);
  remember(std::move(entry));
}

void FreshTree::make_symlink(store::Entry entry) {
  entry.type = store::EntryType::symlink;
  entry.mode = 0777;
  entry.xattrs.clear();
  const std::string name(base_name(entry.path));
  int parent = parent_of(entry.path);
  if (::symlinkat(entry.target.c_str(), parent, name.c_str()) != 0) fail_writing(entry.path, errno);
  apply_link_metadata(parent, name.c_str(), entry);
  remember(std::move(entry));
}

void FreshTree::make_fifo(store::Entry entry) {
  entry.type = store::EntryType::fifo;
  entry.xattrs.clear();
  const std::string name(base_name(entry.path));
  int parent = parent_of(entry.path);
  if (::mkfifoat(parent, name.c_str(), 0600) != 0) fail_writing(entry.path, errno);
  apply_link_metadata(parent, name.c_str(), entry);
  remember(std::move(entry));
}

void FreshTree::make_whiteout(std::string path) {
  store::Entry whiteout;
  whiteout.path = std::move(path);
  whiteout.type = store::EntryType::whiteout;
  const std::string name(base_name(whiteout.path));
  if (::mknodat(parent_of(whiteout.path), name.c_str(), S_IFCHR, 0) != 0) fail_writing(whiteout.path, errno);
  remember(std::move(whiteout));
}

void FreshTree::link_file(std::string path, std::string_view target) {
  const auto* file = find(target);
  if (file->type == store::EntryType::hardlink) file = find(file->target);
  store::Entry link;
  link.type = store::EntryType::hardlink;
  link.target = file->path;
  link.path = std::move(path);
  const std::string name(base_name(link.path));
  if (::linkat(directory_, link.target.c_str(), parent_of(link.path), name.c_str(), 0) != 0)
    fail_writing(link.path, errno);
  ++links_[link.target];
  remember(std::move(link));
}

void FreshTree::change_directory(store::Entry entry) {
  entry.type = store::EntryType::directory;
  entries_[index_.at(entry.path)] = std::move(entry);
}

void FreshTree::make_opaque(std::string_view path) { entries_[index_.at(std::string(path))].opaque = true; }

bool FreshTree::is_there(std::size_t i) const {
  const auto found = index_.find(entries_[i].path);
  return found != index_.end() && found->second == i;
}

/// The top first.
std::vector<std::size_t> FreshTree::at_or_below(const std::string& path) const {
  const auto top = index_.at(path);
  std::vector<std::size_t> found = {top};
  if (entries_[top].type != store::EntryType::directory) return found;
  const auto prefix = path + "/";
  for (auto i = top + 1; i < entries_.size(); ++i)
    if (entries_[i].path.starts_with(prefix) && is_there(i)) found.push_back(i);
  return found;
}

bool FreshTree::remove(const std::string& path) {
  const auto gone = at_or_below(path);
  std::unordered_map<std::string, std::size_t> links;
  for (const auto i : gone)
    if (entries_[i].type == store::EntryType::hardlink) ++links[entries_[i].target];
  for (const auto i : gone) {
    const auto known = links_.find(entries_[i].path);
    if (known != links_.end() && known->second != links[entries_[i].path]) return false;
  }
  parent_.reset();
  for (auto i = gone.rbegin(); i != gone.rend(); ++i) {
    const auto& entry = entries_[*i];
    const int flags = entry.type == store::EntryType::directory ? AT_REMOVEDIR : 0;
    if (::unlinkat(directory_, entry.path.c_str(), flags) != 0) fail_writing(entry.path, errno);
    if (entry.type == store::EntryType::hardlink) --links_[entry.target];
    links_.erase(entry.path);
    index_.erase(entry.path);
  }
  return true;
}

store::Listing FreshTree::finish() {
  parent_.reset();
  std::vector<store::Entry> kept;
  kept.reserve(index_.size());
  for (std::size_t i = 0; i < entries_.size(); ++i)
    if (is_there(i)) kept.push_back(std::move(entries_[i]));
  for (auto entry = kept.rbegin(); entry != kept.rend(); ++entry) {
    if (entry->type != store::EntryType::directory) continue;
    auto directory = open_at(directory_, entry->path.empty() ? "." : entry->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    apply_metadata(directory.get(), *entry);
  }
  return canonical_hardlinks(std::move(kept));
}

}  // namespace karapace::trees
