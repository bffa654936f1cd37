// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "runtime/steps/canonical_rules.hpp"
#include "runtime/steps/control_file.hpp"
#include "runtime/steps/debian_version.hpp"
#include "store/error.hpp"

namespace karapace::steps {
namespace {

TEST(DebianVersion, OrdersAsDpkgDoes) {
  const char* ascending[] = {"1.0~rc1-1", "1.0-1", "1.0-1+b1", "1.0-1.1", "1.0+dfsg-1", "1.2-1", "1.10-1", "1:0.1-1"};
  for (std::size_t i = 0; i + 1 < std::size(ascending); ++i) {
    EXPECT_TRUE(compare_versions(ascending[i], ascending[i + 1]) < 0) << ascending[i] << " " << ascending[i + 1];
    EXPECT_TRUE(compare_versions(ascending[i + 1], ascending[i]) > 0);
  }
  EXPECT_TRUE(compare_versions("0:1.00-0", "1.0") == 0);
}

TEST(DebianVersion, FindsPackagesInRelationshipFields) {
  EXPECT_TRUE(names_package("libfoo (<< 2.0), bar", "libfoo", "1.9"));
  EXPECT_FALSE(names_package("libfoo (<< 2.0), bar", "libfoo", "2.0"));
  EXPECT_TRUE(names_package("libfoo (<< 2.0), bar", "bar", "7"));
  EXPECT_FALSE(names_package("libfoo", "lib", "1"));
}

TEST(ControlFile, KeepsFieldsAsTheyAre) {
  std::string_view text = "Package: a\nDescription: short \n long\n .\n more\nVersion: 1\n";
  auto stanza = Stanza::parse(text, "control");
  EXPECT_EQ(stanza.text(), text);
  EXPECT_EQ(stanza.value("version"), "1");
  stanza.set("Status", "install ok unpacked");
  EXPECT_EQ(stanza.text().substr(0, 40), "Package: a\nStatus: install ok unpacked\nD");
}

TEST(ControlFile, RefusesWhatIsNoField) {
  EXPECT_THROW(Stanza::parse("Package a\n", "control"), StepError);
  EXPECT_THROW(Stanza::parse(" continued\n", "control"), StepError);
}

TEST(CanonicalRules, MatchWholePaths) {
  EXPECT_TRUE(matches("var/log/**", "var/log/apt/x.log"));
  EXPECT_FALSE(matches("var/log/**", "var/log"));
  EXPECT_FALSE(matches("etc/passwd-", "etc/passwd"));
  EXPECT_TRUE(matches("var/lib/texmf/**/*.log", "var/lib/texmf/web2c/tex/tex.log"));
  EXPECT_FALSE(matches("etc/ssh/ssh_host_*", "etc/ssh/sub/ssh_host_x"));
}

TEST(CanonicalRules, GiveEachAReason) {
  for (const auto& rule : canonical_rules()) EXPECT_FALSE(rule.reason.empty()) << rule.pattern;
}

TEST(CanonicalRules, SetLaterDaysOfTheShadowFileToTheEpochs) {
  EXPECT_EQ(with_shadow_days("root:*:20500:0:99999:7:::\nold:!:100:0:::::\nlocked:*::0:::::\n", 86400 * 20000),
            "root:*:20000:0:99999:7:::\nold:!:100:0:::::\nlocked:*::0:::::\n");
}

}  // namespace
}  // namespace karapace::steps
