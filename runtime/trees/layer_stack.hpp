// SPDX-License-Identifier: Apache-2.0
// LayerStack: what several layers show together, as overlayfs would: whiteouts hide, opaque directories cut off.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/listing.hpp"
#include "store/store.hpp"

namespace karapace::trees {

/// The epoch (SOURCE_DATE_EPOCH) of a step is the newest modification time in what it builds on, so that the same
/// packages give the same layers whenever they were locked; never earlier than 2000. The latest time that a layer holds
/// (file_metadata.hpp), and what is beyond, does not count: it is of a clock that was wrong.
constexpr std::int64_t earliest_epoch = 946'684'800;
std::int64_t newest_time(const store::Listing& listing, std::int64_t known) noexcept;

class LayerStack {
 public:
  /// `layers` from the bottom up; may be empty.
  LayerStack(const store::Store& store, const std::vector<LayerId>& layers);

  /// The entry that is visible at `path` (links are not followed), or null.
  const store::Entry* find(std::string_view path) const;
  /// The content of the visible regular file at `path`; nothing when there is none. At most 256 MiB. StoreError when it
  /// is not what the listing says.
  std::optional<std::string> read(std::string_view path) const;
  /// The tree on disk in which the visible entry at `path` is; null when there is none.
  const std::filesystem::path* tree_of(std::string_view path) const;
  /// All visible names of the regular file at `path`, sorted; it is one of them.
  std::vector<std::string> names_of(std::string_view path) const;
  /// Calls `visit(entry, tree)` for everything that is visible, sorted by path; `tree` is the tree it is in on disk.
  void for_each(const std::function<void(const store::Entry& entry, const std::filesystem::path& tree)>& visit) const;
  /// The newest modification time of any entry of the layers, seconds (see newest_time above).
  std::int64_t newest_time() const noexcept { return newest_time_; }
  /// Trees on disk, bottom first.
  const std::vector<std::filesystem::path>& trees() const noexcept { return trees_; }

 private:
  struct Visible {
    store::Entry entry;
    std::size_t layer;
  };
  void add(store::Entry entry, std::size_t layer);
  void take_from_first_name(store::Entry& entry) const;
  void hide_below(const std::string& path);
  std::vector<std::filesystem::path> trees_;
  std::map<std::string, Visible, std::less<>> visible_;
  std::int64_t newest_time_ = earliest_epoch;
};

}  // namespace karapace::trees
