// SPDX-License-Identifier: Apache-2.0
#include "runtime/trees/layer_stack.hpp"

#include <algorithm>

#include <fcntl.h>
#include <fmt/format.h>

#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/regular_file.hpp"
#include "runtime/trees/file_metadata.hpp"
#include "store/verified_content.hpp"

namespace karapace::trees {

std::int64_t newest_time(const store::Listing& listing, std::int64_t known) noexcept {
  for (const auto& entry : listing.entries())
    if (entry.mtime < latest_time) known = std::max(known, entry.mtime);
  return known;
}

LayerStack::LayerStack(const store::Store& store, const std::vector<LayerId>& layers) {
  for (std::size_t i = 0; i < layers.size(); ++i) {
    trees_.push_back(store.layer_tree(layers[i]));
    auto listing = store.listing(layers[i]);
    newest_time_ = trees::newest_time(listing, newest_time_);
    for (const auto& entry : listing.entries()) add(entry, i);
  }
}

void LayerStack::hide_below(const std::string& path) {
  auto begin = visible_.lower_bound(path + "/");
  auto end = visible_.lower_bound(path + "0");  // '0' follows '/'
  visible_.erase(begin, end);
}

/// The first name may be another file in a later layer: each name says what it holds.
void LayerStack::take_from_first_name(store::Entry& entry) const {
  const auto* first = find(entry.target);
  if (first == nullptr) return;
  auto whole = *first;
  whole.path = std::move(entry.path);
  whole.type = entry.type;
  whole.target = std::move(entry.target);
  entry = std::move(whole);
}

void LayerStack::add(store::Entry entry, std::size_t layer) {
  bool directory = entry.type == store::EntryType::directory;
  if (!directory || entry.opaque) hide_below(entry.path);
  if (entry.type == store::EntryType::whiteout) {
    visible_.erase(entry.path);
    return;
  }
  if (entry.type == store::EntryType::hardlink) take_from_first_name(entry);
  auto path = entry.path;
  visible_.insert_or_assign(std::move(path), Visible{std::move(entry), layer});
}

const store::Entry* LayerStack::find(std::string_view path) const {
  auto found = visible_.find(path);
  return found == visible_.end() ? nullptr : &found->second.entry;
}

const std::filesystem::path* LayerStack::tree_of(std::string_view path) const {
  auto found = visible_.find(path);
  return found == visible_.end() ? nullptr : &trees_[found->second.layer];
}

std::vector<std::string> LayerStack::names_of(std::string_view path) const {
  const auto first_name = [](const store::Entry& entry) {
    return entry.type == store::EntryType::hardlink ? std::string_view(entry.target) : std::string_view(entry.path);
  };
  std::vector<std::string> names;
  const auto& file = visible_.find(path)->second;
  const auto first = first_name(file.entry);
  for (const auto& [name, other] : visible_)
    if (other.layer == file.layer && first_name(other.entry) == first &&
        (other.entry.type == store::EntryType::regular || other.entry.type == store::EntryType::hardlink))
      names.push_back(name);
  return names;
}

void LayerStack::for_each(
    const std::function<void(const store::Entry& entry, const std::filesystem::path& tree)>& visit) const {
  for (const auto& [path, visible] : visible_) visit(visible.entry, trees_[visible.layer]);
}

std::optional<std::string> LayerStack::read(std::string_view path) const {
  auto found = visible_.find(path);
  if (found == visible_.end()) return std::nullopt;
  auto type = found->second.entry.type;
  if (type != store::EntryType::regular && type != store::EntryType::hardlink) return std::nullopt;
  auto tree = open_at(AT_FDCWD, trees_[found->second.layer], O_PATH | O_DIRECTORY);
  auto file = open_regular(tree.get(), std::filesystem::path(path), Links::refused);
  if (!file) return std::nullopt;
  return store::verified(read_all(file->get(), path, std::size_t{256} << 20), found->second.entry.content,
                         fmt::format("\"{}\"", escaped_utf8((trees_[found->second.layer] / path).native())));
}

}  // namespace karapace::trees
