// SPDX-License-Identifier: Apache-2.0
#include "generator/graph/graph.hpp"

#include <algorithm>
#include <clocale>
#include <filesystem>
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "accept.hpp"
#include "base/error.hpp"
#include "generator/graph/edge_arguments.hpp"
#include "generator/graph/graph_reader.hpp"
#include "generator/graph/ninja_text.hpp"
#include "generator/graph/quoting.hpp"
#include "sample_lock.hpp"
#include "store/identifiers.hpp"

namespace karapace::tests {

using namespace graph;
using namespace lock;
namespace {

using karapace::testing::expect_golden;
using karapace::testing::sample_archive_lock;
using karapace::testing::sample_image_lock;
using karapace::testing::sample_lock;
using karapace::testing::sample_lock_with_everything;
using karapace::testing::sample_lock_with_layers;
using karapace::testing::sample_lock_with_release;
using karapace::testing::tests_directory;

std::vector<std::string> descriptions(const Graph& graph) {
  std::vector<std::string> all;
  for (const auto& edge : graph.edges) all.push_back(description(edge));
  return all;
}

const Edge& edge_of(const Graph& graph, StepKind kind) {
  return *std::find_if(graph.edges.begin(), graph.edges.end(),
                       [=](const Edge& edge) { return edge.step.kind == kind; });
}

std::string text_of(const std::vector<Lock>& locks) { return ninja_text(plan(locks)); }

struct ReleaseGraph {
  PlannedRelease planned;
  Graph graph;
};

ReleaseGraph release_graph(const Lock& lock) {
  Planner planner;
  const auto environment = planner.add(lock, serialise(lock)).back();
  auto planned = planner.add_release(lock, environment).value();
  return {std::move(planned), std::move(planner).finish()};
}

const Edge& edge_of(const Graph& graph, const StepKey& key) { return *std::ranges::find(graph.edges, key, &Edge::key); }

TEST(Graph, TextIsTheGoldenOne) {
  auto golden = tests_directory() / "generator/golden";
  expect_golden(golden / "plain.ninja", text_of({sample_lock({"git", "curl"})}));
  expect_golden(golden / "everything.ninja", text_of({sample_lock_with_everything()}));
  expect_golden(golden / "layers.ninja", text_of({sample_lock_with_layers()}));
  expect_golden(golden / "archive.ninja", text_of({sample_archive_lock({"jq"})}));
  expect_golden(golden / "image.ninja", text_of({sample_image_lock({"jq"})}));
  expect_golden(golden / "two.ninja", text_of({sample_lock({"git", "curl"}), sample_lock({"git", "jq"})}));
}

TEST(Graph, AnImagesLayersAreUnpackedOnTopOfEachOther) {
  const auto lock = sample_image_lock({});
  const auto steps = image_steps(*lock.image);
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[1].unpack.inputs, (std::vector{steps[1].fetch.key(), steps[0].unpack.key()}));
  EXPECT_EQ(steps[1].unpack.required("diff-id"), lock.image->layers[1].diff_id.hex());
  auto other = *lock.image;
  other.layers[1].sha256 = Sha256(blake3("another"));
  EXPECT_EQ(image_steps(other)[0].unpack.key(), steps[0].unpack.key());
}

TEST(Graph, HasOneEdgePerStepInGoodOrder) {
  Lock lock = sample_lock({"git", "ripgrep"});
  auto id = environment_id(lock).short_hex();
  auto size = serialise(lock).size();
  ASSERT_GT(size, 1070u);
  EXPECT_EQ(
      descriptions(plan(std::vector{lock})),
      (std::vector<std::string>{"fetch libc6 2.36-9+deb12u13", "unpack libc6 2.36-9+deb12u13", "fetch dpkg 1.21.22",
                                "unpack dpkg 1.21.22", "install base debian/bookworm, 2 packages", "fetch lock " + id,
                                "fetch ripgrep 1.0-1", "unpack ripgrep 1.0-1", "fetch git 1.0-1", "unpack git 1.0-1",
                                "install 2 packages", "environment " + id}));
}

TEST(Graph, InstallReadsLayersThenPackagesInInstallOrder) {
  Lock lock = sample_lock({"git", "curl"});
  Graph graph = plan(std::vector{lock});
  const Edge* install = nullptr;
  const Edge* bootstrap = nullptr;
  for (const auto& edge : graph.edges) {
    if (edge.step.kind == StepKind::install) (edge.step.required("base-layers") == "0" ? bootstrap : install) = &edge;
  }
  ASSERT_TRUE(install && bootstrap);
  EXPECT_EQ(bootstrap->step.inputs.size(), 2u);
  ASSERT_EQ(install->step.inputs.size(), 3u);
  EXPECT_EQ(install->step.inputs[0], bootstrap->key);
  auto unpacked = [&](std::size_t input) {
    auto found = std::find_if(graph.edges.begin(), graph.edges.end(),
                              [&](const Edge& edge) { return edge.key == install->step.inputs[input]; });
    return description(*found);
  };
  EXPECT_EQ(unpacked(1), "unpack git 1.0-1");
  EXPECT_EQ(unpacked(2), "unpack curl 1.0-1");
  EXPECT_EQ(install->step.required("architecture"), "amd64");
  EXPECT_EQ(install->step.required("base-layers"), "1");
  EXPECT_EQ(install->step.required("distribution"), "debian");
  EXPECT_EQ(install->step.required("rules"), rules(StepKind::install));
}

TEST(Graph, EnvironmentReadsItsLayersAndItsLock) {
  Lock lock = sample_lock_with_everything();
  Graph graph = plan(std::vector{lock});
  const Edge& environment = edge_of(graph, StepKind::environment);
  EXPECT_EQ(environment.step.required("lock"), environment_id(lock).hex());
  EXPECT_EQ(environment.step.required("runtime"), lock.runtime.text());
  ASSERT_EQ(environment.step.inputs.size(), 4u);
  const Edge& setup = edge_of(graph, StepKind::setup);
  EXPECT_EQ(environment.step.inputs[2], setup.key);
  EXPECT_EQ(setup.step.required("base-layers"), "2");
  EXPECT_EQ(setup.step.inputs.size(), 4u);
  auto fetched = std::find_if(graph.edges.begin(), graph.edges.end(),
                              [&](const Edge& edge) { return edge.key == environment.step.inputs[3]; });
  EXPECT_EQ(fetched->step.required("blake3"), environment_id(lock).hex());
  EXPECT_EQ(fetched->step.required("size"), std::to_string(serialise(lock).size()));
}

TEST(Graph, LayersLieOnTopAndStandOnNothing) {
  Lock lock = sample_lock_with_everything();
  lock.layers = {{"layers/one.tar.zst", "tools", 500, blake3("one")}, {"layers/two.tar.zst", "", 600, blake3("two")}};
  Graph graph = plan(std::vector{lock});
  const auto edge = [&](const StepKey& key) {
    return *std::find_if(graph.edges.begin(), graph.edges.end(), [&](const Edge& one) { return one.key == key; });
  };
  const Edge& environment = edge_of(graph, StepKind::environment);
  ASSERT_EQ(environment.step.inputs.size(), 6u);
  const auto one = edge(environment.step.inputs[3]), two = edge(environment.step.inputs[4]);
  EXPECT_EQ(description(one), "commit tools");
  EXPECT_EQ(description(two), "commit layers/two.tar.zst");
  EXPECT_EQ(one.step.parameters, std::vector<Parameter>{rules_of(StepKind::commit)});
  ASSERT_EQ(one.step.inputs.size(), 1u);
  EXPECT_EQ(description(edge(one.step.inputs[0])), "fetch layer tools");
  EXPECT_EQ(edge(one.step.inputs[0]).step.required("blake3"), blake3("one").hex());
  EXPECT_EQ(edge(one.step.inputs[0]).step.required("size"), "500");
  Lock other = sample_lock({"curl"});
  other.layers = {lock.layers[0]};
  const Graph shared = plan(std::vector{lock, other});
  EXPECT_EQ(std::count_if(shared.edges.begin(), shared.edges.end(),
                          [](const Edge& any) { return any.step.kind == StepKind::commit; }),
            2);
}

TEST(Graph, EmptyRequestIsTheBaseAlone) {
  Graph graph = plan(std::vector{sample_lock({})});
  auto installs = std::count_if(graph.edges.begin(), graph.edges.end(),
                                [](const Edge& edge) { return edge.step.kind == StepKind::install; });
  EXPECT_EQ(installs, 1);
}

TEST(Graph, SharedStepsAppearOnce) {
  Graph one = plan(std::vector{sample_lock({"git", "curl"})});
  Graph two = plan(std::vector{sample_lock({"git", "curl"}), sample_lock({"git", "jq"}), sample_lock({"git", "curl"})});
  // Of the second: jq's fetch and unpack, its install, its lock, its environment.
  EXPECT_EQ(two.edges.size(), one.edges.size() + 5);
  std::set<StepKey> keys;
  for (const auto& edge : two.edges) EXPECT_TRUE(keys.insert(edge.key).second);
}

TEST(Graph, InputsAreDeclaredBeforeTheirUsers) {
  Graph graph = plan(std::vector{sample_lock_with_everything(), sample_archive_lock({"jq"}), sample_lock({"git"})});
  std::set<StepKey> declared;
  for (const auto& edge : graph.edges) {
    for (const auto& input : edge.step.inputs) EXPECT_TRUE(declared.contains(input)) << description(edge);
    declared.insert(edge.key);
  }
}

// So Ninja configures a base while it unpacks the rest.
TEST(Graph, BasesAreDeclaredBeforeWhatOnlyOthersNeed) {
  Graph graph = plan(std::vector{sample_lock_with_everything(), sample_archive_lock({"jq"}), sample_lock({"git"})});
  std::set<StepKey> needed;
  auto last_base = graph.edges.begin();
  for (auto edge = graph.edges.begin(); edge != graph.edges.end(); ++edge) {
    bool bootstrap = edge->step.kind == StepKind::install && edge->step.required("base-layers") == "0";
    bool archive = edge->step.kind == StepKind::unpack && edge->step.required("format") == "tar";
    if (!bootstrap && !archive) continue;
    last_base = edge;
    needed.insert(edge->key);
  }
  ASSERT_EQ(needed.size(), 2u);
  for (auto edge = std::make_reverse_iterator(last_base + 1); edge != graph.edges.rend(); ++edge) {
    EXPECT_TRUE(needed.contains(edge->key)) << description(*edge);
    needed.insert(edge->step.inputs.begin(), edge->step.inputs.end());
  }
}

TEST(Graph, AnUnpackFollowsItsFetch) {
  auto edges = plan(std::vector{sample_lock_with_everything(), sample_lock({"git", "jq"})}).edges;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    if (edges[i].step.kind != StepKind::unpack) continue;
    ASSERT_GT(i, 0u);
    // These locks take the same bytes for two versions of git: both unpack steps follow.
    const auto& before = edges[i - 1];
    const auto& content = before.step.kind == StepKind::unpack ? before.step.inputs.front() : before.key;
    EXPECT_EQ(edges[i].step.inputs.front(), content) << description(edges[i]);
  }
}

TEST(Graph, KeysAreThoseOfTheSteps) {
  for (const auto& edge : plan(std::vector{sample_lock_with_everything()}).edges) EXPECT_EQ(edge.key, edge.step.key());
}

TEST(Graph, StepsOfALockAreItsClosure) {
  Planner planner;
  Lock lock = sample_lock({"git"}), other = sample_lock({"git", "jq"});
  auto steps = planner.add(lock, serialise(lock));
  auto more = planner.add(other, serialise(other));
  EXPECT_EQ(steps.size(), plan(std::vector{lock}).edges.size());
  EXPECT_EQ(more.size(), plan(std::vector{other}).edges.size());
  EXPECT_EQ(std::set<StepKey>(more.begin(), more.end()).size(), more.size());
}

TEST(Graph, IsTheSameTextHoweverAndWhereverItIsPlanned) {
  std::vector<Lock> locks = {sample_lock({"git", "curl"}), sample_lock_with_everything(), sample_archive_lock({"jq"})};
  std::string text = text_of(locks);
  std::reverse(locks.begin(), locks.end());
  locks.push_back(locks[1]);
  EXPECT_EQ(text_of(locks), text);
  auto directory = std::filesystem::current_path();
  std::filesystem::current_path("/");
  std::setlocale(LC_ALL, "de_DE.UTF-8");
  EXPECT_EQ(text_of(locks), text);
  std::setlocale(LC_ALL, "C");
  std::filesystem::current_path(directory);
}

TEST(Graph, LocksThatNameTheSameBytesDifferentlyAgree) {
  Lock one = sample_lock({"git"}), two = sample_lock({"git"});
  two.packages[0].path = "pool/updates/main/g/git/git_1.0-1_amd64.deb";
  EXPECT_EQ(text_of({one, two}), text_of({two, one}));
  EXPECT_NE(text_of({one, two}).find("path=pool/main/g/git/"), std::string::npos);
  EXPECT_EQ(text_of({one, two}).find("path=pool/updates/"), std::string::npos);
}

TEST(Graph, LocksThatTakeTheSameBytesForDifferentPackagesUnpackThemTwice) {
  const auto count = [](const std::vector<Lock>& locks, StepKind kind) {
    const auto graph = plan(locks);
    return std::count_if(graph.edges.begin(), graph.edges.end(),
                         [&](const Edge& edge) { return edge.step.kind == kind; });
  };
  const Lock one = sample_lock({"git"});
  for (auto field : {&LockedPackage::name, &LockedPackage::version, &LockedPackage::architecture}) {
    Lock two = one;
    two.packages[0].*field = "other";
    EXPECT_EQ(text_of({one, two}), text_of({two, one}));
    EXPECT_EQ(count({one, two}, StepKind::unpack), count({one}, StepKind::unpack) + 1);
    EXPECT_EQ(count({one, two}, StepKind::fetch), count({one}, StepKind::fetch) + 1) << "that of the other lock";
  }
}

TEST(Graph, TextHasNothingOfTheMachine) {
  std::string text = text_of({sample_lock_with_everything()});
  EXPECT_EQ(text.find("/tmp"), std::string::npos);
  EXPECT_EQ(text.find("http"), std::string::npos);
  EXPECT_TRUE(text.starts_with(graph_marker));
}

Lock lock_of_a_dozen() {
  std::vector<std::string> names;
  for (int i = 0; i < 12; ++i) names.push_back("package-" + std::to_string(10 + i));
  return sample_lock(names);
}

TEST(Graph, CommandsOfManyInputsReadThemFromAFile) {
  Lock lock = lock_of_a_dozen();
  expect_golden(tests_directory() / "generator/golden/many.ninja", text_of({lock}));
  std::size_t files = 0;
  for (const auto& edge : plan(std::vector{lock}).edges) {
    if (!has_arguments_file(edge)) continue;
    ++files;
    EXPECT_EQ(description(edge), "install 12 packages");
    expect_golden(tests_directory() / "generator/golden/many.args", arguments_file_text(edge, "/a store", "/m.json"));
  }
  EXPECT_EQ(files, 1u);
}

TEST(Graph, CommandsOfLongParametersReadThemFromAFile) {
  Lock lock = sample_lock({"git"});
  lock.run = {"it's " + std::string(1000, 'x') + "\n$HOME"};
  Graph graph = plan(std::vector{lock});
  const Edge& setup = edge_of(graph, StepKind::setup);
  ASSERT_TRUE(has_arguments_file(setup));
  EXPECT_NE(ninja_text(graph).find(": setup_from_file "), std::string::npos);
  EXPECT_NE(ninja_text(graph).find("\n  args = base-layers=2 "), std::string::npos);
  EXPECT_NE(arguments_file_text(setup, "/s", "/m.json").find("\nrun='[\"it'\\''s xxx"), std::string::npos);
}

TEST(Graph, PackagesOfAReleaseAreBuiltOnWhatTheyNeed) {
  const auto lock = sample_lock_with_release();
  const auto [planned, graph] = release_graph(lock);
  expect_golden(tests_directory() / "generator/golden/release.ninja", ninja_text(graph));
  const auto library = planned.compiles.at("libgrid");
  const auto program = planned.compiles.at("solver");
  EXPECT_EQ(edge_of(graph, planned.tree()).step.inputs, (std::vector{program, library}));
  const auto& inputs = edge_of(graph, program).step.inputs;
  ASSERT_EQ(inputs.size(), 4u);  // the base, the packages, the source, libgrid
  EXPECT_EQ(edge_of(graph, inputs[2]).step.kind, StepKind::source);
  EXPECT_EQ(inputs[3], library);
  EXPECT_EQ(edge_of(graph, library).step.required("patches"), "1");
  EXPECT_EQ(plan(std::vector{lock}), plan(std::vector{sample_lock({"git"})}));  // as for who builds no release
}

TEST(Graph, ANameSaysWhetherASourceIsAZip) {
  const auto format_of = [](const std::string& location) {
    auto lock = sample_lock_with_release();
    lock.release->sources[0].kind = manifest::SourceKind::archive;
    lock.release->sources[0].location = location;
    const auto [planned, graph] = release_graph(lock);
    const auto& compile = edge_of(graph, planned.compiles.at("libgrid"));
    return std::string(edge_of(graph, compile.step.inputs[2]).step.required("format"));
  };
  EXPECT_EQ(format_of("https://a.example/libgrid.zip"), "zip");
  EXPECT_EQ(format_of("https://a.example/libgrid.ZIP?token=1#x"), "zip");
  EXPECT_EQ(format_of("vendor/libgrid.zip"), "zip");
  EXPECT_EQ(format_of("https://a.example/libgrid.tar.gz?was=a.zip"), "tar");
  EXPECT_EQ(format_of("zip"), "tar");
}

TEST(Graph, WhereProgramsRunIsNothingThatIsCompiled) {
  auto lock = sample_lock_with_release();
  const auto before = release_graph(lock).planned;
  lock.release->run = manifest::ProgramsRun::inside;
  const auto [after, graph] = release_graph(lock);
  EXPECT_EQ(after.compiles, before.compiles);
  EXPECT_NE(after.tree(), before.tree());
  EXPECT_EQ(edge_of(graph, after.tree()).step.required("run"), "inside");
}

TEST(Graph, ScriptsOfSeveralLinesStandOnOne) {
  auto lock = sample_lock_with_release();
  const std::vector<std::string> scripts{"one\ntwo\r\n", "\n", "\ttabs\tand \\n", "$x $$ 'it''s' \"§\"\n\n# end",
                                         "long\n" + std::string(3000, '\'')};
  for (const auto& script : scripts) {
    lock.release->sources[0].build = script;
    lock.release->sources[0].check = {script, "true\nfalse"};
    const auto [planned, graph] = release_graph(lock);
    const auto text = ninja_text(graph);
    EXPECT_EQ(read_graph(text, "build.ninja"), graph);
    const auto& compile = edge_of(graph, planned.compiles.at("libgrid"));
    const auto json = compile.step.required("script");
    EXPECT_EQ(json.find_first_of("\n\r"), json.npos);
    EXPECT_EQ(nlohmann::json::parse(json).get<std::string>(), script);
    const auto check = compile.step.required("check");
    EXPECT_EQ(nlohmann::json::parse(check)[0].get<std::string>(), script);
  }
}

TEST(Graph, FileOfALongFetchHasItsHints) {
  Lock lock = sample_lock({"git"});
  lock.packages[0].path = "pool/" + std::string(1000, 'g');
  Graph graph = plan(std::vector{lock});
  auto fetch = std::find_if(graph.edges.begin(), graph.edges.end(), has_arguments_file);
  ASSERT_NE(fetch, graph.edges.end());
  EXPECT_EQ(arguments_file_text(*fetch, "/s", "/a b/m.json"),
            "fetch /s/steps/" + fetch->key.hex() +
                "\n--hint mirrors='/a b/m.json'\n--hint archive=debian\n--hint path=" + lock.packages[0].path +
                "\nsha256=" + std::string(fetch->step.required("sha256")) +
                "\nsize=" + std::string(fetch->step.required("size")) + "\n--\n");
}

TEST(Quoting, ShellGetsTheWordBack) {
  EXPECT_EQ(shell_quoted("a/b-c.d_e:f=g+h,i@j%k"), "a/b-c.d_e:f=g+h,i@j%k");
  EXPECT_EQ(shell_quoted(""), "''");
  EXPECT_EQ(shell_quoted("~x"), "'~x'");
  EXPECT_EQ(shell_quoted("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_quoted("$(x) `y` \"z\" \\"), "'$(x) `y` \"z\" \\'");
}

TEST(Quoting, NinjaGetsTheWordBack) {
  std::string value, path;
  append_ninja_value(value, " a$b: c");
  EXPECT_EQ(value, "$ a$$b: c");
  append_ninja_path(path, "/a b/c:d$e");
  EXPECT_EQ(path, "/a$ b/c$:d$$e");
}

TEST(LocalText, RefusesWhatNinjaCanNotHold) {
  Local local{.store = "/store",
              .step_program = "/bin/step",
              .mirrors = "/m.json",
              .arguments = "/g",
              .environments = {},
              .regenerate = {"gen"},
              .sources = {"/a\nb"}};
  EXPECT_THROW(local_text(local), Error);
  for (const char* source : {"/a\rb", "/a|b"}) {
    local.sources = {source};
    EXPECT_THROW(local_text(local), Error) << source;
  }
  local.sources = {};
  EXPECT_NO_THROW(local_text(local));
  local.store = "/sto|re";
  EXPECT_NO_THROW(local_text(local));
  for (const char* store : {"/sto\nre", "/sto\rre"}) {
    local.store = store;
    EXPECT_THROW(local_text(local), Error) << store;
  }
}

}  // namespace
}  // namespace karapace::tests
