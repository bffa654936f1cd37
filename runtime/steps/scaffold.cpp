// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/scaffold.hpp"

#include <fmt/format.h>

#include "base/remove_tree.hpp"
#include "store/listing.hpp"

namespace karapace::steps {

namespace {

bool is_as_it_was_put(const store::Entry& entry, const store::Entry& put) {
  return entry.type == put.type && entry.content == put.content && entry.mode == put.mode && entry.uid == put.uid &&
         entry.gid == put.gid;
}

}  // namespace

Scaffold::Scaffold(trees::Composition& tree, const trees::LayerStack& lower, std::int64_t epoch)
    : tree_(tree), lower_(lower), epoch_(epoch) {}

void Scaffold::put_text(const std::string& path, const std::string& text, const Access& access) {
  tree_.put_file(path, text, epoch_);
  auto& entry = tree_.nodes().find(path)->second.entry;
  entry.mode = access.mode;
  entry.uid = access.uid;
  entry.gid = access.gid;
  put_.push_back(entry);
}

void Scaffold::put(const ScaffoldFile& file) {
  if (tree_.visible(file.path) || !tree_.is_directory(std::filesystem::path(file.path).parent_path().native())) return;
  put_text(file.path, file.text, {.mode = file.mode});
}

void Scaffold::put_host_names(std::string_view host) {
  put({"etc/hostname", fmt::format("{}\n", host)});
  // Programs that send mail or news refuse a machine whose full name has no dot.
  const auto own = fmt::format("127.0.1.1\t{0}.localdomain {0}\n", host);
  const std::string local = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
  put({"etc/hosts", local + own});
  const auto* below = tree_.find("etc/hosts") ? nullptr : lower_.find("etc/hosts");
  if (!below || below->type == store::EntryType::directory) return;
  if (below->type == store::EntryType::symlink) return put_text("etc/hosts", local + own, {.mode = 0644});
  auto text = lower_.read("etc/hosts").value_or("");
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  put_text("etc/hosts", text + own, {.mode = below->mode, .uid = below->uid, .gid = below->gid});
}

void Scaffold::take_off(const std::filesystem::path& tree_path) {
  for (const auto& put : put_) {
    const auto* here = tree_.find(put.path);
    if (!here || !is_as_it_was_put(here->entry, put)) continue;
    tree_.erase(put.path);
    remove_tree(tree_path / put.path);
  }
}

}  // namespace karapace::steps
