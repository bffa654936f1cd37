// SPDX-License-Identifier: Apache-2.0
#include "store/store.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "store/environment.hpp"
#include "store/error.hpp"
#include "tests/store/temporary_directory.hpp"

namespace karapace::store {
namespace {

/// A store in a temporary directory.
class StoreTest : public testing::Test {
 protected:
  TemporaryDirectory temporary_;
  Store store_ = Store::open(temporary_.path() / "store", Store::Access::create);
};

Listing scan_path(const std::filesystem::path& tree) {
  return scan(open_at(AT_FDCWD, tree, O_RDONLY | O_DIRECTORY).get(), {.label = tree.native(), .include = {}});
}

std::filesystem::path small_tree(const Staging& staging, std::string_view content) {
  auto tree = staging.path() / "tree";
  ::mkdir(tree.c_str(), 0755);
  ::mkdir((tree / "bin").c_str(), 0755);
  write_file_atomically(tree / "bin/file", content, Durable::no);
  return tree;
}

TEST_F(StoreTest, ALayerThatWasAddedIsFoundWithItsListing) {
  auto staging = store_.stage();
  auto tree = small_tree(staging, "hello");
  auto listing = scan_path(tree);
  auto id = store_.add_layer(tree, listing, staging);
  EXPECT_TRUE(store_.has_layer(id));
  EXPECT_EQ(id, listing.id());
  EXPECT_EQ(store_.listing(id).entries(), listing.entries());
  EXPECT_EQ(read_file(store_.layer_tree(id) / "bin/file"), "hello");
  EXPECT_FALSE(std::filesystem::exists(tree));
}

TEST_F(StoreTest, AnExistingLayerIsKeptAndTheTreeLeftWhereItIs) {
  auto staging = store_.stage();
  auto tree = small_tree(staging, "hello");
  auto listing = scan_path(tree);
  auto id = store_.add_layer(tree, listing, staging);
  tree = small_tree(staging, "hello");
  EXPECT_EQ(store_.add_layer(tree, listing, staging), id);
  EXPECT_TRUE(std::filesystem::exists(tree / "bin/file"));
}

}  // namespace
}  // namespace karapace::store
