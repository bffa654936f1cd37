// SPDX-License-Identifier: Apache-2.0
// What the commands of a build find in place, and that it is gone afterwards unless they changed it.
#include "runtime/steps/scaffold.hpp"

#include <filesystem>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "base/directory.hpp"
#include "base/file.hpp"
#include "runtime/trees/composition.hpp"
#include "runtime/trees/layer_stack.hpp"
#include "store/store.hpp"

namespace karapace::steps {
namespace {

namespace fs = std::filesystem;

class Scaffolding : public ::testing::Test {
 protected:
  Scaffolding() : store_(store::Store::open(directory_.path() / "store", store::Store::Access::create)) {
    add_directory("etc");
  }

  void add_directory(const std::string& path) {
    trees::Node node;
    node.entry.path = path;
    node.entry.type = store::EntryType::directory;
    node.entry.mode = 0755;
    base_.put(std::move(node));
  }

  trees::LayerStack lower() {
    auto staging = store_.stage();
    make_directory(staging.path() / "tree");
    base_.write(staging.path() / "tree");
    base_.write_directory_times(staging.path() / "tree");
    return trees::LayerStack(store_, {store_.add_layer(staging.path() / "tree", std::move(base_).listing(), staging)});
  }

  /// What is in a file of `tree`; nothing when it does not show one.
  static std::optional<std::string> text(const trees::Composition& tree, const char* path) {
    const auto* node = tree.find(path);
    return node ? std::optional(node->content) : std::nullopt;
  }

  TemporaryDirectory directory_;
  store::Store store_;
  trees::LayerStack nothing_{store_, {}};
  trees::Composition base_{nothing_};
  fs::path disk_ = directory_.path() / "disk";
};

TEST_F(Scaffolding, GivesTheHostAFullNameAndGoesAgain) {
  const auto below = lower();
  trees::Composition tree(below);
  Scaffold scaffold(tree, below, 5);
  scaffold.put_host_names("karapace");
  scaffold.put({"usr/sbin/policy", "exit 101\n", 0755});
  EXPECT_EQ(text(tree, "etc/hostname"), "karapace\n");
  EXPECT_NE(text(tree, "etc/hosts").value().find("\n127.0.1.1\tkarapace.localdomain karapace\n"), std::string::npos);
  EXPECT_FALSE(tree.find("usr/sbin/policy")) << "there is no directory for it";
  make_directory(disk_);
  tree.write(disk_);
  EXPECT_TRUE(fs::exists(disk_ / "etc/hosts"));
  scaffold.take_off(disk_);
  EXPECT_FALSE(tree.find("etc/hosts"));
  EXPECT_FALSE(tree.find("etc/hostname"));
  EXPECT_TRUE(fs::is_empty(disk_ / "etc"));
}

TEST_F(Scaffolding, AddsToTheHostsOfABaseAndLeavesItsOtherFilesAlone) {
  base_.put_file("etc/hosts", "10.0.0.1\tother", 3);
  base_.put_file("etc/hostname", "box\n", 3);
  const auto below = lower();
  trees::Composition tree(below);
  Scaffold scaffold(tree, below, 5);
  scaffold.put_host_names("karapace");
  EXPECT_EQ(text(tree, "etc/hosts"), "10.0.0.1\tother\n127.0.1.1\tkarapace.localdomain karapace\n");
  EXPECT_EQ(text(tree, "etc/hostname"), std::nullopt);
  make_directory(disk_);
  tree.write(disk_);
  scaffold.take_off(disk_);
  EXPECT_FALSE(tree.find("etc/hosts"));
  EXPECT_EQ(tree.visible("etc/hosts")->mtime, 3) << "the base's own shows again";
}

TEST_F(Scaffolding, WhatCommandsChangedStays) {
  const auto below = lower();
  trees::Composition tree(below);
  Scaffold scaffold(tree, below, 5);
  scaffold.put_host_names("karapace");
  make_directory(disk_);
  tree.write(disk_);
  tree.put_file("etc/hosts", "127.0.0.1 mine\n", 6);
  tree.nodes().find("etc/hostname")->second.entry.uid = 7;
  scaffold.take_off(disk_);
  EXPECT_EQ(text(tree, "etc/hosts"), "127.0.0.1 mine\n");
  EXPECT_TRUE(tree.find("etc/hostname"));
  EXPECT_TRUE(fs::exists(disk_ / "etc/hosts"));
}

TEST_F(Scaffolding, CoversALinkOfTheBaseWithoutFollowingIt) {
  trees::Node link;
  link.entry.path = "etc/hosts";
  link.entry.type = store::EntryType::symlink;
  link.entry.target = "/usr/lib/hosts";
  link.entry.mode = 0777;
  base_.put(std::move(link));
  const auto below = lower();
  trees::Composition tree(below);
  Scaffold scaffold(tree, below, 5);
  scaffold.put_host_names("karapace");
  EXPECT_NE(text(tree, "etc/hosts").value().find("karapace.localdomain"), std::string::npos);
  make_directory(disk_);
  tree.write(disk_);
  scaffold.take_off(disk_);
  EXPECT_EQ(tree.visible("etc/hosts")->target, "/usr/lib/hosts");
}

}  // namespace
}  // namespace karapace::steps
