// SPDX-License-Identifier: Apache-2.0
// The upper directory is walked directory by directory. With each goes the list of the layers whose directories the
// overlay merges below it, so that a name costs one look into each of these; where the upper directory is opaque, what
// they show and it does not is removed. Renames are found at the end, among what is left.
#include "store/changes.hpp"

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/parallel.hpp"
#include "base/work_list.hpp"
#include "store/file_attributes.hpp"
#include "store/path_limit.hpp"
#include "store/tree_comparison.hpp"
#include "store/tree_stack.hpp"

namespace karapace::store {

namespace {

using Layers = TreeStack::Layers;

constexpr std::size_t buffer_size = 512 * 1024;
constexpr std::size_t most_rename_sources = 200'000;  // that are looked at in directories which are gone

std::string_view label_of(const ChangesOptions& options) {
  return options.label.empty() ? std::string_view("changes") : std::string_view(options.label);
}

ScanOptions scan_options(const ChangesOptions& options) {
  ScanOptions scan;
  scan.owners = options.owners;
  scan.times = Times::nanoseconds;
  scan.records = Records::of_sessions;
  return scan;
}

bool by_path(const Change& a, const Change& b) { return a.path < b.path; }

std::uint64_t size_of(const struct stat& status) {
  return S_ISREG(status.st_mode) ? static_cast<std::uint64_t>(status.st_size) : 0;
}

/// A directory of the upper one.
struct Item {
  std::string path;
  Layers layers;       // whose directories are below it
  bool hides = false;  // nothing of them shows through
};

/// What was there and is not any more.
struct Removed {
  std::string path;
  std::size_t layer = 0;
  struct stat status{};
  Layers layers{};  // of a directory
};

/// What one thread found.
struct Part {
  std::vector<Change> changes;
  std::vector<Removed> removed;
  std::vector<std::string> left_out;
  std::vector<char> buffer = std::vector<char>(buffer_size);
};

class Finding {
 public:
  Finding(int upper, const std::vector<std::filesystem::path>& layers, const ChangesOptions& options)
      : upper_(upper),
        options_(options),
        stack_(layers),
        scan_(scan_options(options)),
        comparison_(scan_, label_of(options)) {}

  Changes run() {
    const unsigned count = std::max(1u, options_.threads);
    std::vector<Part> parts(count);
    untouched_ = untouched_scaffold(upper_, options_.scaffold);
    for (const auto& item : options_.scaffold)
      if (item.kind == ScaffoldKind::filled) filled_.insert(item.path);
    compare_roots(parts[0]);
    WorkList<Item> list({"", stack_.roots()});
    list.run(count, [&](Item& item, unsigned thread) { list.add(directory(item, parts[thread])); });
    for (auto& part : parts) {
      std::move(part.changes.begin(), part.changes.end(), std::back_inserter(found_.changes));
      std::move(part.removed.begin(), part.removed.end(), std::back_inserter(removed_));
      std::move(part.left_out.begin(), part.left_out.end(), std::back_inserter(found_.left_out));
    }
    std::sort(found_.changes.begin(), found_.changes.end(), by_path);
    std::sort(found_.left_out.begin(), found_.left_out.end());
    find_renames();
    return std::move(found_);
  }

 private:
  [[noreturn]] void fail(std::string_view path) const {
    if (errno == ENOENT)
      throw StoreError(fmt::format("{}: \"/{}\" changed while it was read; stop its writer and try again",
                                   label_of(options_), escaped_utf8(path)));
    throw StoreError(
        errno_message(fmt::format("{}: cannot read \"/{}\"", label_of(options_), escaped_utf8(path)), errno));
  }

  void compare_roots(Part& part) const {
    const auto roots = stack_.roots();
    if (roots.empty()) return;
    PlacedName before{stack_.tree(roots.front()), ".", "", {}}, after{upper_, ".", "", {}};
    if (::fstat(before.directory, &before.status) != 0 || ::fstat(upper_, &after.status) != 0) fail("");
    auto aspects = comparison_.differing_aspects(before, after, part.buffer);
    if (!aspects.empty())
      part.changes.push_back({"", ChangeKind::modified, EntryType::directory, 0, std::move(aspects)});
  }

  /// The directories in it.
  std::vector<Item> directory(const Item& item, Part& part) const {
    const Fd here = open_beneath(upper_, item.path, O_RDONLY | O_DIRECTORY);
    if (!here) fail(item.path);
    const auto below = stack_.open(item.path, item.layers);
    const auto names = names_in(here.get(), item.path);
    const bool hides = item.hides || read_file_attributes(here.get()).opaque;
    if (hides && !item.layers.empty()) find_hidden(below, names, part);
    std::vector<Item> directories;
    for (const auto& name : names) {
      const auto path = child_path(item.path, name);
      if (auto complaint = length_complaint(path))
        throw StoreError(fmt::format("{}: {}", label_of(options_), *complaint));
      if (is_scaffold(path, below, name)) continue;
      if (auto layers = compare(here.get(), below, name, part))
        directories.push_back({path, *std::move(layers), hides});
    }
    return directories;
  }

  /// A place to mount at is one only where the layers have none.
  bool is_scaffold(const std::string& path, const TreeStack::Directory& below, const std::string& name) const {
    if (!std::binary_search(untouched_.begin(), untouched_.end(), path)) return false;
    return filled_.contains(path) || !stack_.find(below, name);
  }

  void find_hidden(const TreeStack::Directory& below, const std::vector<std::string>& names, Part& part) const {
    for (const auto& [name, found] : stack_.names(below))
      if (!std::binary_search(names.begin(), names.end(), name)) remove(below, name, found, part);
  }

  void remove(const TreeStack::Directory& below, const std::string& name, const TreeStack::Found& found,
              Part& part) const {
    auto path = child_path(below.path, name);
    const auto type = type_of(found.status);
    if (!type) return;
    Layers layers;
    if (type == EntryType::directory) layers = stack_.subdirectory(below, name);
    part.changes.push_back({path, ChangeKind::removed, *type, size_of(found.status)});
    part.removed.push_back({std::move(path), found.layer, found.status, std::move(layers)});
  }

  /// Of a directory: the layers below it.
  std::optional<Layers> compare(int here, const TreeStack::Directory& below, const std::string& name,
                                Part& part) const {
    PlacedName after{here, name, child_path(below.path, name), {}};
    if (::fstatat(here, name.c_str(), &after.status, AT_SYMLINK_NOFOLLOW) != 0) fail(after.path);
    const auto found = stack_.find(below, name);
    const auto type = type_of(after.status);
    if (!type) part.left_out.push_back(after.path);
    if (!type || type == EntryType::whiteout) {
      if (found) remove(below, name, *found, part);
      return std::nullopt;
    }
    const bool is_directory = type == EntryType::directory;
    const auto change = [&](ChangeKind kind, std::vector<std::string_view> aspects = {}) {
      part.changes.push_back({after.path, kind, *type, size_of(after.status), std::move(aspects)});
    };
    if (!found) {
      change(ChangeKind::added);
      return is_directory ? std::optional(Layers()) : std::nullopt;
    }
    if (type_of(found->status) != type) {
      change(ChangeKind::modified, {"type"});
      return is_directory ? std::optional(Layers()) : std::nullopt;
    }
    const auto place = std::find(below.layers.begin(), below.layers.end(), found->layer) - below.layers.begin();
    const PlacedName before{below.fds[static_cast<std::size_t>(place)].get(), name, after.path, found->status};
    auto aspects = comparison_.differing_aspects(before, after, part.buffer);
    if (!aspects.empty()) change(ChangeKind::modified, std::move(aspects));
    return is_directory ? std::optional(stack_.subdirectory(below, name)) : std::nullopt;
  }

  Digest hash(int tree, const std::string& path) const {
    const Fd fd = open_beneath(tree, path, O_RDONLY | O_NONBLOCK);
    if (!fd) fail(path);
    return blake3_of_file(fd.get(), fmt::format("{}: \"/{}\"", label_of(options_), escaped_utf8(path)));
  }

  std::vector<Change>::iterator change_at(const std::string& path) {
    auto place = std::lower_bound(found_.changes.begin(), found_.changes.end(), path,
                                  [](const Change& change, const std::string& wanted) { return change.path < wanted; });
    return place != found_.changes.end() && place->path == path ? place : found_.changes.end();
  }

  // Renames.

  struct Hashed {
    std::string path;
    int tree = -1;
    std::uint64_t size = 0;
    Digest digest{};
    bool used = false;
  };

  /// Files that are gone, also with their directories.
  std::vector<Hashed> sources() const {
    std::vector<Hashed> files;
    std::vector<std::pair<std::string, Layers>> directories;
    const auto take = [&](std::string path, std::size_t layer, const struct stat& status) {
      if (size_of(status) > 0) files.push_back({std::move(path), stack_.tree(layer), size_of(status)});
    };
    for (const auto& removed : removed_) {
      take(removed.path, removed.layer, removed.status);
      if (!removed.layers.empty()) directories.emplace_back(removed.path, removed.layers);
    }
    std::size_t looked_at = 0;
    while (!directories.empty() && looked_at < most_rename_sources) {
      auto [path, layers] = std::move(directories.back());
      directories.pop_back();
      const auto directory = stack_.open(path, std::move(layers));
      for (const auto& [name, found] : stack_.names(directory)) {
        ++looked_at;
        take(child_path(path, name), found.layer, found.status);
        if (S_ISDIR(found.status.st_mode))
          directories.emplace_back(child_path(path, name), stack_.subdirectory(directory, name));
      }
    }
    std::sort(files.begin(), files.end(), [](auto& a, auto& b) { return a.path < b.path; });
    return files;
  }

  void hash_all(std::vector<Hashed>& files) const {
    for_each_index(files.size(), std::max(1u, options_.threads),
                   [&](std::size_t i) { files[i].digest = hash(files[i].tree, files[i].path); });
  }

  static void keep_sizes_of(std::vector<Hashed>& files, const std::vector<Hashed>& others) {
    std::vector<std::uint64_t> sizes;
    for (const auto& other : others) sizes.push_back(other.size);
    std::sort(sizes.begin(), sizes.end());
    std::erase_if(files, [&](auto& file) { return !std::binary_search(sizes.begin(), sizes.end(), file.size); });
  }

  void find_renames() {
    std::vector<Hashed> added;
    for (const auto& change : found_.changes)
      if (change.kind == ChangeKind::added && change.size > 0) added.push_back({change.path, upper_, change.size});
    if (added.empty() || removed_.empty()) return;
    auto gone = sources();
    keep_sizes_of(gone, added);
    keep_sizes_of(added, gone);
    hash_all(gone);
    hash_all(added);
    std::multimap<Digest, Hashed*> by_digest;
    for (auto& file : gone) by_digest.emplace(file.digest, &file);
    std::vector<char> buffer(buffer_size);
    std::vector<std::string> no_longer_removed;
    for (const auto& file : added)
      if (auto* source = best_source(by_digest, file)) {
        rename(*source, file, buffer);
        no_longer_removed.push_back(source->path);
      }
    std::sort(no_longer_removed.begin(), no_longer_removed.end());
    std::erase_if(found_.changes, [&](const Change& change) {
      return change.kind == ChangeKind::removed &&
             std::binary_search(no_longer_removed.begin(), no_longer_removed.end(), change.path);
    });
  }

  static std::string_view last_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

  /// The first unused file of this content, better one of the same name.
  static Hashed* best_source(const std::multimap<Digest, Hashed*>& by_digest, const Hashed& file) {
    Hashed* best = nullptr;
    auto [place, end] = by_digest.equal_range(file.digest);
    for (; place != end; ++place) {
      auto* source = place->second;
      if (source->used) continue;
      if (best == nullptr) best = source;
      if (last_name(source->path) != last_name(file.path)) continue;
      best = source;
      break;
    }
    if (best != nullptr) best->used = true;
    return best;
  }

  void rename(const Hashed& source, const Hashed& file, std::vector<char>& buffer) {
    auto& change = *change_at(file.path);
    change.kind = ChangeKind::renamed;
    change.from = source.path;
    Fd source_directory, directory;
    change.aspects = comparison_.differing_aspects(placed(source, source_directory), placed(file, directory), buffer);
  }

  PlacedName placed(const Hashed& file, Fd& directory) const {
    const auto slash = file.path.rfind('/');
    directory = open_beneath(file.tree, slash == file.path.npos ? std::string() : file.path.substr(0, slash),
                             O_PATH | O_DIRECTORY);
    if (!directory) fail(file.path);
    PlacedName name{directory.get(), std::string(last_name(file.path)), file.path, {}};
    if (::fstatat(directory.get(), name.name.c_str(), &name.status, AT_SYMLINK_NOFOLLOW) != 0) fail(file.path);
    return name;
  }

  int upper_;
  const ChangesOptions& options_;
  TreeStack stack_;
  ScanOptions scan_;
  TreeComparison comparison_;
  std::vector<std::string> untouched_;
  std::set<std::string> filled_;
  Changes found_;
  std::vector<Removed> removed_;
};

class ScaffoldCheck {
 public:
  explicit ScaffoldCheck(int upper) : upper_(upper) {}

  std::vector<std::string> run(Scaffold scaffold) {
    // What is in a directory before the directory.
    std::sort(scaffold.begin(), scaffold.end(), [](auto& a, auto& b) { return a.path > b.path; });
    for (const auto& item : scaffold)
      if (is_untouched(item)) untouched_.insert(item.path);
    return {untouched_.begin(), untouched_.end()};
  }

 private:
  bool is_untouched(const ScaffoldItem& item) const {
    const int kind = item.kind == ScaffoldKind::directory ? O_DIRECTORY : O_NONBLOCK;
    const Fd fd = open_beneath(upper_, item.path, O_RDONLY | kind);
    struct stat status{};
    if (!fd || ::fstat(fd.get(), &status) != 0) return false;
    if (item.kind == ScaffoldKind::directory) return holds_nothing_else(fd.get(), item.path);
    if (!S_ISREG(status.st_mode)) return false;
    return item.kind == ScaffoldKind::file ? status.st_size == 0
                                           : blake3_of_file(fd.get(), escaped_utf8(item.path)) == item.content;
  }

  bool holds_nothing_else(int directory, const std::string& path) const {
    const auto names = names_in(directory, path);
    return std::all_of(names.begin(), names.end(),
                       [&](const auto& name) { return untouched_.contains(child_path(path, name)); });
  }

  int upper_;
  std::set<std::string> untouched_;
};

}  // namespace

std::vector<std::string> untouched_scaffold(int upper, const Scaffold& scaffold) {
  return ScaffoldCheck(upper).run(scaffold);
}

std::string_view text(ChangeKind kind) noexcept {
  switch (kind) {
    case ChangeKind::added: return "added";
    case ChangeKind::modified: return "modified";
    case ChangeKind::removed: return "removed";
    case ChangeKind::renamed: return "renamed";
  }
  return "modified";
}

Changes find_changes(int upper, const std::vector<std::filesystem::path>& layers, const ChangesOptions& options) {
  return Finding(upper, layers, options).run();
}

}  // namespace karapace::store
