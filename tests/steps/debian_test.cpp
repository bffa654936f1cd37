// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "deb/control_file.hpp"
#include "deb/version.hpp"
#include "runtime/steps/canonical_rules.hpp"

namespace karapace::steps {
namespace {

TEST(DebianVersion, OrdersAsDpkgDoes) {
  const char* ascending[] = {"1.0~rc1-1", "1.0-1", "1.0-1+b1", "1.0-1.1", "1.0+dfsg-1", "1.2-1", "1.10-1", "1:0.1-1"};
  for (std::size_t i = 0; i + 1 < std::size(ascending); ++i) {
    EXPECT_TRUE(karapace::deb::compare_versions(ascending[i], ascending[i + 1]) < 0)
        << ascending[i] << " " << ascending[i + 1];
    EXPECT_TRUE(karapace::deb::compare_versions(ascending[i + 1], ascending[i]) > 0);
  }
  EXPECT_TRUE(karapace::deb::compare_versions("0:1.00-0", "1.0") == 0);
}

TEST(DebianVersion, IsOneWhereDpkgSaysSo) {
  for (const std::string text : {"1.0",           "v1",      "1_0",          "1-",           ":1",
                                 "x:1",           "1:1",     "1:1:1-2",      "1.0~rc1-1+b1", "",
                                 "1-2_3",         "1-2-3",   "1-a:",         "+1",           "-1",
                                 "1..2",          "1/2",     "0:0",          "1:",           "1:v2",
                                 "1 2",           "1.0-1\n", "2147483648:1", "2147483647:1", "00000000001:1",
                                 "99999999999:1", "1.é"}) {
    auto command = fmt::format("dpkg --validate-version '{}' 2>/dev/null", text);
    EXPECT_EQ(karapace::deb::is_version(text), std::system(command.c_str()) == 0) << text;
  }
}

TEST(DebianVersion, FindsPackagesInRelationshipFields) {
  EXPECT_TRUE(karapace::deb::names_package("libfoo (<< 2.0), bar", "libfoo", "1.9"));
  EXPECT_FALSE(karapace::deb::names_package("libfoo (<< 2.0), bar", "libfoo", "2.0"));
  EXPECT_TRUE(karapace::deb::names_package("libfoo (<< 2.0), bar", "bar", "7"));
  EXPECT_FALSE(karapace::deb::names_package("libfoo", "lib", "1"));
  EXPECT_TRUE(karapace::deb::names_package("erlang (<< 1), erlang (>= 2)", "erlang", "3")) << "named twice";
  EXPECT_TRUE(karapace::deb::names_package("a | libfoo:any (>= 1)", "libfoo", "1"));
}

TEST(ControlFile, KeepsFieldsAsTheyAre) {
  std::string_view text = "Package: a\nDescription: short \n long\n .\n more\nVersion: 1\n";
  auto stanza = karapace::deb::Stanza::parse(text, "control");
  EXPECT_EQ(stanza.text(), text);
  EXPECT_EQ(stanza.value("version"), "1");
  stanza.set("Status", "install ok unpacked");
  EXPECT_EQ(stanza.text().substr(0, 40), "Package: a\nStatus: install ok unpacked\nD");
}

TEST(ControlFile, RefusesWhatIsNoField) {
  EXPECT_THROW(karapace::deb::Stanza::parse("Package a\n", "control"), StepError);
  EXPECT_THROW(karapace::deb::Stanza::parse(" continued\n", "control"), StepError);
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

TEST(CanonicalRules, OctavesRegisterDoesNotSayWhoMadeItAndWhen) {
  const std::string rest = "# name: global_packages\n# type: cell\n";
  EXPECT_EQ(without_maker("# Created by Octave 7.3.0, Sun Nov 22 21:11:20 2026 UTC <root@karapace>\n" + rest), rest);
  EXPECT_EQ(without_maker(rest), rest);
  EXPECT_EQ(without_maker("# Created by nobody"), "");
  EXPECT_EQ(without_maker(""), "");
}

// One trusted certificate "a" of type "X.509" with the content "c", added at 2,000,000 ms, and its digest by Java's
// rule.
std::string key_store(std::string_view date, std::string_view digest) {
  std::string text("\xfe\xed\xfe\xed\0\0\0\2\0\0\0\1\0\0\0\2\0\1a", 19);
  text.append(date).append(std::string_view("\0\5X.509\0\0\0\1c", 12)).append(digest);
  return text;
}

TEST(JavaKeyStore, KeepsWhatItDoesNotUnderstand) {
  EXPECT_EQ(with_epoch_dates("", 5), "");
  auto other = key_store(std::string_view("\0\0\0\0\0\x1e\x84\x80", 8), std::string(20, 'x'));
  EXPECT_EQ(with_epoch_dates(other, 5), other);
}

TEST(JavaKeyStore, SetsLaterDatesToTheEpochAndSealsAgain) {
  auto late = std::string_view("\0\0\0\0\0\x1e\x84\x80", 8);
  auto sealed = key_store(late, std::string_view("\x01"
                                                 "\x6f"
                                                 "\xe3"
                                                 "\xf3"
                                                 "\xf7"
                                                 "\x19"
                                                 "\xe0"
                                                 "\x8f"
                                                 "\x2b"
                                                 "\x9f"
                                                 "\x56"
                                                 "\x4e"
                                                 "\x79"
                                                 "\x1b"
                                                 "\x96"
                                                 "\x8f"
                                                 "\x53"
                                                 "\x71"
                                                 "\xd5"
                                                 "\xe1"
                                                 "",
                                                 20));
  auto expected = key_store(std::string_view("\0\0\0\0\0\x0f\x42\x40", 8), std::string_view("\x5e"
                                                                                            "\xd0"
                                                                                            "\xad"
                                                                                            "\xda"
                                                                                            "\xcb"
                                                                                            "\x4f"
                                                                                            "\xe0"
                                                                                            "\xb4"
                                                                                            "\x97"
                                                                                            "\xdb"
                                                                                            "\x18"
                                                                                            "\x6a"
                                                                                            "\x17"
                                                                                            "\xdd"
                                                                                            "\x12"
                                                                                            "\x24"
                                                                                            "\x72"
                                                                                            "\xc6"
                                                                                            "\x09"
                                                                                            "\x9f"
                                                                                            "",
                                                                                            20));
  EXPECT_EQ(with_epoch_dates(sealed, 1000), expected);
  EXPECT_EQ(with_epoch_dates(sealed, 5000), sealed);
}

}  // namespace
}  // namespace karapace::steps
