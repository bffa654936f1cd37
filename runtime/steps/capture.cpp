// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/capture.hpp"

#include <algorithm>
#include <cerrno>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/regular_file.hpp"
#include "base/remove_tree.hpp"
#include "runtime/steps/canonical_rules.hpp"
#include "runtime/trees/file_metadata.hpp"
#include "store/file_attributes.hpp"
#include "store/listing.hpp"
#include "store/scan.hpp"

namespace karapace::steps {

namespace {

constexpr std::uint64_t largest_key = 64 << 10;

class Capture {
 public:
  Capture(Fd upper, trees::Composition& tree, const std::filesystem::path& tree_path, const trees::LayerStack& lower,
          const CaptureOptions& options)
      : tree_path_(tree_path),
        upper_(std::move(upper)),
        disk_(open_at(AT_FDCWD, tree_path, O_RDONLY | O_DIRECTORY)),
        tree_(tree),
        lower_(lower),
        options_(options) {
    for (const auto& [place, node] : tree.nodes())
      if (node.entry.type == store::EntryType::regular) shipped_contents_.insert(node.entry.content);
  }

  Captured run() {
    store::ScanOptions options;
    options.label = "what the commands made";
    options.left_out = [&](std::string_view path) {
      if (!rule_for(inside(path), {})) captured_.sockets.emplace_back(path);
    };
    auto listing = store::scan(upper_.get(), options);
    for (const auto& entry : listing.entries()) {
      if (entry.type == store::EntryType::hardlink) group_of(entry.target);
    }
    for (const auto& entry : listing.entries()) merge(entry, listing);
    tell_of_copies();
    return std::move(captured_);
  }

 private:
  std::uint64_t group_of(const std::string& first) {
    auto [place, is_new] = groups_.try_emplace(first, 0);
    if (is_new) place->second = tree_.new_group();
    return place->second;
  }

  void merge(const store::Entry& listed, const store::Listing& listing) {
    if (listed.path.empty()) return;
    if (is_in_what_was_left_out(listed.path)) return;
    if (listed.type == store::EntryType::whiteout) return hide(listed.path);
    trees::Node node;
    const auto& first = listed.type == store::EntryType::hardlink ? listed.target : listed.path;
    node.entry = *listing.find(first);
    node.entry.path = listed.path;
    const auto* rule = rule_that_applies(node.entry);
    if (leaves_out(rule)) return leave_out(node.entry, *rule);
    require_no_mark(node.entry);
    if (auto group = groups_.find(first); group != groups_.end()) node.group = group->second;
    drop_acls(node.entry);
    // A clock that runs behind the epoch must not show either.
    if (node.entry.mtime >= options_.started || node.entry.mtime > options_.epoch) node.entry.mtime = options_.epoch;
    node.entry.mtime = trees::nearest_time(node.entry.mtime);
    if (node.entry.type == store::EntryType::directory) return merge_directory(std::move(node));
    merge_file(std::move(node), rule);
  }

  /// A file or an attribute here, and a mark to fuse-overlayfs and in every image that is made of the layer
  /// (store/file_attributes.hpp).
  static void require_no_mark(const store::Entry& entry) {
    const auto name = std::string_view(entry.path).substr(entry.path.rfind('/') + 1);
    if (name.starts_with(store::whiteout_prefix))
      throw StepError(
          fmt::format("the commands made \"/{}\", whose name stands for the removal of a file in layers: give "
                      "it another name, or remove it at the end of the step",
                      escaped_utf8(entry.path)));
    for (const auto& xattr : entry.xattrs)
      if (store::is_foreign_mark(xattr.name))
        throw StepError(
            fmt::format("the commands gave \"/{}\" the attribute {}, by which an overlay may hide files of the "
                        "layers below: remove it at the end of the step",
                        escaped_utf8(entry.path), escaped_utf8(xattr.name)));
  }

  std::string inside(std::string_view path) const {
    return options_.place.empty() ? std::string(path) : fmt::format("{}/{}", options_.place, path);
  }

  /// What is shipped at this path and shows through, in this tree or below it: a file or directory, or null.
  const store::Entry* shipped(const std::string& path) const {
    if (const auto* here = tree_.find(path)) return &here->entry;
    for (auto slash = path.rfind('/'); slash != path.npos && slash > 0; slash = path.rfind('/', slash - 1)) {
      const auto* above = tree_.find(path.substr(0, slash));
      if (above && (above->entry.opaque || above->entry.type != store::EntryType::directory)) return nullptr;
    }
    return lower_.find(path);
  }

  /// A further name is as much of a file as the first one.
  static bool is_of_one_type(const store::Entry& a, const store::Entry& b) {
    auto type = [](const store::Entry& entry) {
      return entry.type == store::EntryType::hardlink ? store::EntryType::regular : entry.type;
    };
    return type(a) == type(b);
  }

  /// Rules are for what commands made. What is shipped and got another owner or mode stays what it is.
  const CanonicalRule* rule_that_applies(const store::Entry& entry) const {
    const auto* rule = rule_for(inside(entry.path), entry.target);
    if (rule && rule->action == CanonicalAction::at_first_entry && options_.secrets == Secrets::kept) return nullptr;
    const auto* before = rule ? shipped(entry.path) : nullptr;
    if (!before || !is_of_one_type(*before, entry)) return rule;
    if (entry.type == store::EntryType::directory) return entry.opaque ? rule : nullptr;
    const bool is_same = entry.type == store::EntryType::regular && before->content == entry.content;
    return is_same ? nullptr : rule;
  }

  /// A change of what is shipped is left out, and so that stays as it was; only its removal counts. A secret that was
  /// made anew is not the one of before, which is gone.
  void leave_out(const store::Entry& entry, const CanonicalRule& rule) {
    const bool is_file = entry.type == store::EntryType::regular;
    const bool is_remade = rule.action == CanonicalAction::at_first_entry;
    if (is_remade && (is_file || entry.type == store::EntryType::directory))
      captured_.left_out.push_back({entry.path, rule.reason});
    const auto* before = shipped(entry.path);
    const bool is_replaced = is_remade && is_file;
    if (before && (is_replaced || entry.opaque || !is_of_one_type(*before, entry))) hide(entry.path);
    if (entry.type == store::EntryType::directory) left_out_.insert(entry.path);
  }

  bool is_in_what_was_left_out(const std::string& path) const {
    if (left_out_.empty()) return false;
    for (auto slash = path.rfind('/'); slash != path.npos && slash > 0; slash = path.rfind('/', slash - 1))
      if (left_out_.contains(path.substr(0, slash))) return true;
    return false;
  }

  // With a single id an ACL can only name that one, so none is kept in any mode: layers must not differ by it.
  void drop_acls(store::Entry& entry) {
    auto is_acl = [](const store::Xattr& xattr) { return xattr.name.starts_with("system.posix_acl_"); };
    if (std::none_of(entry.xattrs.begin(), entry.xattrs.end(), is_acl)) return;
    auto file = open_at(upper_.get(), entry.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    for (const auto& xattr : entry.xattrs) {
      if (is_acl(xattr) && ::fremovexattr(file.get(), xattr.name.c_str()) != 0) fail("remove the ACL of", entry.path);
    }
    std::erase_if(entry.xattrs, is_acl);
    captured_.acls.push_back(entry.path);
  }

  // The path is gone: here, and by a whiteout when the layers below have it.
  void hide(const std::string& path) {
    remove_here(path);
    if (!lower_.find(path)) return;
    trees::Node node;
    node.entry.path = path;
    node.entry.type = store::EntryType::whiteout;
    if (::mknodat(disk_.get(), path.c_str(), S_IFCHR, 0) != 0) fail("make the whiteout", path);
    tree_.put(std::move(node));
  }

  void remove_here(const std::string& path) {
    if (!tree_.find(path)) return;
    remove_tree(tree_path_ / path);
    tree_.erase(path);
  }

  void merge_directory(trees::Node node) {
    const auto& entry = node.entry;
    const auto* here = tree_.find(entry.path);
    const bool opaque = entry.opaque;
    node.entry.opaque = opaque && lower_.find(entry.path) != nullptr;
    if (here && (opaque || here->entry.type != store::EntryType::directory)) {
      remove_here(entry.path);
      here = nullptr;
    }
    if (!here && ::mkdirat(disk_.get(), entry.path.c_str(), 0700) != 0) fail("make the directory", entry.path);
    auto directory = open_at(disk_.get(), entry.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    trees::apply_metadata(directory.get(), entry);
    tree_.put(std::move(node));
  }

  void merge_file(trees::Node node, const CanonicalRule* rule) {
    auto path = node.entry.path;
    const bool is_new = shipped(path) == nullptr;
    remove_here(path);
    if (::renameat(upper_.get(), path.c_str(), disk_.get(), path.c_str()) != 0) fail("move", path);
    if (rule && node.entry.type == store::EntryType::regular && rule->action != CanonicalAction::known)
      rewrite(node, rule->action);
    if (!rule && is_new && is_confined(node.entry)) captured_.confined.push_back(path);
    if (is_new && rule && rule->action == CanonicalAction::known) known_.push_back(node.entry);
    if (node.entry.type == store::EntryType::symlink || node.entry.type == store::EntryType::fifo)
      own_by_root(node.entry);
    trees::set_mtime(disk_.get(), path.c_str(), node.entry.mtime);
    tree_.put(std::move(node));
  }

  /// What is known is no secret, unless it is a copy of a file that may be one.
  void tell_of_copies() {
    std::set<Digest> contents;
    for (const auto& path : captured_.confined)
      if (const auto* node = tree_.find(path)) contents.insert(node->entry.content);
    for (const auto& entry : known_)
      if (entry.type == store::EntryType::regular && contents.contains(entry.content))
        captured_.confined.push_back(entry.path);
  }

  /// Not everybody reads it and it is no copy of what a package ships, or it holds a private key in PEM (RFC 7468).
  bool is_confined(const store::Entry& entry) const {
    if (entry.type != store::EntryType::regular || entry.size == 0) return false;
    if ((entry.mode & 07) == 0) return !shipped_contents_.contains(entry.content);
    if (entry.size > largest_key) return false;
    auto file = open_regular(disk_.get(), entry.path, Links::refused);
    return file && read_all(file->get(), entry.path).find("PRIVATE KEY-----") != std::string::npos;
  }

  /// With a single id nothing can say who owns a link or a FIFO, so nothing does in any mode: layers must not differ by
  /// it.
  void own_by_root(store::Entry& entry) const {
    if (entry.uid == 0 && entry.gid == 0) return;
    if (::fchownat(disk_.get(), entry.path.c_str(), 0, 0, AT_SYMLINK_NOFOLLOW) != 0)
      fail("change the owner of", entry.path);
    entry.uid = entry.gid = 0;
  }

  void rewrite(trees::Node& node, CanonicalAction action) {
    auto& entry = node.entry;
    std::string content;
    if (action != CanonicalAction::empty) {
      auto file = open_regular(disk_.get(), entry.path, Links::refused);
      if (!file) fail("read", entry.path);
      content = read_all(file->get(), entry.path);
    }
    if (action == CanonicalAction::shadow_days) content = with_shadow_days(content, options_.epoch);
    if (action == CanonicalAction::key_store) content = with_epoch_dates(content, options_.epoch);
    if (action == CanonicalAction::no_maker) content = without_maker(content);
    // As a file of its own: other names of the old one keep what it holds.
    if (::unlinkat(disk_.get(), entry.path.c_str(), 0) != 0) fail("replace", entry.path);
    auto file = open_at(disk_.get(), entry.path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    write_all(file.get(), content, entry.path);
    entry.size = content.size();
    entry.content = blake3(content);
    node.group = 0;
    trees::apply_metadata(file.get(), entry);
  }

  [[noreturn]] static void fail(std::string_view doing, const std::string& path) {
    throw StoreError(errno_message(fmt::format("cannot {} \"{}\"", doing, path), errno));
  }

  std::filesystem::path tree_path_;
  Fd upper_;
  Fd disk_;
  trees::Composition& tree_;
  const trees::LayerStack& lower_;
  const CaptureOptions& options_;
  std::unordered_map<std::string, std::uint64_t> groups_;
  std::unordered_set<std::string> left_out_;  // directories
  std::set<Digest> shipped_contents_;         // by packages of this step
  std::vector<store::Entry> known_;
  Captured captured_;
};

}  // namespace

Captured capture(Fd upper, trees::Composition& tree, const std::filesystem::path& tree_path,
                 const trees::LayerStack& lower, const CaptureOptions& options) {
  return Capture(std::move(upper), tree, tree_path, lower, options).run();
}

}  // namespace karapace::steps
