// SPDX-License-Identifier: Apache-2.0
// Bytes that changed in the store after they were stored get into nothing that steps make of them.
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "runtime/steps/step_context.hpp"
#include "runtime/steps/sysroot.hpp"
#include "runtime/steps/unpacked_package.hpp"
#include "runtime/trees/composition.hpp"
#include "store/environment.hpp"
#include "store/scan.hpp"
#include "store/verified_content.hpp"

namespace karapace::steps {
namespace {

namespace fs = std::filesystem;

class VerifiedInputs : public ::testing::Test {
 protected:
  Step fetched(std::string_view content) {
    auto step = Step::normalised(StepKind::fetch, {{"blake3", blake3(content).hex()}}, {});
    auto staging = store_.stage(step);
    write_file_atomically(staging.path() / "file", content, Durable::no);
    const BlobOutput output{BlobId(blake3(content)), Sha256(blake3("other")), content.size()};
    store_.add_blob(output.blob, staging.path() / "file");
    store_.add_record({step, output});
    return step;
  }

  LayerId layer_with(const std::string& path, const std::string& content) {
    auto staging = store_.stage();
    auto tree = staging.path() / "tree";
    fs::create_directories((tree / path).parent_path());
    write_file_atomically(tree / path, content, Durable::no);
    auto directory = open_at(AT_FDCWD, tree, O_RDONLY | O_DIRECTORY);
    return store_.add_layer(tree, store::scan(directory.get(), {.label = "test", .include = {}}), staging);
  }

  /// Another byte, everything else as before.
  static void damage(const fs::path& path) {
    struct stat before{};
    ASSERT_EQ(::lstat(path.c_str(), &before), 0);
    auto bytes = read_file(path);
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
    std::ofstream(path) << bytes;
    ASSERT_EQ(::chmod(path.c_str(), before.st_mode & 07777), 0);
    const timespec times[2] = {before.st_atim, before.st_mtim};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  }

  template <class Action>
  static void expect_damage_told(const Action& action) {
    try {
      action();
      FAIL() << "the damaged bytes were used";
    } catch (const StoreError& error) {
      EXPECT_NE(std::string(error.what()).find("is damaged in the store; run `karapace verify-store --repair`"),
                std::string::npos)
          << error.what();
    }
  }

  std::vector<std::string> layers() const { return names_in(store_.root() / "layers"); }

  TemporaryDirectory temporary_;
  store::Store store_ = store::Store::open(temporary_.path() / "store", store::Store::Access::create);
};

TEST_F(VerifiedInputs, ASetupFileThatChangedInTheStoreGetsIntoNoLayer) {
  auto file = fetched("the manifest's file");
  auto step = Step::normalised(
      StepKind::setup,
      {{"base-layers", "0"}, {"files", R"([{"target": "/etc/file", "mode": "644"}])"}, {"rules", "5"}, {"run", "[]"}},
      {file.key()});
  auto make = [&] {
    auto staging = store_.stage(step);
    return setup({.store = store_, .staging = staging, .step = step, .key = step.key(), .hints = {}});
  };
  damage(store_.blob_path(BlobId(blake3("the manifest's file"))));
  expect_damage_told(make);
  EXPECT_TRUE(layers().empty());
}

TEST_F(VerifiedInputs, ABlobIsCopiedOnlyAsItWas) {
  fetched("a package");
  const BlobId blob(blake3("a package"));
  store::copy_blob(store_, blob, temporary_.path() / "copy");
  EXPECT_EQ(read_file(temporary_.path() / "copy"), "a package");
  damage(store_.blob_path(blob));
  expect_damage_told([&] { store::copy_blob(store_, blob, temporary_.path() / "another"); });
}

TEST_F(VerifiedInputs, AFileOfALayerThatChangedIsLinkedIntoNothing) {
  auto layer = layer_with("usr/bin/tool", "program");
  auto compose = [&] {
    trees::LayerStack nothing(store_, {});
    trees::LayerStack shown(store_, {layer});
    trees::Composition tree(nothing);
    shown.for_each([&](const store::Entry& entry, const fs::path& source) {
      trees::Node node;
      node.entry = entry;
      node.source.directory = entry.type == store::EntryType::regular ? tree.shared(source) : nullptr;
      tree.put(std::move(node));
    });
    auto staging = store_.stage();
    make_directory(staging.path() / "made");
    tree.write(staging.path() / "made");
  };
  compose();
  damage(store_.layer_tree(layer) / "usr/bin/tool");
  expect_damage_told(compose);
  ASSERT_EQ(::chmod((store_.layer_tree(layer) / "usr/bin/tool").c_str(), 04755), 0);
  expect_damage_told(compose);
}

TEST_F(VerifiedInputs, WhatIsReadOfALayerIsWhatItsListingSays) {
  auto layer = layer_with("var/lib/dpkg/status", "Package: a\n");
  damage(store_.layer_tree(layer) / "var/lib/dpkg/status");
  trees::LayerStack stack(store_, {layer});
  expect_damage_told([&] { stack.read("var/lib/dpkg/status"); });
}

TEST_F(VerifiedInputs, WhatAPackageSaysOfItselfIsWhatWasUnpacked) {
  auto archive = fetched("a .deb");
  PackageMeta meta;
  meta.name = "tool";
  auto layer = layer_with("meta/package.json", meta.json());
  auto step = Step::normalised(StepKind::unpack, {{"format", "deb"}}, {archive.key()});
  store_.add_record({step, LayerOutput{layer}});
  EXPECT_EQ(load_package(store_, step.key(), "deb").name, "tool");
  damage(store_.layer_tree(layer) / "meta/package.json");
  expect_damage_told([&] { load_package(store_, step.key(), "deb"); });
}

TEST_F(VerifiedInputs, ASysrootHoldsNoDamagedFileAndSharesNoneWithALayer) {
  auto layer = layer_with("usr/include/tool.h", "int tool();\n");
  store::Environment environment;
  environment.id = EnvironmentId(blake3("environment"));
  environment.layers = {layer};
  store::add_environment(store_, environment);
  const auto file = store_.layer_tree(layer) / "usr/include/tool.h";
  const auto sysroot = make_sysroot(store_, environment);
  struct stat status{};
  ASSERT_EQ(::stat((sysroot / "usr/include/tool.h").c_str(), &status), 0);
  EXPECT_EQ(status.st_nlink, 1u);
  EXPECT_EQ(status.st_mode & 0222, 0u);
  fs::permissions(sysroot / "usr/include/tool.h", fs::perms::owner_write, fs::perm_options::add);
  std::ofstream(sysroot / "usr/include/tool.h") << "something else";
  EXPECT_EQ(read_file(file), "int tool();\n");
  fs::remove_all(sysroot);
  damage(file);
  expect_damage_told([&] { make_sysroot(store_, environment); });
  EXPECT_FALSE(store_.has_sysroot(environment.id));
}

}  // namespace
}  // namespace karapace::steps
