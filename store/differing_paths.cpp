// SPDX-License-Identifier: Apache-2.0
// What two stacks of layers show differently, path by path.
#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>
#include <set>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "store/changes.hpp"
#include "store/tree_comparison.hpp"
#include "store/tree_stack.hpp"

namespace karapace::store {

namespace {

using Layers = TreeStack::Layers;

constexpr std::size_t buffer_size = 512 * 1024;

/// One of the two stacks of a question, with what was looked up last.
class Side {
 public:
  explicit Side(const std::vector<std::filesystem::path>& layers) : stack_(layers) {}

  /// What a path leads to.
  struct Place {
    std::optional<TreeStack::Found> found;
    int directory = -1;  // that has its name
    std::string name;
    Layers layers;  // of a directory
  };

  Place find(const std::string& path) {
    if (path.empty()) return root();
    const auto slash = path.rfind('/');
    const auto* parent = open(slash == path.npos ? std::string() : path.substr(0, slash));
    return parent ? find(*parent, path.substr(slash + 1)) : Place();
  }

  const TreeStack& stack() const noexcept { return stack_; }
  const std::filesystem::path& tree_of(const Place& place) const { return stack_.path(place.found->layer); }
  std::vector<std::filesystem::path> trees_of(const Layers& layers) const {
    std::vector<std::filesystem::path> trees;
    for (auto layer : layers) trees.push_back(stack_.path(layer));
    return trees;
  }

 private:
  Place root() const {
    Place place{std::nullopt, -1, ".", stack_.roots()};
    if (place.layers.empty()) return place;
    place.found.emplace();
    place.found->layer = place.layers.front();
    place.directory = stack_.tree(place.layers.front());
    if (::fstat(place.directory, &place.found->status) != 0)
      throw StoreError(errno_message("cannot look at a layer", errno));
    return place;
  }

  Place find(const TreeStack::Directory& parent, const std::string& name) const {
    Place place{stack_.find(parent, name), -1, name, {}};
    if (!place.found) return place;
    for (std::size_t i = 0; i < parent.layers.size(); ++i)
      if (parent.layers[i] == place.found->layer) place.directory = parent.fds[i].get();
    place.layers = stack_.subdirectory(parent, name);
    return place;
  }

  /// Null when there is no such directory. Most paths are in the directory of the one before.
  const TreeStack::Directory* open(const std::string& path) {
    if (last_ && last_->path == path) return &*last_;
    auto layers = layers_of(path);
    last_.reset();
    if (layers.empty()) return nullptr;
    last_ = stack_.open(path, std::move(layers));
    return &*last_;
  }

  Layers layers_of(const std::string& path) {
    if (path.empty()) return stack_.roots();
    if (auto known = known_.find(path); known != known_.end()) return known->second;
    const auto slash = path.rfind('/');
    auto parent = slash == path.npos ? std::string() : path.substr(0, slash);
    auto above = layers_of(parent);
    Layers layers;
    if (!above.empty())
      layers = stack_.subdirectory(stack_.open(std::move(parent), std::move(above)), path.substr(slash + 1));
    return known_.emplace(path, std::move(layers)).first->second;
  }

  TreeStack stack_;
  std::optional<TreeStack::Directory> last_;
  std::map<std::string, Layers> known_;
};

class Questions {
 public:
  Questions(const std::vector<std::filesystem::path>& first, const std::vector<std::filesystem::path>& second,
            const ChangesOptions& options)
      : first_(first),
        second_(second),
        scan_{.owners = options.owners},
        comparison_(scan_, options.label.empty() ? "changes" : options.label) {}

  bool differs(const PathQuestion& question) {
    std::vector<std::string> paths{question.path};
    while (!paths.empty()) {
      const auto path = std::move(paths.back());
      paths.pop_back();
      const auto one = first_.find(path);
      const auto other = second_.find(path);
      if (entries_differ(one, other, path)) return true;
      if (question.extent == PathQuestion::Extent::entry || one.layers.empty()) continue;
      if (first_.trees_of(one.layers) == second_.trees_of(other.layers)) continue;
      const auto names = first_.stack().names(first_.stack().open(path, one.layers));
      const auto others = second_.stack().names(second_.stack().open(path, other.layers));
      const auto same_name = [](auto& a, auto& b) { return a.first == b.first; };
      if (!std::equal(names.begin(), names.end(), others.begin(), others.end(), same_name)) return true;
      for (const auto& [name, found] : names) paths.push_back(child_path(path, name));
    }
    return false;
  }

 private:
  bool entries_differ(const Side::Place& one, const Side::Place& other, const std::string& path) {
    if (!one.found || !other.found) return one.found.has_value() != other.found.has_value();
    if (first_.tree_of(one) == second_.tree_of(other)) return false;
    auto aspects = comparison_.differing_aspects({one.directory, one.name, path, one.found->status},
                                                 {other.directory, other.name, path, other.found->status}, buffer_);
    std::erase(aspects, "time");
    return !aspects.empty();
  }

  Side first_;
  Side second_;
  ScanOptions scan_;
  TreeComparison comparison_;
  std::vector<char> buffer_ = std::vector<char>(buffer_size);
};

bool contains(const std::vector<std::string>& sorted, const std::string& path) {
  return std::binary_search(sorted.begin(), sorted.end(), path);
}

std::vector<std::string> untouched_in(const std::filesystem::path& tree, const Scaffold& scaffold) {
  return untouched_scaffold(open_at(AT_FDCWD, tree, O_RDONLY | O_DIRECTORY | O_NOFOLLOW).get(), scaffold);
}

ScanOptions session_scan(Owners owners) {
  ScanOptions scan;
  scan.owners = owners;
  scan.times = Times::nanoseconds;
  scan.records = Records::of_sessions;
  return scan;
}

/// Both stacks are walked together, as far as a directory of the one is made of other trees than that of the other.
class Between {
 public:
  Between(const std::vector<std::filesystem::path>& before, const std::vector<std::filesystem::path>& after,
          const Scaffold& scaffold_before, const ChangesOptions& options)
      : before_(before),
        after_(after),
        scaffold_before_(untouched_in(before.back(), scaffold_before)),
        scaffold_after_(untouched_in(after.back(), options.scaffold)),
        scan_(session_scan(options.owners)),
        comparison_(scan_, options.label) {}

  Changes run() {
    compare("");
    while (!directories_.empty()) {
      const auto path = std::move(directories_.back());
      directories_.pop_back();
      for (const auto& name : names_in_either(path)) compare(child_path(path, name));
    }
    std::sort(found_.changes.begin(), found_.changes.end(),
              [](const Change& a, const Change& b) { return a.path < b.path; });
    std::sort(found_.left_out.begin(), found_.left_out.end());
    return std::move(found_);
  }

 private:
  static std::set<std::string> names_of(Side& side, const std::string& path) {
    std::set<std::string> names;
    const auto place = side.find(path);
    if (place.layers.empty()) return names;
    for (const auto& [name, found] : side.stack().names(side.stack().open(path, place.layers))) names.insert(name);
    return names;
  }

  std::set<std::string> names_in_either(const std::string& path) {
    auto names = names_of(before_, path);
    names.merge(names_of(after_, path));
    return names;
  }

  void add(std::string path, ChangeKind kind, const struct stat& status, std::vector<std::string_view> aspects = {}) {
    const auto size = S_ISREG(status.st_mode) ? static_cast<std::uint64_t>(status.st_size) : 0;
    const auto type = type_of(status);
    if (type) return found_.changes.push_back({std::move(path), kind, *type, size, std::move(aspects)});
    if (kind != ChangeKind::removed) found_.left_out.push_back(std::move(path));
  }

  /// What sessions put into either, and nobody touched.
  bool is_scaffold(const std::string& path, bool is_before, bool is_after) const {
    return (!is_before || contains(scaffold_before_, path)) && (!is_after || contains(scaffold_after_, path));
  }

  void compare(const std::string& path) {
    const auto before = before_.find(path);
    const auto after = after_.find(path);
    if (is_scaffold(path, before.found.has_value(), after.found.has_value())) return;
    if (!after.found) return add(path, ChangeKind::removed, before.found->status);
    const auto& status = after.found->status;
    const bool is_directory = S_ISDIR(status.st_mode);
    if (!before.found) {
      if (is_directory) directories_.push_back(path);
      return add(path, ChangeKind::added, status);
    }
    if (before_.trees_of(before.layers) != after_.trees_of(after.layers)) directories_.push_back(path);
    if (before_.tree_of(before) == after_.tree_of(after)) return;
    if (type_of(before.found->status) != type_of(status)) return add(path, ChangeKind::modified, status, {"type"});
    auto aspects = comparison_.differing_aspects({before.directory, before.name, path, before.found->status},
                                                 {after.directory, after.name, path, status}, buffer_);
    if (!aspects.empty()) add(path, ChangeKind::modified, status, std::move(aspects));
  }

  Side before_;
  Side after_;
  std::vector<std::string> scaffold_before_;
  std::vector<std::string> scaffold_after_;
  ScanOptions scan_;
  TreeComparison comparison_;
  std::vector<char> buffer_ = std::vector<char>(buffer_size);
  std::vector<std::string> directories_;
  Changes found_;
};

}  // namespace

Changes changes_between(const std::vector<std::filesystem::path>& before,
                        const std::vector<std::filesystem::path>& after, const Scaffold& scaffold_before,
                        const ChangesOptions& options) {
  return Between(before, after, scaffold_before, options).run();
}

std::vector<std::string> differing_paths(const std::vector<std::filesystem::path>& first,
                                         const std::vector<std::filesystem::path>& second,
                                         const std::vector<PathQuestion>& questions, const ChangesOptions& options) {
  Questions all(first, second, options);
  std::vector<std::string> paths;
  for (const auto& question : questions)
    if (all.differs(question)) paths.push_back(question.path);
  return paths;
}

std::optional<Fd> open_shown(const std::vector<std::filesystem::path>& layers, const std::string& path) {
  Side side(layers);
  const auto place = side.find(path);
  if (!place.found || !S_ISREG(place.found->status.st_mode)) return std::nullopt;
  Fd fd(::openat(place.directory, place.name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd) throw StoreError(errno_message(fmt::format("cannot open \"/{}\"", escaped_utf8(path)), errno));
  return fd;
}

}  // namespace karapace::store
