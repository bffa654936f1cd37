// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/deb/waves.hpp"

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/directory.hpp"
#include "runtime/trees/composition.hpp"
#include "runtime/trees/layer_stack.hpp"
#include "store/store.hpp"

namespace karapace::steps::deb {
namespace {

class PreDepending : public ::testing::Test {
 protected:
  PreDepending() : store_(store::Store::open(directory_.path() / "store", store::Store::Access::create)) {}

  /// A package with these fields, "Depends: a\n...".
  void add(const std::string& name, const std::string& fields = "", const std::string& version = "1",
           const std::string& architecture = "amd64") {
    DebPackage package;
    package.name = name;
    package.version = version;
    package.architecture = architecture;
    package.stanza = karapace::deb::Stanza::parse(
        fmt::format("Package: {}\nVersion: {}\nArchitecture: {}\n{}", name, version, architecture, fields), name);
    packages_.push_back(std::move(package));
  }
  void add_installed(const std::string& name, const std::string& version, const std::string& fields = "") {
    status_ += fmt::format("Package: {}\nStatus: install ok installed\nVersion: {}\nArchitecture: amd64\n{}\n", name,
                           version, fields);
  }

  /// "a b; (a) c": the waves, with what is configured before each.
  std::string planned() {
    trees::LayerStack nothing(store_, {});
    trees::Composition base(nothing);
    if (!status_.empty()) base.put_file("var/lib/dpkg/status", status_, 5);
    auto staging = store_.stage();
    make_directory(staging.path() / "tree");
    base.write(staging.path() / "tree");
    base.write_directory_times(staging.path() / "tree");
    const trees::LayerStack lower(store_,
                                  {store_.add_layer(staging.path() / "tree", std::move(base).listing(), staging)});
    std::vector<const DebPackage*> all;
    for (const auto& package : packages_) all.push_back(&package);
    std::vector<std::string> texts;
    for (const auto& wave : waves(all, DpkgDatabase(lower), "amd64")) {
      std::vector<std::string> words;
      if (!wave.configured_before.empty()) words.push_back(fmt::format("({})", names(wave.configured_before)));
      words.push_back(names(wave.packages));
      texts.push_back(fmt::format("{}", fmt::join(words, " ")));
    }
    return fmt::format("{}", fmt::join(texts, "; "));
  }

  static std::string names(const std::vector<const DebPackage*>& packages) {
    std::vector<std::string> all;
    for (const auto* package : packages)
      all.push_back(package->architecture == "amd64" ? package->name : package->full_name());
    return fmt::format("{}", fmt::join(all, " "));
  }

  TemporaryDirectory directory_;
  store::Store store_;
  std::string status_;
  std::deque<DebPackage> packages_;
};

TEST_F(PreDepending, NothingIsOneWave) {
  add("a", "Depends: b\n");
  add("b", "Depends: a\n");
  EXPECT_EQ(planned(), "a b");
  packages_.clear();
  EXPECT_EQ(planned(), "");
}

TEST_F(PreDepending, WhatIsNeededIsConfiguredBeforeWithAllThatItDependsOn) {
  add("library");
  add("program", "Depends: library (>= 1), absent | library\n");
  add("other");
  add("wanting", "Pre-Depends: program:any\n");
  EXPECT_EQ(planned(), "library program other; (library program) wanting");
}

TEST_F(PreDepending, OnWhatPreDependsItselfIsAWaveLater) {
  add("third", "Pre-Depends: second\n");
  add("second", "Depends: other\nPre-Depends: first\n");
  add("first");
  add("other", "Depends: first\n");
  EXPECT_EQ(planned(), "first other; (first) second; (second other) third");
}

TEST_F(PreDepending, OnTheBaseNeedsNoWaveUnlessANewVersionIsWanted) {
  add_installed("base", "1");
  add("one", "Pre-Depends: base\n");
  add("two", "Pre-Depends: base (>= 1) | other\n");
  add("other");
  EXPECT_EQ(planned(), "one two other");
  add("base", "", "2");
  EXPECT_EQ(planned(), "other base; (base) one two");
}

TEST_F(PreDepending, OnAVirtualPackageMeansOneThatProvidesIt) {
  add("server", "Provides: service (= 2), more\n");
  add("client", "Pre-Depends: real | service\n");
  EXPECT_EQ(planned(), "server; (server) client");
}

TEST_F(PreDepending, MeansThePackageOfItsOwnArchitecture) {
  add_installed("libc", "1", "Multi-Arch: same\n");
  add_installed("tool", "1", "Multi-Arch: foreign\n");
  add_installed("perl", "1", "Multi-Arch: allowed\n");
  add("libc", "Multi-Arch: same\n", "1", "i386");
  add("game", "Pre-Depends: libc, tool, perl:any\n", "1", "i386");
  add("native", "Pre-Depends: libc, perl\n");
  add("data", "Pre-Depends: libc\n", "1", "all");
  EXPECT_EQ(planned(), "libc:i386 native data; (libc:i386) game:i386");
}

TEST_F(PreDepending, OnAnArchitectureThatIsNamedMeansThatOne) {
  add("libc", "Multi-Arch: same\n", "1", "i386");
  add("wine", "Pre-Depends: libc:i386\n");
  EXPECT_EQ(planned(), "libc:i386; (libc:i386) wine");
}

TEST_F(PreDepending, InACircleLeavesItToDpkg) {
  add("a", "Pre-Depends: b\n");
  add("b", "Pre-Depends: a\n");
  add("c");
  EXPECT_EQ(planned(), "c; a b");
  packages_.clear();
  add("itself", "Pre-Depends: itself\n");
  EXPECT_EQ(planned(), "itself");
}

TEST_F(PreDepending, ThatDependsBackIsUnpackedAfterItsNeeds) {
  add("tool", "Depends: user\n");  // user pre-depends on tool, which depends on user
  add("user", "Pre-Depends: tool\n");
  EXPECT_EQ(planned(), "tool; (tool) user");
}

}  // namespace
}  // namespace karapace::steps::deb
