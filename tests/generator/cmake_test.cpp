// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "accept.hpp"
#include "base/error.hpp"
#include "generator/graph/cmake_text.hpp"
#include "sample_lock.hpp"

namespace karapace::tests {

using namespace graph;
using namespace lock;
namespace {

using karapace::testing::expect_golden;
using karapace::testing::sample_archive_lock;
using karapace::testing::sample_lock;
using karapace::testing::sample_lock_with_everything;
using karapace::testing::sample_lock_with_layers;
using karapace::testing::tests_directory;

CMakeLocal sample_local() {
  return {.name = "dev",
          .id = environment_id(sample_lock({"git"})),
          .link = "environment-dev-0123456789abcdef",
          .store = "/home/a b/store",
          .step_program = "/usr/libexec/karapace/karapace-step",
          .arguments = "/build/karapace/dev/.karapace/args",
          .manifest = "/source/karapace.toml",
          .lock = "/source/karapace.lock",
          .fetch_depth = 8,
          .install_depth = 2,
          .sources = {"/source/motd", "/source/karapace.toml", "/source/karapace.lock", "/source/motd"}};
}

TEST(CMakeText, IsTheGoldenOne) {
  auto golden = tests_directory() / "generator/golden";
  expect_golden(golden / "everything.cmake", cmake_text(plan(std::vector{sample_lock_with_everything()})));
  expect_golden(golden / "layers.cmake", cmake_text(plan(std::vector{sample_lock_with_layers()})));
  expect_golden(golden / "archive.cmake", cmake_text(plan(std::vector{sample_archive_lock({"jq"})})));
  expect_golden(golden / "local.cmake", cmake_local_text(sample_local()));
}

TEST(CMakeText, NamesOfLinksNeedNoQuotingAndDiffer) {
  Lock lock = sample_lock_with_everything();
  lock.packages[0].version = "1:2.0~rc1-1+b1$(HOME) ;x";
  Graph graph = plan(std::vector{lock});
  std::set<std::string> names;
  for (const auto& edge : graph.edges) {
    auto name = link_name(edge);
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_LE(name.size(), 100u) << name;
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-"),
              std::string::npos)
        << name;
    EXPECT_TRUE(name.starts_with(text(edge.step.kind))) << name;
  }
}

TEST(CMakeText, SubjectsMeanNothingToCMake) {
  Graph graph = plan(std::vector{sample_lock({"git"})});
  graph.edges.resize(1);
  graph.edges[0].subject = "a\"b\\c ${d} $<e>;f\ng";
  EXPECT_NE(cmake_text(graph).find(R"( "a\"b\\c ?{d} ?<e>?f?g" )"), std::string::npos) << cmake_text(graph);
}

TEST(CMakeText, PathsThatCMakeCanNotHoldAreRefused) {
  for (std::string path : {"/a;b", "/a\nb", "/a[b", "/a$b", "/a\\b", "/a\"b", "/a|b"}) {
    auto local = sample_local();
    local.sources.push_back(path);
    EXPECT_THROW(cmake_local_text(local), Error) << path;
  }
}

}  // namespace
}  // namespace karapace::tests
