// SPDX-License-Identifier: Apache-2.0
// source: archives of software as trees to build in, whoever packed them.
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "store/listing.hpp"
#include "tests/steps/tar_builder.hpp"
#include "tests/steps/unpack_fixture.hpp"

namespace karapace::steps {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Source : public Unpacking {
 protected:
  std::string sourcing(const TarBuilder& tar, const std::string& format = "tar") {
    auto bytes = tar;
    return sourcing_bytes(bytes.finish(), format);
  }
  std::string sourcing_bytes(const std::string& bytes, const std::string& format = "tar") {
    return performing(
        Step::normalised(StepKind::source, {{"format", format}, rules_of(StepKind::source)}, {fetched(bytes)}), source);
  }
  std::vector<std::string> paths() const {
    std::vector<std::string> all;
    const auto made = listing();
    for (const auto& entry : made.entries()) all.push_back(entry.path);
    return all;
  }
};

TarBuilder of(const std::vector<TarEntry>& entries) {
  TarBuilder tar;
  for (const auto& entry : entries) tar.add(entry);
  return tar;
}

const TarEntry top{.name = "app-1.0/", .type = '5', .mode = 0755, .mtime = 7};

TEST_F(Source, ASingleDirectoryAtTheTopIsLifted) {
  ASSERT_EQ(sourcing(of({top,
                         {.name = "app-1.0/app-1.0", .content = "same name"},
                         {.name = "app-1.0/src/", .type = '5', .mode = 0755},
                         {.name = "app-1.0/src/a", .content = "a"},
                         {.name = "app-1.0/b", .type = '1', .link = "app-1.0/src/a"},
                         {.name = "app-1.0/link", .type = '2', .link = "src/a"}})),
            "accepted");
  EXPECT_THAT(paths(), ElementsAre("", "app-1.0", "b", "link", "src", "src/a"));
  EXPECT_EQ(file("app-1.0"), "same name");
  EXPECT_EQ(file("b"), "a");
  const auto made = listing();
  EXPECT_EQ(made.find("")->mtime, 7);
  EXPECT_EQ(scanned().id(), listing().id());
}

TEST_F(Source, WhatHasMoreAtItsTopStaysAsItIs) {
  ASSERT_EQ(sourcing(of({top, {.name = "app-1.0/a"}, {.name = "pax_global_notes"}})), "accepted");
  EXPECT_THAT(paths(), ElementsAre("", "app-1.0", "app-1.0/a", "pax_global_notes"));
  ASSERT_EQ(sourcing(of({{.name = "only-a-file"}})), "accepted");
  EXPECT_THAT(paths(), ElementsAre("", "only-a-file"));
  ASSERT_EQ(sourcing(of({{.name = "link", .type = '2', .link = "/etc"}})), "accepted");
  EXPECT_THAT(paths(), ElementsAre("", "link"));
}

TEST_F(Source, AnEmptyDirectoryAloneAtTheTopIsAnEmptyTree) {
  ASSERT_EQ(sourcing(of({top})), "accepted");
  EXPECT_THAT(paths(), ElementsAre(""));
  EXPECT_EQ(scanned().id(), listing().id());
}

TEST_F(Source, OurOwnArchivesOfTreesAreTakenAsTheyAre) {
  ASSERT_EQ(sourcing(of({top, {.name = "app-1.0/a"}}), "tree"), "accepted");
  EXPECT_THAT(paths(), ElementsAre("", "app-1.0", "app-1.0/a"));
}

TEST_F(Source, WhoPackedItDoesNotCount) {
  const auto with = [&](std::uint64_t owner, const std::string& user, unsigned mode) {
    EXPECT_EQ(
        sourcing(of(
            {{.name = "x/", .type = '5', .mode = 0755, .uid = owner, .gid = owner, .user = user, .group = user},
             {.name = "x/a", .mode = mode, .content = "a", .uid = owner, .gid = owner, .user = user, .group = user}})),
        "accepted");
    return std::get<LayerOutput>(last_output()).layer;
  };
  EXPECT_EQ(with(0, "root", 0755), with(4711, "anne", 06755));
  const auto made = listing();
  EXPECT_EQ(made.find("a")->uid, 0U);
  EXPECT_EQ(made.find("a")->mode, 0755U);
}

TEST_F(Source, WhatLeavesTheTreeIsRefused) {
  EXPECT_THAT(sourcing(of({{.name = "../out", .content = "x"}})), HasSubstr("source x: refused: "));
  EXPECT_THAT(sourcing(of({top, {.name = "app-1.0/../../out", .content = "x"}})), HasSubstr("refused"));
  EXPECT_THAT(sourcing(of({{.name = "/etc/out", .content = "x"}})), HasSubstr("refused"));
  EXPECT_THAT(sourcing(of({{.name = "d", .type = '2', .link = "/tmp"}, {.name = "d/out", .content = "x"}})),
              HasSubstr("refused"));
  EXPECT_THAT(sourcing(of({{.name = "node", .type = '3'}})), HasSubstr("refused"));
  EXPECT_THAT(sourcing(of({{.name = ".wh.lifted/", .type = '5', .mode = 0755}, {.name = ".wh.lifted/a"}})),
              HasSubstr("refused"));
}

TEST_F(Source, WhatIsNoArchiveIsTold) {
  EXPECT_THAT(sourcing_bytes("no archive"), HasSubstr("source x: "));
  EXPECT_THAT(sourcing_bytes("<html>404</html>"), HasSubstr("source x: "));
  EXPECT_THAT(sourcing(of({{.name = "a"}}), "rar"), "source: the format \"rar\" is unknown");
}

}  // namespace
}  // namespace karapace::steps
