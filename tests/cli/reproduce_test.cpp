// SPDX-License-Identifier: Apache-2.0
// What `reproduce` finds when two stores hold different results of the same steps, and what it takes as a document.
#include <array>
#include <cstdio>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/wait.h>

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/json/seal.hpp"
#include "generator/lock/lock.hpp"
#include "proof/comparison.hpp"
#include "proof/record_document.hpp"
#include "proof/recorded_graph.hpp"
#include "store/environment.hpp"
#include "store/identifiers.hpp"
#include "store/listing.hpp"
#include "store/listing_comparison.hpp"
#include "store/root.hpp"
#include "tests/cli/program_fixture.hpp"
#include "tests/generator/sample_lock.hpp"

namespace karapace::cli {
namespace {

using karapace::testing::sample_lock;
using store::error_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

LayerOutput layer(std::string_view name) { return {LayerId(blake3(name))}; }

/// fetch -> unpack -> install -> environment, and another unpack beside them.
class Comparison : public ::testing::Test {
 protected:
  Comparison() {
    add(StepKind::fetch, "one", {}, BlobOutput{BlobId(blake3("one")), Sha256(blake3("one")), 3});
    add(StepKind::unpack, "one", {key(0)}, layer("one"));
    add(StepKind::unpack, "two", {key(0)}, layer("two"));
    add(StepKind::install, "both", {key(1), key(2)}, layer("both"));
    add(StepKind::setup, "set up", {key(3)}, layer("set up"));
    add(StepKind::environment, "all", {key(1), key(3), key(4)}, EnvironmentOutput{EnvironmentId(blake3("all"))});
  }
  void add(StepKind kind, std::string name, std::vector<StepKey> inputs, StepOutput output) {
    auto step = Step::normalised(kind, {{"name", name}}, std::move(inputs));
    auto step_key = step.key();
    graph_.edges.push_back({.step = std::move(step), .key = step_key, .subject = std::move(name), .location = {}});
    first_.emplace(step_key, std::move(output));
  }
  StepKey key(std::size_t index) const { return graph_.edges[index].key; }
  std::vector<StepKey> causes() const {
    std::vector<StepKey> keys;
    for (const auto& cause : proof::compare(graph_, first_, second_).causes) keys.push_back(cause.step);
    return keys;
  }

  graph::Graph graph_;
  proof::Outputs first_;
  proof::Outputs second_;
};

TEST_F(Comparison, OfEqualOutputsFindsNothing) {
  second_ = first_;
  auto result = proof::compare(graph_, first_, second_);
  EXPECT_EQ(result.same, 6u);
  EXPECT_THAT(result.causes, IsEmpty());
  EXPECT_THAT(result.consequences, IsEmpty());
}

TEST_F(Comparison, BlamesTheStepWhoseInputsAreTheSameAndFoldsWhatFollows) {
  second_ = first_;
  second_[key(1)] = layer("another");
  second_[key(3)] = layer("made of another");
  auto result = proof::compare(graph_, first_, second_);
  EXPECT_THAT(causes(), ElementsAre(key(1)));
  EXPECT_THAT(result.consequences, ElementsAre(key(3), key(5)));
  EXPECT_EQ(result.same, 3u);
}

TEST_F(Comparison, TellsSeveralCausesInTheGraphsOrder) {
  second_ = first_;
  second_[key(4)] = layer("another");
  second_[key(2)] = layer("another");
  EXPECT_THAT(causes(), ElementsAre(key(2), key(4)));
}

TEST_F(Comparison, TakesAStepThatMadeNothingForDifferent) {
  second_ = first_;
  for (std::size_t i = 3; i < 6; ++i) second_.erase(key(i));
  auto result = proof::compare(graph_, first_, second_);
  EXPECT_THAT(causes(), ElementsAre(key(3)));
  EXPECT_FALSE(result.causes[0].second);
  EXPECT_THAT(result.consequences, ElementsAre(key(4), key(5)));
}

class TwoTrees : public store::StoreTest {
 protected:
  TwoTrees() {
    for (const auto* side : {"a", "b"}) std::filesystem::create_directories(temporary_.path() / side / "etc");
  }
  void write(const std::string& path, const std::string& text) const {
    std::ofstream(temporary_.path() / path, std::ios::binary) << text;
  }
  proof::LayerSide side(const std::string& name) const {
    auto tree = temporary_.path() / name;
    auto listing = store::scan_path(tree);
    auto entries = listing.entries();
    for (auto& entry : entries) entry.mtime = 1;
    return {store::Listing(std::move(entries)), tree};
  }
  std::vector<proof::FileDifference> differences() const { return proof::compare_files(side("a"), side("b"), 10); }
};

TEST_F(TwoTrees, ShowTheLinesOfSmallTexts) {
  write("a/etc/stamp", "begin\nMonday\nend\n");
  write("b/etc/stamp", "begin\nFriday\nend\n");
  auto files = differences();
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].path, "/etc/stamp");
  EXPECT_THAT(files[0].what, ElementsAre("content"));
  EXPECT_THAT(files[0].shown, ElementsAre("- Monday", "+ Friday"));
}

TEST_F(TwoTrees, TellWhereBytesThatAreNoTextBeginToDiffer) {
  write("a/etc/random", std::string("ab\0cd", 5));
  write("b/etc/random", std::string("ab\0xyz", 6));
  auto files = differences();
  ASSERT_EQ(files.size(), 1u);
  EXPECT_THAT(files[0].shown, ElementsAre("5 and 6 bytes, which differ from byte 3 on"));
  EXPECT_TRUE(files[0].needs_tool);
}

TEST_F(TwoTrees, NameModesLinksAndWhatOneSideLacks) {
  write("a/etc/mode", "");
  write("b/etc/mode", "");
  std::filesystem::permissions(temporary_.path() / "b/etc/mode", std::filesystem::perms(0600));
  std::filesystem::permissions(temporary_.path() / "a/etc/mode", std::filesystem::perms(0644));
  std::filesystem::create_symlink("here", temporary_.path() / "a/etc/link");
  std::filesystem::create_symlink("there", temporary_.path() / "b/etc/link");
  write("a/etc/gone", "");
  write("b/etc/new", "");
  auto files = differences();
  ASSERT_EQ(files.size(), 4u);
  EXPECT_THAT(files[0].what, ElementsAre("only in the first"));
  EXPECT_THAT(files[1].shown, ElementsAre("link to \"here\" became \"there\""));
  EXPECT_THAT(files[2].shown, ElementsAre("mode 0644 became 0600"));
  EXPECT_THAT(files[3].what, ElementsAre("only in the second"));
}

TEST_F(TwoTrees, NeverFollowALinkThatSomebodyPutIn) {
  write("a/etc/file", "inside\n");
  write("b/etc/file", "other\n");
  auto first = side("a");
  auto second = side("b");
  write("secret", "secret\n");
  std::filesystem::remove(temporary_.path() / "b/etc/file");
  std::filesystem::create_symlink(temporary_.path() / "secret", temporary_.path() / "b/etc/file");
  EXPECT_THAT(error_of([&] { proof::compare_files(first, second, 10); }), HasSubstr("symbolic links"));
}

TEST(DifferingLines, LeaveOutWhatIsEqualAndShortenTheRest) {
  EXPECT_THAT(proof::differing_lines("a\nb\n", "a\nb\nc\n"), ElementsAre("+ c"));
  EXPECT_THAT(proof::differing_lines("a", "a\n"), ElementsAre("only the end of the last line differs"));
  EXPECT_THAT(proof::differing_lines("1\n2\n3\n4\n5\n6\n7\n", "x\n"),
              ElementsAre("- 1", "- 2", "- 3", "- 4", "- 5", "- ... 2 more lines", "+ x"));
  EXPECT_THAT(proof::differing_lines("\x1b[31m\n", "\n")[0], HasSubstr("\\x1b"));
}

class Document : public ::testing::Test {
 protected:
  std::vector<proof::ExportedStep> steps_ = {
      {StepKey(blake3("f")), StepKind::fetch, "fetch a", BlobOutput{BlobId(blake3("b")), Sha256(blake3("s")), 7}},
      {StepKey(blake3("u")), StepKind::unpack, "unpack \"a\"", layer("l")},
      {StepKey(blake3("i")), StepKind::install, "install 1 package", layer("m"), "karapace listing 1\n"},
      {StepKey(blake3("e")), StepKind::environment, "environment e", EnvironmentOutput{EnvironmentId(blake3("e"))}}};

  /// The document's text, after the change, with a seal that fits.
  std::string changed(const std::string& what, const std::string& to) const {
    auto text = unsealed(proof::document_text(steps_));
    auto at = text.find(what);
    EXPECT_NE(at, std::string::npos) << what;
    return sealed(text.replace(at, what.size(), to));
  }
  static std::string error(const std::string& text) {
    return error_of([&] { proof::parse_document(text, "records.json"); });
  }
};

TEST_F(Document, IsReadAsItWasWritten) {
  auto text = proof::document_text(steps_);
  EXPECT_THAT(text, StartsWith("{\n \"check\": \""));
  auto read = proof::parse_document(text, "records.json");
  EXPECT_EQ(proof::document_text(read), text);
  ASSERT_EQ(read.size(), 4u);
  EXPECT_EQ(read[0].output, steps_[0].output);
  EXPECT_EQ(read[2].listing, "karapace listing 1\n");
}

TEST_F(Document, IsRefusedWithLineAndColumnWhenItIsNone) {
  EXPECT_THAT(error(""), StartsWith("records.json:1:1: "));
  EXPECT_THAT(error("[]"), StartsWith("records.json:1:1: "));
  EXPECT_THAT(error(std::string(1000000, '[')), StartsWith("records.json:1:1: "));
  EXPECT_THAT(error("{\n \"check\": 1}"), StartsWith("records.json:2:11: "));
  EXPECT_THAT(error("\xff"), HasSubstr("UTF-8"));
  auto text = proof::document_text(steps_);
  EXPECT_THAT(error(text.substr(0, text.size() / 2)), StartsWith("records.json:"));
}

TEST_F(Document, IsRefusedWhenAFieldIsWrong) {
  EXPECT_THAT(error(changed("\"version\": 1", "\"version\": 2")), HasSubstr("its version is 2; this Karapace reads 1"));
  EXPECT_THAT(error(changed("karapace.records", "karapace.list")), HasSubstr("the document is \"karapace.list\""));
  EXPECT_THAT(error(changed("\"kind\": \"fetch\"", "\"kind\": \"guess\"")), HasSubstr("no kind of step \"guess\""));
  EXPECT_THAT(error(changed("\"kind\": \"fetch\"", "\"kind\": \"setup\"")),
              HasSubstr("a setup step's output has kind and exactly layer"));
  EXPECT_THAT(error(changed("\"size_bytes\": 7", "\"size_bytes\": -7")), StartsWith("records.json:6:"));
  EXPECT_THAT(error(changed("\"size_bytes\": 7", "\"size_bytes\": 7, \"size_bytes\": 8")), HasSubstr("appears twice"));
  EXPECT_THAT(error(changed(StepKey(blake3("u")).hex(), StepKey(blake3("f")).hex())), HasSubstr("appears twice"));
  EXPECT_THAT(error(changed(StepKey(blake3("u")).hex(), "../../etc")), HasSubstr("is not a digest"));
  EXPECT_THAT(error(proof::document_text({})), HasSubstr("it has no steps"));
}

TEST_F(Document, IsRefusedWhenItWasChanged) {
  auto text = proof::document_text(steps_);
  auto digits = LayerId(blake3("l")).hex();
  text.replace(text.find(digits), digits.size(), LayerId(blake3("other")).hex());
  EXPECT_THAT(error(text), HasSubstr("its \"check\" does not fit"));
}

class Recorded : public ProgramTest {
 protected:
  /// An environment whose lock has this package; its only layer is an unpacked text.
  store::Environment build(const std::string& package) const {
    auto canonical = lock::serialise(sample_lock({package}));
    auto lock = store::fetch(store_, canonical);
    store::fetch(store_, package);
    auto layer = store::unpack(store_, package);
    BlobId blob(blake3(canonical));
    auto step = Step::normalised(StepKind::environment, {{"lock", blob.hex()}}, {layer.step.key(), lock.step.key()});
    store::Environment environment{EnvironmentId(blob.digest()), step.key(), {layer.layer().layer}, blob, {}};
    store::add_environment(store_, environment);
    store_.add_record({step, EnvironmentOutput{environment.id}});
    return environment;
  }
};

TEST_F(Recorded, GraphHoldsWhatLedToAStepInputsFirst) {
  auto environment = build("git");
  build("curl");
  auto graph = proof::recorded_graph(store_, {environment.id.hex()});
  ASSERT_EQ(graph.graph.edges.size(), 4u);  // two fetches, an unpack, the environment
  EXPECT_EQ(graph.graph.edges.back().key, environment.step);
  ASSERT_EQ(graph.environments.size(), 1u);
  auto alone = proof::recorded_graph(store_, {store_.step_path(store::unpack_step_of("git").key()).native()});
  EXPECT_EQ(alone.graph.edges.size(), 2u);
  EXPECT_THAT(alone.environments, IsEmpty());
}

TEST_F(Recorded, ExportsTheSameBytesEachTimeAndCompareAsIdentical) {
  auto id = build("git").id.hex();
  auto file = (temporary_.path() / "records.json").native();
  EXPECT_EQ(karapace("records export " + id + " -o " + file).status, 0);
  EXPECT_EQ(karapace("records export " + id).output, read_file(file));
  EXPECT_EQ(karapace("records export " + id + " -o -").output, read_file(file));
  auto nowhere = karapace("records export " + id + " -o '" + file + "/nowhere'");
  EXPECT_EQ(nowhere.status, 1) << nowhere.output;
  EXPECT_NE(nowhere.output.find("there is no directory"), std::string::npos) << nowhere.output;
  auto result = karapace("reproduce --against " + file);
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("4 of 4 steps of "));
  EXPECT_THAT(result.output, HasSubstr(": identical\n"));
}

TEST_F(Recorded, TellWhatOfAProjectTheyLeaveOut) {
  const auto environment = build("git");
  const auto compile = Step::normalised(StepKind::compile, {{"name", "app"}}, {environment.step});
  const auto tree = Step::normalised(StepKind::assemble, {{"name", "app"}}, {compile.key()});
  const store::Root root{.name = "proj",
                         .manifest = temporary_.path() / "proj/karapace.toml",
                         .environment = environment.id,
                         .steps = {compile.key(), tree.key(), environment.step}};
  add_root(store_, root);
  const auto file = (temporary_.path() / "records.json").native();
  EXPECT_THAT(karapace("records export proj -o " + file).output, Not(HasSubstr("left out")));  // nothing is built of it
  store::fetch(store_, "app");
  const LayerOutput made{store::unpack(store_, "app").layer().layer};
  store_.add_record({compile, made});
  store_.add_record({tree, made});
  const auto told = fmt::format("the release of proj is left out, 2 steps: `karapace records export {}` looks at it",
                                tree.key().short_hex());
  EXPECT_THAT(karapace("records export proj -o " + file).output, HasSubstr(told));
  EXPECT_THAT(karapace("records export --all -o " + file).output, HasSubstr(told));
  EXPECT_THAT(karapace("reproduce proj --against " + file).output,
              HasSubstr("the release of proj is left out, 2 steps: `karapace reproduce --against FILE "));
  const auto document = nlohmann::json::parse(karapace("reproduce proj --json --against " + file).output);
  EXPECT_EQ(document.at("releases_left_out").at(0).at("step"), tree.key().hex());
  EXPECT_THAT(karapace("records export " + tree.key().hex() + " -o " + file).output, Not(HasSubstr("left out")));
}

TEST_F(Recorded, DifferFromADocumentOfOtherResults) {
  auto id = build("git").id.hex();
  auto steps = proof::parse_document(karapace("records export " + id).output, "records.json");
  for (auto& step : steps)
    if (step.kind == StepKind::unpack) step.output = layer("another");
  auto file = temporary_.path() / "records.json";
  write_file_atomically(file, proof::document_text(steps), Durable::no);
  auto result = karapace("reproduce --against " + file.native());
  EXPECT_EQ(result.status, 1) << result.output;
  EXPECT_THAT(result.output, StartsWith("unpack "));
  EXPECT_THAT(result.output, HasSubstr("different in consequence: environment "));
}

TEST_F(Recorded, LackOfAStepIsAnErrorWithTheRemedyAndNoDifference) {
  auto id = build("git").id.hex();
  auto file = (temporary_.path() / "records.json").native();
  karapace("records export " + id + " -o " + file);
  std::filesystem::remove(store_.step_path(store::unpack_step_of("git").key()));
  auto result = karapace("reproduce --against " + file);
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.output, HasSubstr("is not built here; build the environment from the same lock first"));
  EXPECT_EQ(karapace("reproduce " + id).status, 2);
  EXPECT_EQ(karapace("reproduce --against " + file + ".none").status, 2);
  EXPECT_EQ(karapace("reproduce --against " + file + " --keep x").status, 2);
}

}  // namespace
}  // namespace karapace::cli
