// SPDX-License-Identifier: Apache-2.0
// What assemble takes for a program that can be started.
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include <gmock/gmock.h>

#include "base/error.hpp"
#include "runtime/steps/step_context.hpp"
#include "store/release_document.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace::steps {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

struct EntryPoint : store::StoreTest {
  static Step compile_of(const std::string& name) {
    return Step::normalised(StepKind::compile,
                            {rules_of(StepKind::compile), {"name", name}, {"version", "1.0"}, {"script", name}}, {});
  }
  static std::string entry_of(const std::string& name) {
    return store::release_entry_name(compile_of(name).key(), name, "1.0");
  }

  /// A package that was built; its bin is what `fill` puts there.
  StepKey package(const std::string& name, const std::function<void(const fs::path& bin)>& fill) {
    auto staging = store_.stage();
    const auto tree = staging.path() / "tree";
    fs::create_directories(tree / "bin");
    fill(tree / "bin");
    const auto layer = store_.add_layer(tree, store::scan_path(tree), staging);
    const auto step = compile_of(name);
    store_.add_record({.step = step, .output = LayerOutput{layer}});
    return step.key();
  }

  std::string why(const std::vector<StepKey>& packages) {
    const auto step = Step::normalised(StepKind::assemble,
                                       {rules_of(StepKind::assemble),
                                        {"name", "app"},
                                        {"destination", "/apps/app"},
                                        {"entrypoints", "[\"app\"]"},
                                        {"environment", std::string(64, '0')},
                                        {"lock", std::string(64, '0')}},
                                       packages);
    const auto staging = store_.stage();
    try {
      assemble({.store = store_, .staging = staging, .step = step, .key = step.key(), .hints = {}});
      return "";
    } catch (const StepError& error) {
      return error.what();
    }
  }
};

void make_file(const fs::path& path, unsigned mode) {
  std::ofstream(path) << "#!/bin/sh\n";
  fs::permissions(path, static_cast<fs::perms>(mode));
}

TEST_F(EntryPoint, WithoutExecutePermissionIsRefused) {
  EXPECT_THAT(why({package("app", [](const auto& bin) { make_file(bin / "app", 0644); })}),
              HasSubstr("the entry point \"app\" can not be started: bin/app of the package app has no execute "
                        "permission"));
  EXPECT_EQ(why({package("other", [](const auto& bin) { make_file(bin / "app", 0755); })}), "");
}

TEST_F(EntryPoint, LinksAreFollowedThroughThePackages) {
  const auto tool = package("tool", [](const auto& bin) {
    make_file(bin / "run", 0755);
    make_file(bin / "data", 0644);
    fs::create_hard_link(bin / "data", bin / "zz");
  });
  const auto links = [&](const std::string& name, const std::string& target) {
    return why({package(name, [&](const auto& bin) { fs::create_symlink(target, bin / "app"); }), tool});
  };
  const auto store = "/apps/app/store/" + entry_of("tool") + "/bin/";
  EXPECT_EQ(links("a", store + "run"), "");
  EXPECT_EQ(links("b", "../../" + entry_of("tool") + "/bin/run"), "");
  EXPECT_THAT(links("c", store + "data"), HasSubstr("has no execute permission"));
  EXPECT_THAT(links("d", store + "zz"), HasSubstr("has no execute permission"));
  EXPECT_THAT(links("e", store + "gone"), HasSubstr("leads to what is not there"));
  EXPECT_THAT(links("f", "../bin"), HasSubstr("leads to what is no file"));
  EXPECT_THAT(links("g", "app"), HasSubstr("leads in a circle"));
  EXPECT_EQ(links("h", "/usr/bin/env"), "");
}

}  // namespace
}  // namespace karapace::steps
