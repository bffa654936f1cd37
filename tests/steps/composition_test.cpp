// SPDX-License-Identifier: Apache-2.0
#include "runtime/trees/composition.hpp"

#include <cstdlib>
#include <filesystem>

#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/remove_tree.hpp"
#include "runtime/trees/layer_stack.hpp"
#include "store/identifiers.hpp"
#include "store/listing.hpp"
#include "store/scan.hpp"

namespace karapace::steps {
namespace {

class Composing : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "karapace-compose-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    path_ = name;
    store_ = store::Store::open(path_ / "store", store::Store::Access::create);
  }
  void TearDown() override { remove_tree(path_); }

  static trees::Node node(std::string path, store::EntryType type, std::string target = {}) {
    trees::Node result;
    result.entry.path = std::move(path);
    result.entry.type = type;
    result.entry.mode = type == store::EntryType::symlink ? 0777 : 0755;
    result.entry.target = std::move(target);
    return result;
  }

  LayerId add_layer(trees::Composition& tree) {
    auto staging = store_->stage();
    auto path = staging.path() / "tree";
    std::filesystem::create_directory(path);
    tree.write(path);
    tree.write_directory_times(path);
    return store_->add_layer(path, std::move(tree).listing(), staging);
  }

  std::filesystem::path path_;
  std::optional<store::Store> store_;
};

TEST_F(Composing, FollowsLinksInParentsHereAndBelow) {
  trees::LayerStack nothing(*store_, {});
  trees::Composition base(nothing);
  base.put(node("usr", store::EntryType::directory));
  base.put(node("usr/bin", store::EntryType::directory));
  base.put(node("bin", store::EntryType::symlink, "usr/bin"));
  base.put(node("abs", store::EntryType::symlink, "/bin"));
  trees::LayerStack lower(*store_, {add_layer(base)});
  trees::Composition tree(lower);
  EXPECT_EQ(tree.resolve_parents("bin/ls"), "usr/bin/ls");
  EXPECT_EQ(tree.resolve_parents("/abs/ls"), "usr/bin/ls");
  EXPECT_EQ(tree.resolve_parents("abs/../../../x"), "x");
  EXPECT_EQ(tree.resolve_parents("bin"), "bin");
}

TEST_F(Composing, RefusesLoopsOfLinks) {
  trees::LayerStack nothing(*store_, {});
  trees::Composition tree(nothing);
  tree.put(node("a", store::EntryType::symlink, "b"));
  tree.put(node("b", store::EntryType::symlink, "a"));
  EXPECT_THROW(tree.resolve_parents("a/x"), StepError);
}

TEST_F(Composing, WritesWhatItLists) {
  trees::LayerStack nothing(*store_, {});
  trees::Composition tree(nothing);
  tree.put_file("etc/deep/file", "content", 1700000000);
  tree.put(node("etc/link", store::EntryType::symlink, "/outside"));
  auto id = add_layer(tree);
  auto directory = open_at(AT_FDCWD, store_->layer_tree(id), O_RDONLY | O_DIRECTORY);
  EXPECT_EQ(store::scan(directory.get(), store::ScanOptions()).id(), id);
}

TEST_F(Composing, WritesOwnersAsListedAlsoInDirectoriesThatHandTheirGroupOn) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files to groups";
  trees::LayerStack nothing(*store_, {});
  trees::Composition tree(nothing);
  auto directory = node("srv", store::EntryType::directory);
  directory.entry.mode = 02755;
  directory.entry.gid = 4;
  tree.put(std::move(directory));
  tree.put_file("srv/new/file", "content", 5);
  tree.put(node("srv/link", store::EntryType::symlink, "new"));
  auto id = add_layer(tree);
  auto disk = open_at(AT_FDCWD, store_->layer_tree(id), O_RDONLY | O_DIRECTORY);
  EXPECT_EQ(store::scan(disk.get(), store::ScanOptions()).text(), store_->listing(id).text());
}

TEST_F(Composing, KeepsTheMetadataOfDirectoriesBelow) {
  trees::LayerStack nothing(*store_, {});
  trees::Composition base(nothing);
  auto directory = node("secret", store::EntryType::directory);
  directory.entry.mode = 0700;
  base.put(std::move(directory));
  trees::LayerStack lower(*store_, {add_layer(base)});
  trees::Composition tree(lower);
  tree.put_file("secret/new", "x", 5);
  EXPECT_EQ(tree.find("secret")->entry.mode, 0700U);
}

TEST_F(Composing, ReplacingOneOfTwoHardLinksLeavesTheOther) {
  trees::LayerStack nothing(*store_, {});
  trees::Composition tree(nothing);
  write_file_atomically(path_ / "source", "x", Durable::no);
  for (const char* name : {"a", "b", "c"}) {
    auto file = node(name, store::EntryType::regular);
    file.entry.size = 1;
    file.entry.content = blake3("x");
    file.source = {tree.shared(path_), "source"};
    file.group = 1;
    tree.put(std::move(file));
  }
  tree.put_file("a", "other", 5);
  auto listing = std::move(tree).listing();
  EXPECT_EQ(listing.find("b")->type, store::EntryType::regular);
  EXPECT_EQ(listing.find("c")->target, "b");
}

TEST_F(Composing, StacksShowWhatOverlayfsWould) {
  trees::LayerStack nothing(*store_, {});
  trees::Composition base(nothing);
  base.put_file("keep/a", "1", 5);
  base.put_file("gone/b", "2", 5);
  base.put_file("opaque/c", "3", 5);
  trees::Composition above(nothing);
  above.put(node("gone", store::EntryType::whiteout));
  auto opaque = node("opaque", store::EntryType::directory);
  opaque.entry.opaque = true;
  above.put(std::move(opaque));
  trees::LayerStack stack(*store_, {add_layer(base), add_layer(above)});
  EXPECT_EQ(stack.read("keep/a"), "1");
  EXPECT_EQ(stack.find("gone"), nullptr);
  EXPECT_EQ(stack.find("gone/b"), nullptr);
  EXPECT_NE(stack.find("opaque"), nullptr);
  EXPECT_EQ(stack.find("opaque/c"), nullptr);
}

}  // namespace
}  // namespace karapace::steps
