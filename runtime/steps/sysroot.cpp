// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/sysroot.hpp"

#include "base/error.hpp"
#include "runtime/trees/composition.hpp"
#include "store/listing.hpp"

namespace karapace::steps {

namespace {

namespace fs = std::filesystem;

/// The physical path, below the root, of what a link means; only its last part may be a link itself.
fs::path meaning(const trees::Composition& tree, const store::Entry& link) {
  auto meant = link.target.starts_with('/') ? fs::path(link.target) : fs::path(link.path).parent_path() / link.target;
  auto last = meant.filename();
  bool names_something = !last.empty() && last != "." && last != "..";
  if (names_something) return tree.resolve_parents(meant.native());
  return fs::path(tree.resolve_parents((meant / "here").native())).parent_path();
}

/// The way there from the link's directory, which is a physical path, too: it passes no link, so it can not climb out.
std::string inner_target(const trees::Composition& tree, const store::Entry& link) {
  auto directory = fs::path(link.path).parent_path();
  auto to = meaning(tree, link);
  auto target = directory.empty() ? to : to.lexically_relative(directory);
  return target.empty() ? "." : target.native();
}

void add_links(trees::Composition& tree, const std::vector<store::Entry>& links) {
  for (const auto& link : links) {
    trees::Node node;
    node.entry = link;
    try {
      node.entry.target = inner_target(tree, link);
    } catch (const StepError&) {  // a circle of links leads nowhere
      tree.erase(link.path);
      continue;
    }
    tree.put(std::move(node));
  }
}

bool is_file(const store::Entry& entry) {
  return entry.type == store::EntryType::regular || entry.type == store::EntryType::hardlink;
}

/// Through another name of the layer's file, whoever may write to the sysroot could change the layer. And it is the
/// user's: whoever made the sysroot reads and removes it, whatever the ids are.
void make_own(trees::Node& node) {
  node.copy = is_file(node.entry);
  node.entry.uid = node.entry.gid = 0;
  node.entry.xattrs.clear();
  if (!node.copy) return;
  node.entry.type = store::EntryType::regular;
  node.entry.target.clear();
  node.entry.mode = 0444 | (node.entry.mode & 0111);
}

trees::Composition merged(const trees::LayerStack& layers, const trees::LayerStack& nothing) {
  trees::Composition tree(nothing);
  std::vector<store::Entry> links;
  layers.for_each([&](const store::Entry& entry, const fs::path& layer) {
    if (entry.type == store::EntryType::fifo) return;  // nothing to read; opening one would wait
    trees::Node node;
    node.entry = entry;
    node.entry.opaque = false;
    make_own(node);
    if (node.copy) node.source.directory = tree.shared(layer);
    if (entry.type == store::EntryType::symlink) links.push_back(entry);
    tree.put(std::move(node));
  });
  add_links(tree, links);
  return tree;
}

}  // namespace

fs::path make_sysroot(const store::Store& store, const store::Environment& environment) {
  auto path = store.sysroot_path(environment.id);
  if (store.has_sysroot(environment.id)) return path;
  trees::LayerStack layers(store, environment.layers);
  trees::LayerStack nothing(store, {});
  auto staging = store.stage();
  auto tree = staging.path() / "tree";
  fs::create_directory(tree);
  auto composition = merged(layers, nothing);
  composition.write(tree);
  composition.write_directory_times(tree);
  store.add_sysroot(environment.id, tree, std::move(composition).listing());
  return path;
}

}  // namespace karapace::steps
