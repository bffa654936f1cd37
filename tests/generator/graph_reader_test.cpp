// SPDX-License-Identifier: Apache-2.0
#include "generator/graph/graph_reader.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "generator/graph/ninja_text.hpp"
#include "generator/graph/quoting.hpp"
#include "sample_lock.hpp"

namespace karapace::tests {

using namespace graph;
using namespace lock;
namespace {

using karapace::testing::sample_archive_lock;
using karapace::testing::sample_lock;
using karapace::testing::sample_lock_with_everything;

std::vector<Lock> all_kinds_of_locks() {
  std::vector<std::string> names;
  for (int i = 0; i < 40; ++i) names.push_back("package-" + std::to_string(100 + i));
  Lock many = sample_lock(names);
  many.run = {"it's " + std::string(3000, '\'') + "\n$HOME $$ ${x} $", " leading"};
  many.files = sample_lock_with_everything().files;
  auto layers = sample_lock({"git"});
  layers.layers = {{"layers/it's $me.tar", "it's \"x\" of $me: y", 500, blake3("one")}, {"b", "", 6, blake3("b")}};
  return {
      many, layers, sample_lock_with_everything(), sample_archive_lock({"jq"}), sample_lock({}), sample_lock({"git"})};
}

std::string text_of(const std::vector<Lock>& locks) { return ninja_text(plan(locks)); }

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string refusal(std::string_view text) {
  try {
    read_graph(text, "build.ninja");
    return "(accepted)";
  } catch (const GraphError& error) {
    return error.what();
  }
}

TEST(GraphReader, GivesBackTheGraphThatWasWritten) {
  for (const auto& lock : all_kinds_of_locks()) {
    Graph graph = plan(std::vector{lock});
    EXPECT_EQ(read_graph(ninja_text(graph), "build.ninja"), graph);
  }
  Graph all = plan(all_kinds_of_locks());
  EXPECT_EQ(read_graph(ninja_text(all), "build.ninja"), all);
}

TEST(GraphReader, ReadsQuotedWordsBack) {
  for (std::string word : {"", "plain", "it's", "'", "''", "a b", "$x", "$", " $ $$ ", "~", "\\'"}) {
    auto quoted = shell_quoted(word) + " next";
    std::string_view rest = quoted;
    EXPECT_EQ(take_shell_word(rest), word) << quoted;
    EXPECT_EQ(rest, " next");
    std::string value;
    append_ninja_value(value, word);
    EXPECT_EQ(ninja_value(value), word) << value;
  }
  EXPECT_EQ(ninja_value("a$b"), std::nullopt);
  EXPECT_EQ(ninja_value("a$"), std::nullopt);
  std::string_view open = "'it";
  EXPECT_EQ(take_shell_word(open), std::nullopt);
}

TEST(GraphReader, RefusesAKeyThatIsNotItsSteps) {
  auto text = text_of({sample_lock({"git"})});
  EXPECT_EQ(refusal(replaced(text, "size=1050", "size=1051")),
            "build.ninja:39: the step's key is not what its kind, arguments and inputs give: the file was changed by "
            "hand");
  EXPECT_EQ(refusal(replaced(text, "format=deb", "format=tar")).substr(0, 40),
            "build.ninja:43: the step's key is not wh");
}

TEST(GraphReader, BelievesNoDescriptionThatWasWrittenByHand) {
  auto text = text_of({sample_lock({"git"})});
  auto version = text.find("what = git ");
  ASSERT_NE(version, std::string::npos);
  EXPECT_NE(refusal(replaced(text, "what = git ", "what = git 9")).find("changed or merged by hand"),
            std::string::npos);
  EXPECT_NE(refusal(replaced(text, "  restat = 1", "  restat = 0")).find("changed or merged by hand"),
            std::string::npos);
  auto unsealed = text.substr(0, text.find(graph_seal));  // of an older release
  EXPECT_EQ(refusal(unsealed), "(accepted)");
}

TEST(GraphReader, RefusesWhatNoGraphOfOursHas) {
  auto text = text_of({sample_lock({"git"})});
  EXPECT_EQ(refusal(""), "build.ninja:1: this is not a graph of Karapace, which begins with \"# karapace graph 1\"");
  EXPECT_EQ(refusal(replaced(text, "graph 1", "graph 2")).substr(0, 35), "build.ninja:1: this is not a graph ");
  EXPECT_EQ(refusal(text.substr(0, text.size() / 2)).substr(0, 12), "build.ninja:");
  EXPECT_EQ(refusal(text + "build x: phony\n").substr(0, 12), "build.ninja:");
  EXPECT_EQ(refusal(replaced(text, "\nrule unpack", "\nsubninja other\nrule unpack")),
            "build.ninja:13: no graph of ours has such a line");
  EXPECT_EQ(refusal(replaced(text, ": fetch\n", ": phony\n")),
            "build.ninja:39: there is no kind of step \"phony\"; a newer Karapace may know it");
  EXPECT_EQ(refusal(replaced(text, "  what = lock", "  why = lock")),
            "build.ninja:60: the step's variable \"what\" is missing: run `karapace gen` again");
  EXPECT_EQ(refusal(replaced(text, "--hint path=", "--hint mirrors=")),
            "build.ninja:42: \"mirrors\" is not a hint that a graph has");
}

TEST(GraphReader, RefusesEveryCutOffFile) {
  auto text = text_of({sample_lock_with_everything()});
  for (std::size_t size = 0; size < text.size(); size += 7) {
    EXPECT_NE(refusal(text.substr(0, size)), "(accepted)") << size;
  }
}

TEST(GraphReader, RefusesAnInputThatIsNotDeclaredBefore) {
  auto text = text_of({sample_lock({"git"})});
  auto fetch = text.find("\nbuild ");
  auto next = text.find("\nbuild ", fetch + 1);
  next = text.find("\nbuild ", next + 1);
  EXPECT_NE(refusal(text.substr(0, fetch) + text.substr(next)).find("an input is not declared before"),
            std::string::npos);
}

}  // namespace
}  // namespace karapace::tests
