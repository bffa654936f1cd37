// SPDX-License-Identifier: Apache-2.0
#include "release/aliases.hpp"

#include <gmock/gmock.h>

#include "tests/store/store_fixture.hpp"

namespace karapace::release {
namespace {

using store::error_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Links = std::map<std::string, std::string>;

struct Row {
  const char* title;
  std::vector<std::string> versions;
  std::vector<Wishes> wishes;
  Links links;
};

TEST(Aliases, Table) {
  const std::vector<Row> rows = {
      {"nothing", {}, {}, {}},
      {"one version",
       {"1.4.2+1"},
       {},
       {{"1", "1.4.2+1"}, {"1.4", "1.4.2+1"}, {"1.4.2", "1.4.2+1"}, {"latest", "1.4.2+1"}, {"stable", "1.4.2+1"}}},
      {"numbers are numbers",
       {"1.2.9+9", "1.2.10+2", "1.2.10+10"},
       {},
       {{"1", "1.2.10+10"},
        {"1.2", "1.2.10+10"},
        {"1.2.10", "1.2.10+10"},
        {"1.2.9", "1.2.9+9"},
        {"latest", "1.2.10+10"},
        {"stable", "1.2.10+10"}}},
      {"a pre-release is below its release",
       {"1.0.0-rc1+1", "1.0.0+1"},
       {},
       {{"1", "1.0.0+1"},
        {"1.0", "1.0.0+1"},
        {"1.0.0", "1.0.0+1"},
        {"1.0.0-rc1", "1.0.0-rc1+1"},
        {"latest", "1.0.0+1"},
        {"stable", "1.0.0+1"}}},
      {"and is nobody's choice while there is a release",
       {"0.9.0+1", "1.0.0-rc1+1"},
       {},
       {{"0", "0.9.0+1"},
        {"0.9", "0.9.0+1"},
        {"0.9.0", "0.9.0+1"},
        {"1", "1.0.0-rc1+1"},
        {"1.0", "1.0.0-rc1+1"},
        {"1.0.0-rc1", "1.0.0-rc1+1"},
        {"latest", "0.9.0+1"},
        {"stable", "0.9.0+1"}}},
      {"other versions have exact names, and one of them is the highest",
       {"nightly+1", "nightly+2", "2023a+1"},
       {},
       {{"2023a", "2023a+1"}, {"latest", "2023a+1"}, {"nightly", "nightly+2"}, {"stable", "2023a+1"}}},
      {"two numbers are a version, too",
       {"2.9+1", "2.10+1"},
       {},
       {{"2.10", "2.10+1"}, {"2.9", "2.9+1"}, {"latest", "2.10+1"}, {"stable", "2.10+1"}}},
      {"among those of three",
       {"1.3.1+1", "1.4+1", "1.5-rc1+1", "nightly+1"},
       {},
       {{"1", "1.3.1+1"},
        {"1.3", "1.3.1+1"},
        {"1.3.1", "1.3.1+1"},
        {"1.4", "1.4+1"},
        {"1.5-rc1", "1.5-rc1+1"},
        {"latest", "1.4+1"},
        {"nightly", "nightly+1"},
        {"stable", "1.4+1"}}},
      {"metadata of its own",
       {"1.0.0+abc+1", "1.0.0+5+1"},
       {},
       {{"1", "1.0.0+abc+1"},
        {"1.0", "1.0.0+abc+1"},
        {"1.0.0", "1.0.0+abc+1"},
        {"1.0.0+abc", "1.0.0+abc+1"},
        {"latest", "1.0.0+abc+1"},
        {"stable", "1.0.0+abc+1"}}},
      {"what is no version of ours is passed over", {"junk", ".tmp+1", "1.0.0", "1.0.0+x"}, {}, {}},
      {"wishes, the later the stronger",
       {"nightly+1", "nightly+2"},
       {{{"stable", "nightly+1"}, {"test", "nightly"}}, {{"test", "stable"}}},
       {{"latest", "nightly+2"}, {"nightly", "nightly+2"}, {"stable", "nightly+1"}, {"test", "nightly+1"}}},
      {"a wish for the highest",
       {"1.0.0+1"},
       {{{"1", "^"}}},
       {{"1", "1.0.0+1"}, {"1.0", "1.0.0+1"}, {"1.0.0", "1.0.0+1"}, {"latest", "1.0.0+1"}, {"stable", "1.0.0+1"}}},
  };
  for (const auto& row : rows) EXPECT_EQ(aliases_of(row.versions, row.wishes).links, row.links) << row.title;
}

TEST(Aliases, AWishForWhatIsNotThereIsToldAndMakesNoLink) {
  const auto aliases = aliases_of({"nightly+1"}, {{{"old", "1.2"}, {"older", "old"}}});
  EXPECT_EQ(aliases.links, (Links{{"latest", "nightly+1"}, {"nightly", "nightly+1"}, {"stable", "nightly+1"}}));
  EXPECT_THAT(aliases.unfulfilled, ElementsAre("old", "older"));
}

TEST(Aliases, CirclesAreRefused) {
  EXPECT_THAT(error_of([] { aliases_of({"1.0.0+1"}, {{{"a", "b"}, {"b", "a"}}}); }),
              HasSubstr("the links \"a\", \"b\" lead in a circle"));
  EXPECT_THAT(error_of([] { aliases_of({"1.0.0+1"}, {{{"latest", "stable"}}}); }), HasSubstr("circle"));
}

TEST(Aliases, NamesThatAreNoWordsOrAreVersionsAreRefused) {
  for (const auto* name : {"", "../x", ".x", "-v", "^", "1.0.0+1", "a b"})
    EXPECT_THAT(error_of([&] { aliases_of({"1.0.0+1"}, {{{name, "^"}}}); }), HasSubstr("can not be the name of a link"))
        << name;
}

}  // namespace
}  // namespace karapace::release
