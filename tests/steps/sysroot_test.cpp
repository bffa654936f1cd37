// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/sysroot.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/remove_tree.hpp"
#include "store/environment.hpp"
#include "store/scan.hpp"
#include "store/staging.hpp"

namespace karapace::steps {
namespace {

namespace fs = std::filesystem;

/// An environment of layers that are given as trees on disk.
class Sysroots : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "karapace-sysroot-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory = name;
    store = store::Store::open(directory / "store", store::Store::Access::create);
    staging.emplace(store->stage());
    tree = staging->path() / "tree";
    fs::create_directories(tree / "usr/lib");
    fs::create_directories(tree / "usr/bin");
    fs::create_directories(tree / "etc");
    write("usr/lib/libx.so.1", "x");
  }
  void TearDown() override {
    staging.reset();
    remove_tree(directory);
  }
  void write(const std::string& path, const std::string& text) { std::ofstream(tree / path) << text; }
  void link(const std::string& path, const std::string& target) { fs::create_symlink(target, tree / path); }
  LayerId layer() {
    auto listing = store::scan(open_at(AT_FDCWD, tree, O_RDONLY | O_DIRECTORY).get(),
                               {.owners = store::Owners::ignore, .label = "test", .include = {}});
    return store->add_layer(tree, listing, *staging);
  }
  store::Environment environment(std::vector<LayerId> layers) {
    store::Environment made;
    made.id = EnvironmentId(blake3("environment"));
    made.layers = std::move(layers);
    store::add_environment(*store, made);
    return made;
  }

  fs::path directory;
  std::optional<store::Store> store;
  std::optional<store::Staging> staging;
  fs::path tree;
};

TEST_F(Sysroots, KeepEveryLinkInside) {
  link("lib", "usr/lib");
  link("usr/lib/libx.so", "/lib/libx.so.1");
  link("usr/bin/passwd", "../../../../../../etc/passwd");
  link("usr/bin/up", "../lib/../../../../../..");
  link("usr/bin/slash", "/");
  link("out", "..");
  link("usr/bin/through", "/out/out/../etc/passwd");
  link("etc/mtab", "../proc/self/mounts");
  link("circle", "other");
  link("other", "circle/x");
  write("etc/passwd", "the image's");
  auto root = make_sysroot(*store, environment({layer()}));
  EXPECT_EQ(fs::read_symlink(root / "usr/lib/libx.so"), "libx.so.1");
  EXPECT_EQ(fs::read_symlink(root / "usr/bin/passwd"), "../../etc/passwd");
  EXPECT_EQ(fs::read_symlink(root / "usr/bin/slash"), "../..");
  EXPECT_EQ(read_file(root / "usr/bin/through"), "the image's");
  EXPECT_TRUE(fs::equivalent(root / "out", root));
  EXPECT_TRUE(fs::equivalent(root / "usr/bin/up", root));
  EXPECT_TRUE(fs::equivalent(root / "lib/libx.so", root / "usr/lib/libx.so.1"));
  EXPECT_FALSE(fs::exists(root / "etc/mtab"));
  EXPECT_FALSE(fs::exists(fs::symlink_status(root / "other")));
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (!entry.is_symlink()) continue;
    EXPECT_TRUE(fs::weakly_canonical(entry.path()).native().starts_with(root.native())) << entry.path();
  }
}

TEST_F(Sysroots, MergeLayersAsAnOverlayWould) {
  auto lower = layer();
  fs::create_directories(tree / "usr/lib");
  write("usr/lib/liby.so.1", "y");
  link("usr/lib/libx.so", "libx.so.1");
  auto upper = layer();
  auto built = environment({lower, upper});
  auto root = make_sysroot(*store, built);
  EXPECT_EQ(read_file(root / "usr/lib/libx.so"), "x");
  EXPECT_EQ(read_file(root / "usr/lib/liby.so.1"), "y");
  EXPECT_EQ(read_file(root / "usr/lib/libx.so.1"), "x");
  EXPECT_EQ(make_sysroot(*store, built), root);
}

TEST_F(Sysroots, AreNotMadeForAnEnvironmentThatHasGone) {
  store::Environment gone;
  gone.id = EnvironmentId(blake3("gone"));
  gone.layers = {layer()};
  EXPECT_THROW(make_sysroot(*store, gone), NotFoundError);
  EXPECT_FALSE(store->has_sysroot(gone.id));
}

}  // namespace
}  // namespace karapace::steps
