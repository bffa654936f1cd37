// SPDX-License-Identifier: Apache-2.0
// assemble: packages that were made by hand, and the tree of links into them.
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "runtime/steps/step_context.hpp"
#include "store/listing.hpp"
#include "store/release_document.hpp"
#include "store/scan.hpp"
#include "store/staging.hpp"
#include "store/store.hpp"

namespace karapace::steps {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Path -> content; "-> TARGET" is a link, "/" a directory.
using Files = std::map<std::string, std::string>;

class Assemble : public ::testing::Test {
 protected:
  StepKey package(const std::string& name, const Files& files, StepKind kind = StepKind::compile) {
    auto step = Step::normalised(
        kind, {{"destination", "/opt/app"}, {"name", name}, {"script", "\"" + name + "\""}, {"version", "1.0"}}, {});
    const auto staging = store_.stage(step);
    const auto tree = staging.path() / "tree";
    fs::create_directory(tree);
    for (const auto& [path, text] : files) {
      if (text == "/") {
        fs::create_directories(tree / path);
        continue;
      }
      fs::create_directories((tree / path).parent_path());
      if (text.starts_with("-> "))
        fs::create_symlink(text.substr(3), tree / path);
      else
        write_file_atomically(tree / path, text, Durable::no, path.starts_with("bin/") ? 0755 : 0644);
    }
    const auto directory = open_at(AT_FDCWD, tree, O_RDONLY | O_DIRECTORY);
    const auto layer = store_.add_layer(tree, store::scan(directory.get(), {.label = "test", .include = {}}), staging);
    store_.add_record({step, LayerOutput{layer}});
    layers_[name] = layer;
    entries_[name] = store::release_entry_name(step.key(), name, "1.0");
    return step.key();
  }

  /// "accepted", or what is said.
  std::string assembling(const std::vector<StepKey>& packages, const std::string& entrypoints = "[]") {
    const auto digest = Sha256(blake3("x")).hex();
    const auto step = Step::normalised(StepKind::assemble,
                                       {{"destination", "/opt/app"},
                                        {"entrypoints", entrypoints},
                                        {"environment", digest},
                                        {"lock", digest},
                                        {"name", "app"},
                                        rules_of(StepKind::assemble)},
                                       packages);
    const auto staging = store_.stage(step);
    try {
      StepContext context{.store = store_, .staging = staging, .step = step, .key = step.key(), .hints = {}};
      context.note = [&](const std::string& note) { notes_.push_back(note); };
      layer_ = std::get<LayerOutput>(assemble(context)).layer;
    } catch (const StepError& error) {
      return error.what();
    }
    return "accepted";
  }
  std::string target(const std::string& path) const {
    const auto listing = store_.listing(layer_);
    const auto* entry = listing.find(path);
    return entry ? entry->target : "nothing";
  }
  store::EntryType type(const std::string& path) const {
    const auto listing = store_.listing(layer_);
    return listing.find(path)->type;
  }

  TemporaryDirectory temporary_;
  store::Store store_ = store::Store::open(temporary_.path() / "store", store::Store::Access::create);
  LayerId layer_;
  std::map<std::string, LayerId> layers_;
  std::map<std::string, std::string> entries_;
  std::vector<std::string> notes_;
};

TEST_F(Assemble, LinksToDirectoriesDanglingLinksAndEmptyDirectoriesAreInTheTree) {
  ASSERT_EQ(assembling({package("app", {{"lib/real/file", "x"},
                                        {"lib/alias", "-> real"},
                                        {"lib/libfoo.so", "-> libfoo.so.1"},
                                        {"lib/libfoo.so.1", "elf"},
                                        {"lib/nowhere", "-> /nowhere/at/all"},
                                        {"share/empty/deep", "/"}})}),
            "accepted");
  const auto store = "store/" + entries_["app"] + "/";
  EXPECT_EQ(target("lib/alias"), "../../../" + store + "lib/alias");
  EXPECT_EQ(target("lib/libfoo.so"), "../../../" + store + "lib/libfoo.so");
  EXPECT_EQ(target("lib/nowhere"), "../../../" + store + "lib/nowhere");
  EXPECT_EQ(target("lib/real/file"), "../../../../" + store + "lib/real/file");
  EXPECT_EQ(type("lib/real"), store::EntryType::directory);
  EXPECT_EQ(type("share/empty/deep"), store::EntryType::directory);
}

TEST_F(Assemble, OfTwoFilesThatOfTheEarlierPackageCountsAndItIsTold) {
  const auto app = package("app", {{"bin/tool", "of app"}, {"lib/own", "x"}});
  const auto lib = package("lib", {{"bin/tool", "of lib"}, {"lib/other", "x"}});
  ASSERT_EQ(assembling({app, lib}), "accepted");
  EXPECT_EQ(target("bin/tool"), "../../../store/" + entries_["app"] + "/bin/tool");
  EXPECT_EQ(target("lib/other"), "../../../store/" + entries_["lib"] + "/lib/other");
  EXPECT_THAT(notes_, ElementsAre("not in the release's tree: bin/tool of lib, as app has one"));
  ASSERT_EQ(assembling({lib, app}), "accepted");
  EXPECT_EQ(target("bin/tool"), "../../../store/" + entries_["lib"] + "/bin/tool");
}

TEST_F(Assemble, AFileAgainstADirectoryIsRefusedWithBothNamesInEitherOrder) {
  const auto file = package("file", {{"share/x", "x"}});
  const auto directory = package("directory", {{"share/x/y", "y"}});
  const auto link = package("link", {{"share/x", "-> elsewhere"}});
  const auto said =
      HasSubstr("assemble: \"share/x\" is a directory in the package directory and a file or link in the package file");
  EXPECT_THAT(assembling({file, directory}), said);
  EXPECT_THAT(assembling({directory, file}), said);
  EXPECT_THAT(assembling({link, directory}), HasSubstr("a file or link in the package link"));
}

TEST_F(Assemble, NothingIsWrittenThroughALinkOfAPackage) {
  const auto before = package("app", {{"manifest", "its own"}, {"release", "x"}});
  ASSERT_EQ(assembling({before}), "accepted");
  EXPECT_EQ(target("manifest"), "../../store/" + entries_["app"] + "/manifest");
  const auto own = package("own", {{"release.json", "its own"}});
  EXPECT_THAT(assembling({own}), HasSubstr("the package own has a \"release.json\" at its top"));
  EXPECT_THAT(assembling({package("linked", {{"release.json", "-> data"}, {"data", "its own"}})}),
              HasSubstr("the package linked has a \"release.json\" at its top"));
  EXPECT_THAT(assembling({package("directory", {{"release.json", "/"}})}),
              HasSubstr("has a \"release.json\" at its top"));
  EXPECT_EQ(read_file(store_.layer_tree(layers_["own"]) / "release.json"), "its own");
  EXPECT_EQ(read_file(store_.layer_tree(layers_["linked"]) / "data"), "its own");
  ASSERT_EQ(assembling({package("below", {{"share/release.json", "x"}})}), "accepted");
}

TEST_F(Assemble, WhatItIsMadeOfStandsInIt) {
  const auto app = package("app", {{"bin/app", "x"}});
  const auto lib = package("my-lib", {{"lib/l", "x"}});
  ASSERT_EQ(assembling({app, lib}, "[\"app\"]"), "accepted");
  const auto document =
      store::parse_release_document(read_file(store_.layer_tree(layer_) / "release.json"), "release.json");
  EXPECT_EQ(document.main, "app");
  EXPECT_THAT(document.entrypoints, ElementsAre("app"));
  ASSERT_EQ(document.packages.size(), 2U);
  EXPECT_EQ(document.packages[1].name, "my-lib");
  EXPECT_EQ(document.packages[1].entry, entries_["my-lib"]);
  EXPECT_EQ(document.packages[1].layer, layers_["my-lib"]);
}

TEST_F(Assemble, EntryPointsAreThere) {
  const auto app = package("app", {{"bin/app", "x"}, {"bin/folder/x", "x"}, {"bin/link", "-> app"}});
  EXPECT_EQ(assembling({app}, R"(["app","link"])"), "accepted");
  for (const auto* none : {"ap", "folder"})
    EXPECT_THAT(assembling({app}, std::string("[\"") + none + "\"]"),
                HasSubstr(std::string("the entry point \"") + none + "\" is in no package: none of app has a bin/"));
}

TEST_F(Assemble, WhatIsNoPackageIsRefused) {
  EXPECT_THAT(assembling({}), HasSubstr("a release has packages, and none is given"));
  EXPECT_THAT(assembling({package("app", {{"a", "x"}}, StepKind::source)}), HasSubstr("makes no package"));
  EXPECT_THAT(assembling({package("b", {{"a", "x"}})}, "no list"), HasSubstr("\"entrypoints\" is not understood"));
}

}  // namespace
}  // namespace karapace::steps
