// SPDX-License-Identifier: Apache-2.0
// Packages of a release that do not fit into one tree, told as far as the store knows what is in them.
#include "generator/project/release_clashes.hpp"

#include <filesystem>
#include <optional>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "sample_lock.hpp"
#include "store/scan.hpp"
#include "store/staging.hpp"

namespace karapace::project {
namespace {

namespace fs = std::filesystem;

class ReleaseClashes : public ::testing::Test {
 protected:
  void SetUp() override {
    graph::Planner planner;
    const auto environment = planner.add(lock_, lock::serialise(lock_)).back();
    planned_ = planner.add_release(lock_, environment);
    graph_ = std::move(planner).finish();
    manifest::ReleaseRequest request;
    for (const auto& source : lock_.release->sources) {
      manifest::SourceRequest one;
      one.name = source.name;
      one.place.text = "karapace.toml:" + std::to_string(request.sources.size() + 10) + ":1";
      request.sources.push_back(std::move(one));
    }
    project_.manifest.release = std::move(request);
  }
  LayerId layer_with(const fs::path& file) const {
    auto staging = store_.stage();
    const auto tree = staging.path() / "tree";
    fs::create_directories((tree / file).parent_path());
    write_file_atomically(tree / file, "x", Durable::no);
    const auto directory = open_at(AT_FDCWD, tree, O_RDONLY | O_DIRECTORY);
    store::ScanOptions options;
    options.owners = store::Owners::ignore;
    return store_.add_layer(tree, store::scan(directory.get(), options), staging);
  }
  /// As if the step had been run.
  void made(const StepKey& key, const LayerId& layer) const {
    for (const auto& edge : graph_.edges)
      if (edge.key == key) store_.add_record({edge.step, LayerOutput{layer}});
  }
  void built(const std::string& package, const fs::path& file) const {
    made(planned_->compiles.at(package), layer_with(file));
  }
  std::string told() const {
    try {
      refuse_known_clashes(project_, *lock_.release, *planned_, store_);
    } catch (const ManifestError& error) {
      return error.what();
    }
    return "nothing";
  }

  TemporaryDirectory temporary_;
  store::Store store_ = store::Store::open(temporary_.path() / "store", store::Store::Access::create);
  lock::Lock lock_ = karapace::testing::sample_lock_with_release();
  std::optional<graph::PlannedRelease> planned_;
  graph::Graph graph_;
  Project project_;
};

TEST_F(ReleaseClashes, WhatIsBuiltAndDoesNotFitIsToldWithItsPlace) {
  built("libgrid", "lib/grid");
  EXPECT_EQ(told(), "nothing");
  built("solver", "lib/grid/data");
  EXPECT_EQ(told(),
            "karapace.toml:10:1: source \"libgrid\": \"lib/grid\" is a directory in the package solver and a file or "
            "link in the package libgrid, and a release has one of each name: have the build script of one of them "
            "install to another place");
}

TEST_F(ReleaseClashes, PackagesThatFitAreNone) {
  built("libgrid", "lib/grid/a");
  built("solver", "lib/grid/a");
  EXPECT_EQ(told(), "nothing");
}

TEST_F(ReleaseClashes, WhatWasAssembledIsNotLookedAtAgain) {
  built("libgrid", "lib/grid");
  built("solver", "lib/grid/data");
  made(planned_->tree(), layer_with("bin/solver"));
  EXPECT_EQ(told(), "nothing");
}

}  // namespace
}  // namespace karapace::project
