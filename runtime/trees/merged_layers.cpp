// SPDX-License-Identifier: Apache-2.0
// Several layers as one, of their listings alone.
#include <map>
#include <string>
#include <utility>

#include "runtime/trees/layer_archive.hpp"

namespace karapace::trees {

namespace {

using store::Entry;
using store::EntryType;

class Merging {
 public:
  explicit Merging(std::span<const store::Listing> layers) : layers_(layers) {}

  std::vector<MergedEntry> run(Below below) {
    for (std::size_t layer = 0; layer < layers_.size(); ++layer)
      for (const auto& entry : layers_[layer].entries()) put(entry, layer);
    std::vector<MergedEntry> merged;
    merged.reserve(entries_.size());
    for (auto& [path, one] : entries_) {
      if (below == Below::nothing && one.entry.type == EntryType::whiteout) continue;
      if (below == Below::nothing) one.entry.opaque = false;
      if (one.entry.type == EntryType::hardlink) settle_link(one);
      merged.push_back(std::move(one));
    }
    return merged;
  }

 private:
  /// What overlayfs makes of an upper entry: only a directory on a directory shows what is below.
  void put(const Entry& entry, std::size_t layer) {
    auto found = entries_.find(entry.path);
    const auto* lower = found == entries_.end() ? nullptr : &found->second.entry;
    Entry upper = entry;
    const bool joins = entry.type == EntryType::directory && !entry.opaque;
    if (joins && lower != nullptr) upper.opaque = lower->type != EntryType::directory || lower->opaque;
    if (!joins) remove_below(entry.path);
    entries_.insert_or_assign(entry.path, MergedEntry{std::move(upper), layer});
  }

  void remove_below(const std::string& path) {
    const auto prefix = path.empty() ? std::string() : path + "/";
    auto first = entries_.upper_bound(prefix);
    auto last = first;
    while (last != entries_.end() && last->first.starts_with(prefix)) ++last;
    entries_.erase(first, last);
  }

  /// The name that a link is of may have gone: then the least that is left is the file.
  void settle_link(MergedEntry& link) {
    const auto first = entries_.find(link.entry.target);
    const bool is_there =
        first != entries_.end() && first->second.layer == link.layer && first->second.entry.type == EntryType::regular;
    if (is_there) return;
    const auto [name, is_new] = first_names_.try_emplace({link.layer, link.entry.target}, link.entry.path);
    if (!is_new) {
      link.entry.target = name->second;
      return;
    }
    auto path = std::move(link.entry.path);
    link.entry = *layers_[link.layer].find(link.entry.target);
    link.entry.path = std::move(path);
  }

  std::span<const store::Listing> layers_;
  std::map<std::string, MergedEntry> entries_;
  std::map<std::pair<std::size_t, std::string>, std::string> first_names_;  // of files whose own has gone
};

}  // namespace

std::vector<MergedEntry> merge_layers(std::span<const store::Listing> layers, Below below) {
  return Merging(layers).run(below);
}

}  // namespace karapace::trees
