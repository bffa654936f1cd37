// SPDX-License-Identifier: Apache-2.0
#include "runtime/trees/composition.hpp"

#include <algorithm>
#include <cerrno>
#include <unordered_map>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/parallel.hpp"
#include "base/regular_file.hpp"
#include "runtime/trees/file_metadata.hpp"
#include "runtime/trees/path_resolution.hpp"
#include "store/path_limit.hpp"
#include "store/verified_content.hpp"

namespace karapace::trees {

namespace {

[[noreturn]] void fail(std::string_view doing, const std::string& path) {
  throw StoreError(errno_message(fmt::format("cannot {} \"{}\"", doing, path), errno));
}

std::filesystem::path source_path(const Node& node) {
  return *node.source.directory / (node.source.path.empty() ? node.entry.path : node.source.path);
}

/// The bytes are hashed on the way: what is damaged in the store gets into nothing new.
void copy_regular(const Node& node, int tree) {
  const auto source = source_path(node);
  auto from = open_at(AT_FDCWD, source, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  require_regular(from.get(), source);
  auto to = open_at(tree, node.entry.path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  store::copy_verified({from.get(), fmt::format("\"{}\"", escaped_utf8(source.native()))}, {to.get(), node.entry.path},
                       node.entry.content);
  apply_metadata(to.get(), node.entry);
}

void write_content(const Node& node, int tree) {
  auto file = open_at(tree, node.entry.path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  write_all(file.get(), node.content, node.entry.path);
  apply_metadata(file.get(), node.entry);
}

void write_symlink(const store::Entry& entry, int tree) {
  if (::symlinkat(entry.target.c_str(), tree, entry.path.c_str()) != 0) fail("make the link", entry.path);
  apply_link_metadata(tree, entry.path.c_str(), entry);
}

void write_node(const Node& node, int tree) {
  const auto& entry = node.entry;
  switch (entry.type) {
    case store::EntryType::directory: {
      if (entry.path.empty()) return;
      if (::mkdirat(tree, entry.path.c_str(), 0700) != 0) fail("make the directory", entry.path);
      auto directory = open_at(tree, entry.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      return apply_metadata(directory.get(), entry);
    }
    case store::EntryType::whiteout:
      if (::mknodat(tree, entry.path.c_str(), S_IFCHR, 0) != 0) fail("make the whiteout", entry.path);
      return;
    default: break;
  }
  entry.type == store::EntryType::symlink ? write_symlink(entry, tree) : write_content(node, tree);
}

/// A node that a file on disk is the source of.
void write_from_source(const Node& node, int tree) {
  const auto& entry = node.entry;
  const bool is_file = entry.type == store::EntryType::regular || entry.type == store::EntryType::hardlink;
  if (node.copy && is_file) return copy_regular(node, tree);
  const auto source = source_path(node);
  store::require_intact(source, entry);
  if (::linkat(AT_FDCWD, source.c_str(), tree, entry.path.c_str(), 0) == 0) return;
  // A file can have 65,000 names on ext4, and none across file systems.
  bool can_copy = errno == EMLINK || errno == EXDEV || errno == EPERM;
  if (can_copy && is_file) return copy_regular(node, tree);
  if (can_copy && entry.type == store::EntryType::symlink) return write_symlink(entry, tree);
  fail("link", entry.path);
}

}  // namespace

Composition::Composition(const LayerStack& lower) : lower_(lower) {
  Node root;
  root.entry.type = store::EntryType::directory;
  root.entry.mode = 0755;
  if (const auto* below = lower.find("")) root.entry = *below;
  root.entry.opaque = false;
  root.entry.nanoseconds = 0;
  nodes_.emplace("", std::move(root));
}

const Node* Composition::find(std::string_view path) const {
  auto found = nodes_.find(path);
  return found == nodes_.end() ? nullptr : &found->second;
}

const store::Entry* Composition::visible(std::string_view path) const {
  if (const auto* node = find(path)) {
    return node->entry.type == store::EntryType::whiteout ? nullptr : &node->entry;
  }
  return lower_.find(path);
}

bool Composition::is_directory(std::string_view path) const {
  const auto* entry = visible(path);
  return entry && entry->type == store::EntryType::directory;
}

std::string Composition::resolve_parents(std::string_view path) const {
  return trees::resolve_parents(path, [this](std::string_view part) { return visible(part); });
}

void Composition::ensure_parents(std::string_view path) {
  auto parent = parent_path(path);
  if (path.empty()) return;
  if (auto known = nodes_.find(parent); known != nodes_.end()) {
    if (known->second.entry.type == store::EntryType::directory) return;
    throw StepError(fmt::format("\"{}\" passes through \"{}\", which is not a directory", path, parent));
  }
  ensure_parents(parent);
  Node node;
  if (const auto* below = lower_.find(parent)) node.entry = *below;
  node.entry.nanoseconds = 0;
  if (node.entry.type != store::EntryType::directory) {
    node.entry = {};
    node.entry.type = store::EntryType::directory;
    node.entry.mode = 0755;
    node.entry.mtime = nodes_.begin()->second.entry.mtime;
  }
  node.entry.path = std::string(parent);
  node.entry.opaque = false;
  nodes_.emplace(std::string(parent), std::move(node));
}

void Composition::put(Node node) {
  if (auto complaint = store::length_complaint(node.entry.path)) throw StepError(*complaint);
  ensure_parents(node.entry.path);
  bool directory = node.entry.type == store::EntryType::directory;
  if (!directory || !is_directory(node.entry.path)) erase(node.entry.path);
  auto path = node.entry.path;
  nodes_.insert_or_assign(std::move(path), std::move(node));
}

void Composition::put_file(std::string path, std::string content, std::int64_t mtime) {
  Node node;
  node.entry.path = std::move(path);
  node.entry.type = store::EntryType::regular;
  node.entry.mode = 0644;
  node.entry.mtime = mtime;
  node.entry.size = content.size();
  node.entry.content = blake3(content);
  node.content = std::move(content);
  put(std::move(node));
}

void Composition::erase(std::string_view path) {
  auto begin = nodes_.lower_bound(std::string(path) + "/");
  auto end = nodes_.lower_bound(std::string(path) + "0");  // '0' follows '/'
  nodes_.erase(begin, end);
  auto found = nodes_.find(path);
  if (found != nodes_.end()) nodes_.erase(found);
}

store::Listing Composition::listing() && {
  std::vector<store::Entry> entries;
  entries.reserve(nodes_.size());
  std::unordered_map<std::uint64_t, std::string> first;  // group -> its first path
  for (auto place = nodes_.begin(); place != nodes_.end(); place = nodes_.erase(place)) {
    auto& [path, node] = *place;
    if (node.group != 0) {
      auto [group, is_first] = first.emplace(node.group, path);
      if (!is_first) {
        store::Entry link;
        link.path = path;
        link.type = store::EntryType::hardlink;
        link.target = group->second;
        entries.push_back(std::move(link));
        continue;
      }
    }
    entries.push_back(std::move(node.entry));
  }
  return store::Listing(std::move(entries));
}

void Composition::write(const std::filesystem::path& tree) {
  auto root = open_at(AT_FDCWD, tree, O_RDONLY | O_DIRECTORY);
  apply_metadata(root.get(), nodes_.begin()->second.entry);
  std::vector<Node*> from_sources;
  for (auto& [path, node] : nodes_) {
    if (node.source.directory != nullptr) {
      from_sources.push_back(&node);
      continue;
    }
    write_node(node, root.get());
    node.content = std::string();
  }
  // Their bytes are read, which takes longer than anything else.
  for_each_index(from_sources.size(), available_threads(), [&](std::size_t i) {
    write_from_source(*from_sources[i], root.get());
    from_sources[i]->source = Source();
  });
}

void Composition::write_directory_times(const std::filesystem::path& tree) const {
  auto root = open_at(AT_FDCWD, tree, O_RDONLY | O_DIRECTORY);
  for (const auto& [path, node] : nodes_) {
    if (node.entry.type != store::EntryType::directory) continue;
    set_mtime(root.get(), path.empty() ? "." : path.c_str(), node.entry.mtime, node.entry.nanoseconds);
  }
}

}  // namespace karapace::trees
