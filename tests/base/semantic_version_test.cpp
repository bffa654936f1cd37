// SPDX-License-Identifier: Apache-2.0
#include "base/semantic_version.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace karapace {
namespace {

TEST(SemanticVersion, IsWhatTheSpecificationSays) {
  for (const auto* text :
       {"0.0.0", "1.2.3", "10.20.30", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-0.3.7", "1.0.0-x-y-z.--", "1.0.0+001",
        "1.0.0-beta+exp.sha.5114f85", "1.0.0+21AF26D3----117B344092BD",
        "99999999999999999999999.999999999999999999.99999999999999999", "1.0.0-0A.is.legal"})
    EXPECT_TRUE(parse_semantic_version(text)) << text;
  for (const auto* text : {"",          "1",      "1.2",      "1.2.3.4",    "01.1.1",   "1.01.1",   "1.1.01",
                           "1.2.3-",    "1.2.3+", "1.2.3-01", "1.2.3-a..b", "1.2.3-a.", "1.2.3-.a", "1.2.3+a..b",
                           "1.2.3+a+b", "v1.2.3", "1.2.3-ä",  "-1.2.3",     "1.2.x",    " 1.2.3",   "1..3"})
    EXPECT_FALSE(parse_semantic_version(text)) << text;
}

TEST(SemanticVersion, AreOrderedAsTheSpecificationSays) {
  const std::vector<std::string> ascending = {"0.9.9",
                                              "1.0.0-0",
                                              "1.0.0-2",
                                              "1.0.0-10",
                                              "1.0.0-alpha",
                                              "1.0.0-alpha.1",
                                              "1.0.0-alpha.beta",
                                              "1.0.0-beta",
                                              "1.0.0-beta.2",
                                              "1.0.0-beta.11",
                                              "1.0.0-rc.1",
                                              "1.0.0-rc1",
                                              "1.0.0",
                                              "1.0.1",
                                              "1.2.0",
                                              "1.10.0",
                                              "2.0.0",
                                              "18446744073709551617.0.0"};
  for (std::size_t i = 0; i < ascending.size(); ++i)
    for (std::size_t j = 0; j < ascending.size(); ++j)
      EXPECT_TRUE(precedence(*parse_semantic_version(ascending[i]), *parse_semantic_version(ascending[j])) == (i <=> j))
          << ascending[i] << " " << ascending[j];
}

TEST(SemanticVersion, MetadataIsNoPartOfPrecedence) {
  EXPECT_TRUE(precedence(*parse_semantic_version("1.0.0+a"), *parse_semantic_version("1.0.0+b")) == 0);
}

TEST(BuildName, EndsInPlusAndANumber) {
  EXPECT_EQ(parse_build_name("1.4.2+1")->version, "1.4.2");
  EXPECT_EQ(parse_build_name("1.4.2+abc+12")->version, "1.4.2+abc");
  EXPECT_EQ(parse_build_name("1.4.2+abc+12")->build, 12U);
  EXPECT_EQ(parse_build_name("nightly+3")->version, "nightly");
  EXPECT_EQ(parse_build_name("1+1000000000")->build, most_builds);
  for (const auto* text :
       {"1.4.2", "+1", "1.4.2+", "1.4.2+0", "1.4.2+01", "1.4.2+a", "1+1000000001", "1+9999999999999999999"})
    EXPECT_FALSE(parse_build_name(text)) << text;
}

TEST(BuildName, AreInOneOrder) {
  const std::vector<std::string> ascending = {
      "nightly+2", "nightly+10", "2.9x+1",  "2.10rc1+1", "2023a+1",   "0.9+1",     "1.0.0-rc1+7", "1.0.0+abc+1",
      "1.0.0+b+1", "1.0+1",      "1.0.0+1", "1.0.0+2",   "1.0.0+10",  "1.0.1-a+1", "1.0.1+1",     "1.0.1.1+1",
      "1.9+1",     "1.10+1",     "24.04+1", "24.10+1",   "2024.05+1", "2024.10+1", "2024.12+1"};
  for (std::size_t i = 0; i < ascending.size(); ++i)
    for (std::size_t j = 0; j < ascending.size(); ++j)
      EXPECT_TRUE(order_of_builds(*parse_build_name(ascending[i]), *parse_build_name(ascending[j])) == (i <=> j))
          << ascending[i] << " " << ascending[j];
}

TEST(BuildName, VersionsAreReleasesPrereleasesOrWords) {
  for (const auto* version : {"1", "1.4", "1.4.0", "2.10", "24.04.1.2", "1.4+abc"})
    EXPECT_TRUE(form_of(version) == VersionForm::release) << version;
  for (const auto* version : {"1.4-rc1", "1.4.0-rc.1+abc"})
    EXPECT_TRUE(form_of(version) == VersionForm::prerelease) << version;
  for (const auto* version : {"nightly", "2.10rc1", "1.", ".1", "1..2", "1.4-", "1.4+", "", "1.4-a~b"})
    EXPECT_TRUE(form_of(version) == VersionForm::word) << version;
}

}  // namespace
}  // namespace karapace
