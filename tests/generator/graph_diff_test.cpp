// SPDX-License-Identifier: Apache-2.0
// What a diff says, over a corpus of changes: tests/generator/golden/diff/NAME.{txt,json,md}.
#include "generator/graph/diff/graph_diff.hpp"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "accept.hpp"
#include "generator/graph/diff/diff_report.hpp"
#include "generator/graph/graph_reader.hpp"
#include "generator/graph/ninja_text.hpp"
#include "generator/lock/intent.hpp"
#include "generator/manifest/manifest.hpp"
#include "sample_lock.hpp"
#include "store/identifiers.hpp"
#include "store/runtime_configuration.hpp"

namespace karapace::tests {

using namespace diff;
using namespace graph;
using namespace lock;
using namespace manifest;
namespace {

using karapace::testing::expect_golden;
using karapace::testing::sample_archive_lock;
using karapace::testing::sample_image_lock;
using karapace::testing::sample_lock;
using karapace::testing::sample_lock_with_everything;
using karapace::testing::sample_package;
using karapace::testing::tests_directory;

struct Named {
  std::string name;
  Lock lock;
};

GraphSide side_of(std::string title, const std::vector<Named>& environments) {
  GraphSide side;
  Planner planner;
  for (const auto& [name, lock] : environments) {
    auto canonical = serialise(lock);
    auto step = planner.add(lock, canonical).back();
    side.environments.push_back({name, name + "/karapace.toml", EnvironmentId(blake3(canonical)), step, lock});
  }
  side.graph = std::move(planner).finish();
  side.title = std::move(title);
  return side;
}

/// As the side is when only its build.ninja is there.
GraphSide graph_alone(GraphSide side) {
  side.graph = read_graph(ninja_text(side.graph), "build.ninja");
  for (auto& environment : side.environments) environment = {"", "", environment.id, environment.step, std::nullopt};
  return side;
}

std::vector<std::string> kinds(const GraphDiff& diff) {
  std::vector<std::string> all;
  for (const auto& root : diff.causes) all.emplace_back(text(root.cause.kind));
  return all;
}

std::string plain(Emphasis, std::string_view text) { return std::string(text); }

/// What must be true of every diff.
void expect_sound(const GraphDiff& diff) {
  std::set<CauseIndex> effective;
  for (const auto& step : diff.steps) {
    EXPECT_FALSE(step.causes.empty()) << description(*step.edge) << " differs without a cause";
    effective.insert(step.causes.begin(), step.causes.end());
  }
  for (auto i : diff.causes.indices()) {
    EXPECT_TRUE(effective.contains(i)) << headline(diff.causes[i].cause) << " changes no step";
  }
  std::multiset<CauseIndex> grouped;
  for (const auto& group : diff.groups) grouped.insert(group.causes.begin(), group.causes.end());
  EXPECT_EQ(grouped.size(), diff.causes.size());
  EXPECT_EQ(diff.steps.size(), diff.steps_before + diff.steps_after - 2 * diff.steps_same);
}

void expect_corpus(const std::string& name, const GraphSide& before, const GraphSide& after) {
  SCOPED_TRACE(name);
  auto diff = diff_graphs(before, after);
  expect_sound(diff);
  expect_sound(diff_graphs(after, before));
  auto path = tests_directory() / "generator/golden/diff" / name;
  expect_golden(path.native() + ".txt", diff_text(diff, plain, Detail::steps));
  expect_golden(path.native() + ".json", diff_json(diff).dump(1) + "\n");
  expect_golden(path.native() + ".md", diff_markdown(diff));
}

void expect_corpus(const std::string& name, const std::vector<Named>& before, const std::vector<Named>& after) {
  expect_corpus(name, side_of("old", before), side_of("new", after));
}

void expect_corpus(const std::string& name, const Lock& before, const Lock& after) {
  expect_corpus(name, {{"dev", before}}, {{"dev", after}});
}

void set_version(Lock& lock, std::string_view name, std::string_view version) {
  for (auto* list : {&lock.base, &lock.packages}) {
    for (auto& package : *list) {
      if (package.name == name) package = sample_package(name, version);
    }
  }
}

/// git, with the packages that it needs though nobody asked for them.
Lock lock_with_git(std::vector<std::string> others = {}) {
  Lock lock = sample_lock({"git"});
  lock.packages = {sample_package("liberror-perl", "0.17029-2"), sample_package("git-man", "1:2.39.5-0+deb12u1"),
                   sample_package("git", "1:2.39.5-0+deb12u1")};
  for (const auto& name : others) {
    lock.packages.push_back(sample_package(name));
    lock.request.packages.push_back(name);
  }
  std::sort(lock.request.packages.begin(), lock.request.packages.end());
  return lock;
}

TEST(GraphDiff, NamesPackagesThatWereAskedForAndWhatTheyBring) {
  Lock plain_lock = sample_lock({"curl"});
  Lock with_git = lock_with_git({"curl"});
  expect_corpus("add", plain_lock, with_git);
  expect_corpus("remove", with_git, plain_lock);
  Lock two = with_git;
  two.request.packages = {"curl", "git", "jq"};
  two.packages.push_back(sample_package("libjq1"));
  two.packages.push_back(sample_package("jq"));
  expect_corpus("add-two", plain_lock, two);
}

TEST(GraphDiff, TellsUpgradesFromDowngradesAndRebuilds) {
  Lock before = lock_with_git();
  Lock after = before;
  set_version(after, "git", "1:2.39.5-0+deb12u2");
  set_version(after, "git-man", "1:2.39.5-0+deb12u2");
  expect_corpus("upgrade", before, after);
  expect_corpus("downgrade", after, before);
  Lock rebuilt = before;
  rebuilt.packages[2].sha256 = Sha256(blake3("rebuilt"));
  expect_corpus("rebuild", before, rebuilt);
  Lock base = before;
  set_version(base, "libc6", "2.36-9+deb12u14");
  expect_corpus("base-upgrade", before, base);
}

TEST(GraphDiff, FoldsEverythingUnderAnotherBase) {
  Lock before = lock_with_git();
  Lock after = before;
  after.request.base_image = "debian/trixie";
  after.suite = "trixie";
  std::get<lock::DebRepository>(after.repositories[0]).suite = "trixie";
  std::get<lock::DebRepository>(after.repositories[0]).date = "2026-08-01T00:00:00Z";
  for (auto* list : {&after.base, &after.packages})
    for (auto& package : *list) package.repository = "debian/trixie";
  set_version(after, "libc6", "2.41-12");
  set_version(after, "dpkg", "1.22.21");
  set_version(after, "git", "1:2.47.3-0+deb13u1");
  after.base.push_back(sample_package("libcrypt1"));
  expect_corpus("base-change", before, after);
  Lock archive = sample_archive_lock({"jq"});
  Lock other = archive;
  other.archive->sha256 = Sha256(blake3("another"));
  other.request.base_image = "sha256:" + other.archive->sha256.hex();
  expect_corpus("base-archive-change", archive, other);
  Lock image = sample_image_lock({"jq"});
  other = image;
  other.image->layers[1].sha256 = Sha256(blake3("another"));
  other.image->variables["LANG"] = "C";
  other.image->variables["PATH"] = "/opt/bin";
  expect_corpus("base-image-change", image, other);
}

TEST(GraphDiff, NamesFilesByWhatChangedAboutThem) {
  Lock before = sample_lock_with_everything();
  Lock content = before;
  content.files[0].content = blake3("bye\n");
  content.files[0].size = 4;
  content.files[0].mode = 0600;
  expect_corpus("file-change", before, content);
  Lock others = before;
  others.files = {before.files[1],
                  {"etc/motd", "/etc/issue", 0644, blake3("hello\n"), 6},
                  {"etc/new", "/etc/new", 0644, blake3("new"), 3}};
  expect_corpus("file-others", before, others);
  Lock order = before;
  std::swap(order.files[0], order.files[1]);
  EXPECT_EQ(kinds(diff_graphs(side_of("a", {{"x", before}}), side_of("b", {{"x", order}}))),
            std::vector<std::string>{"file-order"});
  Lock source = before;
  source.files[0].source = "other/motd";
  EXPECT_EQ(kinds(diff_graphs(side_of("a", {{"x", before}}), side_of("b", {{"x", source}}))),
            std::vector<std::string>{"file-source"});
}

TEST(GraphDiff, NamesCommands) {
  Lock before = sample_lock({"git"});
  before.run = {"first", "second", "third", "fourth"};
  Lock after = before;
  after.run = {"first", "second --better", "third", "added\nwith two lines", "fourth"};
  expect_corpus("command-change", before, after);
  Lock order = before;
  order.run = {"second", "first", "third", "fourth"};
  EXPECT_EQ(kinds(diff_graphs(side_of("a", {{"x", before}}), side_of("b", {{"x", order}}))),
            std::vector<std::string>{"command-order"});
  Lock none = before;
  none.run = {};
  expect_corpus("setup-goes", before, none);
}

TEST(GraphDiff, NamesLayers) {
  Lock before = sample_lock({"git"});
  before.layers = {{"layers/one.tar.zst", "tools", 500, blake3("one")}, {"layers/two.tar.zst", "", 600, blake3("two")}};
  Lock after = before;
  after.layers = {{"layers/one.tar.zst", "tools", 501, blake3("one more")},
                  {"layers/three.tar.zst", "", 700, blake3("three")}};
  expect_corpus("layers", before, after);
  const auto kinds_to = [&](const Lock& other) {
    return kinds(diff_graphs(side_of("a", {{"x", before}}), side_of("b", {{"x", other}})));
  };
  Lock order = before;
  std::swap(order.layers[0], order.layers[1]);
  EXPECT_EQ(kinds_to(order), std::vector<std::string>{"layer-order"});
  Lock renamed = before;
  renamed.layers[1].title = "other tools";
  EXPECT_EQ(kinds_to(renamed), std::vector<std::string>{"layer-changed"});
  Lock none = before;
  none.layers = {};
  EXPECT_EQ(kinds_to(none), (std::vector<std::string>{"layer-removed", "layer-removed"}));
}

TEST(GraphDiff, NamesTheRuntimeConfiguration) {
  Lock before = sample_lock_with_everything();
  Lock after = before;
  after.runtime.variables = {{"EDITOR", "nano"}, {"PAGER", "less"}};
  after.runtime.mounts[0].target = "/root/cache";
  after.runtime.network_isolation = false;
  expect_corpus("runtime-change", before, after);
}

TEST(GraphDiff, NamesWhatSessionsMayOnlyRead) {
  Lock before = sample_lock_with_everything();
  Lock after = before;
  after.runtime.mounts[0].access = store::MountAccess::read_only;
  after.runtime.project = store::ProjectAccess::read_only;
  after.runtime.variables["EDITOR"] = "\x1b[2Jvim";
  expect_corpus("read-only", before, after);
}

TEST(GraphDiff, SaysNothingAboutAnotherOrder) {
  Lock one = lock_with_git({"curl", "jq"});
  Lock two = sample_lock_with_everything();
  expect_corpus("reorder", {{"dev", one}, {"ci", two}}, {{"ci", two}, {"dev", one}});
  auto manifest = [](std::string_view packages, std::string_view variables) {
    auto text = "manifest_version = 1\n[base]\nimage = \"debian/bookworm\"\n[system]\npackages = [" +
                std::string(packages) + "]\n[environment]\n" + std::string(variables);
    return intent_of(parse_manifest(text, "karapace.toml"), "/");
  };
  EXPECT_EQ(manifest("\"git\", \"curl\"", "A = \"1\"\nB = \"2\"\n"),
            manifest("\"curl\", \"git\"", "B = \"2\"\nA = \"1\"\n"));
}

TEST(GraphDiff, NamesTheOrderOfInstallationWhenNothingElseChanged) {
  Lock before = lock_with_git();
  Lock after = before;
  std::swap(after.packages[0], after.packages[1]);
  expect_corpus("install-order", before, after);
}

TEST(GraphDiff, NamesEnvironmentsThatCameOrWent) {
  Lock dev = lock_with_git({"curl"}), ci = lock_with_git();
  expect_corpus("environment-added", {{"dev", dev}}, {{"dev", dev}, {"ci", ci}});
  expect_corpus("environment-removed", {{"dev", dev}, {"ci", ci}}, {{"dev", dev}});
  expect_corpus("first-environment", {}, {{"dev", dev}});
}

TEST(GraphDiff, TellsASharedCauseOnce) {
  Lock dev = lock_with_git({"curl"}), ci = lock_with_git(), other = sample_lock({"jq"});
  Lock dev_after = dev, ci_after = ci;
  for (auto* lock : {&dev_after, &ci_after}) set_version(*lock, "git", "1:2.39.5-0+deb12u2");
  expect_corpus("shared-upgrade", {{"dev", dev}, {"ci", ci}, {"other", other}},
                {{"dev", dev_after}, {"ci", ci_after}, {"other", other}});
}

TEST(GraphDiff, KeepsSeveralCausesApart) {
  Lock before = lock_with_git();
  before.run = {"make"};
  Lock after = lock_with_git({"ripgrep"});
  after.packages.push_back(sample_package("libpcre2-8-0"));
  set_version(after, "git", "1:2.39.5-0+deb12u2");
  set_version(after, "libc6", "2.36-9+deb12u14");
  std::get<lock::DebRepository>(after.repositories[0]).date = "2026-07-13T10:00:00Z";
  after.run = {"make", "make install"};
  after.runtime.variables["EDITOR"] = "vim";
  expect_corpus("several", {{"dev", before}}, {{"dev", after}, {"ci", sample_lock({"jq"})}});
}

TEST(GraphDiff, NamesWhatOnlyTheLockTells) {
  Lock before = lock_with_git();
  Lock requested = before;
  requested.request.packages = {"git", "liberror-perl"};
  expect_corpus("request", before, requested);
  Lock versioned = before;
  versioned.request.packages = {"git=1:2.39*"};
  const auto other = diff_graphs(side_of("a", {{"x", before}}), side_of("b", {{"x", versioned}}));
  ASSERT_EQ(kinds(other), std::vector<std::string>{"request"});
  EXPECT_EQ(headline(other.causes.front().cause), "git: asked for as git=1:2.39*, was git");
  Lock held = before;
  held.request.hold = {"git"};
  const auto hold = diff_graphs(side_of("a", {{"x", before}}), side_of("b", {{"x", held}}));
  ASSERT_EQ(kinds(hold), std::vector<std::string>{"request"});
  EXPECT_EQ(headline(hold.causes.front().cause), "git: held now");
  Lock preferring = before;
  preferring.request.prefer = {"bookworm-backports", "git=1:2.39*"};
  const auto words_of = [](const Lock& old, const Lock& now) {
    std::vector<std::string> all;
    for (const auto& one : diff_graphs(side_of("a", {{"x", old}}), side_of("b", {{"x", now}})).causes)
      all.push_back(headline(one.cause));
    return all;
  };
  EXPECT_EQ(words_of(before, preferring),
            (std::vector<std::string>{"bookworm-backports: preferred now", "git=1:2.39*: preferred now"}));
  Lock otherwise = preferring;
  std::swap(otherwise.request.prefer[0], otherwise.request.prefer[1]);
  EXPECT_EQ(words_of(preferring, otherwise), std::vector<std::string>{"system.prefer: in another order"});
  otherwise.request.prefer = {"git=1:2.39*"};
  EXPECT_EQ(words_of(preferring, otherwise), std::vector<std::string>{"bookworm-backports: no longer preferred"});
  Lock moved = before;
  std::get<lock::DebRepository>(moved.repositories[0]).indexes[0].sha256 = Sha256(blake3("another index"));
  expect_corpus("archives-moved", before, moved);
  Lock dated = moved;
  std::get<lock::DebRepository>(dated.repositories[0]).date = "2026-08-01T00:00:00Z";
  expect_corpus("archives-dated", before, dated);
  Lock located = before;
  located.packages[0].path = "pool/updates/main/libe/liberror-perl.deb";
  EXPECT_EQ(kinds(diff_graphs(side_of("a", {{"x", before}}), side_of("b", {{"x", located}}))),
            std::vector<std::string>{"location"});
  Lock answered = before;
  answered.answers["git/x"] = "y";
  const auto asked = diff_graphs(side_of("a", {{"x", before}}), side_of("b", {{"x", answered}}));
  ASSERT_EQ(kinds(asked), std::vector<std::string>{"answer"});
  EXPECT_EQ(asked.causes.front().cause.stage, Stage::packages);
  Lock recommends = before;
  recommends.request.recommends = true;
  EXPECT_EQ(kinds(diff_graphs(side_of("a", {{"x", before}}), side_of("b", {{"x", recommends}}))),
            std::vector<std::string>{"recommends"});
  recommends.packages.push_back(sample_package("less"));
  auto diff = diff_graphs(side_of("a", {{"x", before}}), side_of("b", {{"x", recommends}}));
  ASSERT_EQ(kinds(diff), std::vector<std::string>{"recommends"});
  EXPECT_EQ(diff.causes.front().cause.follows, (std::vector<PackageChange>{{"less", std::nullopt, "1.0-1"}}));
  EXPECT_EQ(diff.causes.front().cause.stage, Stage::packages);
}

TEST(GraphDiff, LocksOfAnotherFormatHaveTheSamePackages) {
  const Lock now = lock_with_git();
  Lock old = now;
  old.format = lock::LockFormat::one;
  for (auto* packages : {&old.base, &old.packages})
    for (auto& package : *packages) package.repository = package.archive();
  auto diff = diff_graphs(side_of("a", {{"x", old}}), side_of("b", {{"x", now}}));
  ASSERT_EQ(kinds(diff), std::vector<std::string>{"lock"});
  EXPECT_EQ(headline(diff.causes.front().cause), "the lock's format: 1 → 2");
  old.packages[0].path = "pool/updates/main/libe/liberror-perl.deb";
  EXPECT_EQ(kinds(diff_graphs(side_of("a", {{"x", old}}), side_of("b", {{"x", now}}))),
            std::vector<std::string>{"location"});
}

TEST(GraphDiff, NamesRepositoriesAndVirtualPackages) {
  Lock before = lock_with_git();
  Lock everything = sample_lock_with_everything();
  Lock repository = before;
  repository.request.repositories = everything.request.repositories;
  repository.repositories = everything.repositories;
  EXPECT_EQ(kinds(diff_graphs(side_of("a", {{"x", before}}), side_of("b", {{"x", repository}}))),
            std::vector<std::string>{"repository"});
  Lock provided = before;
  provided.request.packages = {"awk", "git"};
  provided.packages.push_back(sample_package("mawk"));
  auto diff = diff_graphs(side_of("a", {{"x", before}}), side_of("b", {{"x", provided}}));
  ASSERT_EQ(kinds(diff), std::vector<std::string>{"request"});
  EXPECT_EQ(headline(diff.causes.front().cause), "awk: asked for now");
  EXPECT_EQ(diff.causes.front().cause.follows.size(), 1u);
}

TEST(GraphDiff, GraphsAloneTellWhatIsInThem) {
  Lock before = sample_lock_with_everything();
  Lock after = before;
  after.packages.push_back(sample_package("jq"));
  after.files[0].mode = 0600;
  after.run[0] = "true";
  after.runtime.network_isolation = false;
  expect_corpus("graphs-alone", graph_alone(side_of("old/build.ninja", {{"x", before}})),
                graph_alone(side_of("new/build.ninja", {{"x", after}})));
  Lock requested = before;
  requested.request.recommends = false;
  EXPECT_EQ(kinds(diff_graphs(graph_alone(side_of("a", {{"x", before}})), side_of("b", {{"x", requested}}))),
            std::vector<std::string>{"lock"});
}

TEST(GraphDiff, OneLockIsEnoughToKnowWhatANewPackageBrings) {
  Lock before = sample_lock({"curl"}), after = lock_with_git({"curl"});
  auto old = graph_alone(side_of("a", {{"x", before}})), now = side_of("b", {{"x", after}});
  auto diff = diff_graphs(old, now);
  ASSERT_EQ(kinds(diff), std::vector<std::string>{"package-added"});
  EXPECT_EQ(diff.causes.front().cause.follows.size(), 2u);
  EXPECT_EQ(kinds(diff_graphs(now, old)), std::vector<std::string>{"package-removed"});
}

TEST(GraphDiff, EnvironmentsWithoutNamesArePairedByTheirPackages) {
  Lock dev = lock_with_git({"curl"}), ci = sample_lock({"ripgrep", "hyperfine"});
  Lock dev_after = lock_with_git(), ci_after = sample_lock({"ripgrep", "hyperfine", "jq"});
  auto before = graph_alone(side_of("a", {{"dev", dev}, {"ci", ci}}));
  auto after = side_of("b", {{"ci", ci_after}, {"dev", dev_after}});
  auto diff = diff_graphs(before, after);
  EXPECT_EQ(kinds(diff), (std::vector<std::string>{"package-added", "package-removed"}));
  EXPECT_EQ(diff.environments[diff.causes.front().environments[0]].name, "ci");
}

TEST(GraphDiff, EveryRealKindOfLockAgainstEveryOther) {
  std::vector<Lock> locks = {sample_lock({}),       sample_lock({"git"}),     sample_lock_with_everything(),
                             lock_with_git({"jq"}), sample_archive_lock({}),  sample_archive_lock({"jq"}),
                             sample_image_lock({}), sample_image_lock({"jq"})};
  for (const auto& before : locks) {
    for (const auto& after : locks) {
      auto old = side_of("a", {{"x", before}}), now = side_of("b", {{"x", after}});
      auto diff = diff_graphs(old, now);
      expect_sound(diff);
      EXPECT_EQ(diff.same(), before == after);
      auto old_alone = graph_alone(old), now_alone = graph_alone(now);
      auto alone = diff_graphs(old_alone, now_alone);
      expect_sound(alone);
      EXPECT_EQ(alone.same(), before == after);
    }
  }
}

TEST(GraphDiff, MarkdownStaysBelowWhatGitHubTakes) {
  std::vector<std::string> names;
  for (int i = 0; i < 3000; ++i) names.push_back("package-" + std::to_string(i));
  auto before = side_of("a", {{"x", sample_lock({})}}), after = side_of("b", {{"x", sample_lock(names)}});
  auto markdown = diff_markdown(diff_graphs(before, after));
  EXPECT_LT(markdown.size(), 65'536u);
  EXPECT_NE(markdown.find("more"), std::string::npos);
}

TEST(GraphDiff, MarkdownKeepsTextText) {
  Lock before = sample_lock({}), after = before;
  after.run = {"echo '<b>|x|</b>' `id` *all* @team #1"};
  auto markdown = diff_markdown(diff_graphs(side_of("a", {{"x", before}}), side_of("b", {{"x", after}})));
  EXPECT_NE(markdown.find("echo '&lt;b>\\|x\\|&lt;/b>' \\`id\\` \\*all\\* \\@team \\#1"), std::string::npos)
      << markdown;
}

}  // namespace
}  // namespace karapace::tests
