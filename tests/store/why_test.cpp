// SPDX-License-Identifier: Apache-2.0
#include "store/why.hpp"

#include "store/environment.hpp"
#include "store/instance.hpp"
#include "store/root.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace::store {
namespace {

class WhyTest : public StoreTest {
 protected:
  /// Each way as the kinds on it.
  std::vector<std::vector<std::string>> ways_to(const std::string& id) {
    std::vector<std::vector<std::string>> ways;
    for (const auto& why : why_kept(store_, id)) {
      for (const auto& way : why.ways) {
        ways.emplace_back();
        for (const auto& thing : way) ways.back().emplace_back(text(thing.kind));
      }
    }
    return ways;
  }
  using Ways = std::vector<std::vector<std::string>>;
};

TEST_F(WhyTest, AProjectKeepsItsStepsAndWhatTheyMade) {
  auto environment = environment_of(store_, "kept");
  add_root(store_, root_of(environment, "kept"));
  EXPECT_EQ(ways_to(environment.layers[0].hex()), (Ways{{"project", "step", "layer"}}));
  EXPECT_EQ(ways_to(BlobId(blake3("kept")).hex().substr(0, 10)), (Ways{{"project", "step", "blob"}}));
  auto both = why_kept(store_, environment.id.hex());
  ASSERT_EQ(both.size(), 2u) << "the environment and its lock";
  EXPECT_EQ(both[0].ways.at(0).front().title, "kept");
}

TEST_F(WhyTest, WhatOnlyAnInstanceOrASessionKeepsSaysSo) {
  auto environment = environment_of(store_, "held");
  EXPECT_TRUE(ways_to(environment.layers[0].hex()).empty()) << "the next gc removes it";
  auto instance = open_instance(store_, {environment.id, std::nullopt});
  EXPECT_EQ(ways_to(environment.layers[0].hex()), (Ways{{"instance", "environment", "layer"}}));
  auto session = use_environment(store_, environment.id);
  EXPECT_EQ(ways_to(environment.layers[0].hex()).size(), 2u);
}

TEST_F(WhyTest, AnIdThatIsNotThereOrNotClearIsRefused) {
  environment_of(store_, "a");
  EXPECT_NE(error_of([&] { why_kept(store_, "0123456789"); }).find("whose id begins with"), std::string::npos);
  EXPECT_NE(error_of([&] { why_kept(store_, "a"); }).find("at least 4"), std::string::npos);
}

}  // namespace
}  // namespace karapace::store
