// SPDX-License-Identifier: Apache-2.0
// `[system] prefer`, against apt-get with preferences of the same meaning.
#include <gmock/gmock.h>

#include "base/file.hpp"
#include "tests/resolve/backports_fixture.hpp"

namespace karapace::testing {
namespace {

using resolve::ResolveRequest;
using resolve::Upgrade;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Preferring : public BackportsFixture {
 protected:
  void add_tools(const TestSuite& to, const std::string& version) {
    add(to, "tool", version, "Depends: libtool\n");
    add(to, "libtool", version);
    add(to, "other", version);
  }
  ResolveRequest request(std::vector<std::string> packages, const std::vector<std::string>& preferences) {
    auto wanted = BackportsFixture::request(std::move(packages));
    for (const auto& word : preferences) wanted.prefer.push_back({word});
    return wanted;
  }
  std::string chosen(std::vector<std::string> packages, const std::vector<std::string>& preferences) {
    return text(resolve::resolve(request(std::move(packages), preferences)).packages);
  }
  static std::string pin(const std::string& package, const std::string& pin, int priority = 990) {
    return "Package: " + package + "\nPin: " + pin + "\nPin-Priority: " + std::to_string(priority) + "\n\n";
  }

  const std::string of_backports = "release n=bookworm-backports";
};

TEST_F(Preferring, ASuiteGivesWhateverItHas) {
  add_tools(suite, "1.0");
  add(suite, "third", "1.0");
  add_tools(backports, "2.0");
  EXPECT_EQ(chosen({"tool", "third"}, {"bookworm-backports"}), "libtool 2.0 third 1.0 tool 2.0");
  EXPECT_EQ(of_apt({"tool", "third"}, pin("*", of_backports)), "libtool 2.0 third 1.0 tool 2.0");
  EXPECT_EQ(chosen({"tool", "third"}, {}), "libtool 1.0 third 1.0 tool 1.0");
}

TEST_F(Preferring, APatternIsAboutThePackagesThatMatch) {
  add_tools(suite, "1.0");
  add_tools(backports, "2.0");
  EXPECT_EQ(chosen({"tool", "other"}, {"lib*/bookworm-backports"}), "libtool 2.0 other 1.0 tool 1.0");
  EXPECT_EQ(of_apt({"tool", "other"}, pin("lib*", of_backports)), "libtool 2.0 other 1.0 tool 1.0");
  EXPECT_EQ(chosen({"tool", "other"}, {"[o-z]*/bookworm-backports"}), "libtool 1.0 other 2.0 tool 2.0");
  EXPECT_EQ(chosen({"tool", "other"}, {"othe?/bookworm-backports"}), "libtool 1.0 other 2.0 tool 1.0");
}

TEST_F(Preferring, DependenciesComeFromElsewhereOnlyWhenTheyArePreferredToo) {
  add_tools(suite, "1.0");
  add(backports, "tool", "2.0", "Depends: libtool (>= 2.0)\n");
  add(backports, "libtool", "2.0");
  const auto refused = refusal<LockError>(request({"tool"}, {"tool/bookworm-backports"}));
  EXPECT_THAT(refused, HasSubstr("  tool depends on libtool (>= 2.0), but libtool 1.0 is to be installed\n"
                                 "ask for \"libtool/bookworm-backports\" too, leave one of them out, or add "));
  EXPECT_NE(apt_get({"tool"}, pin("tool", of_backports)).status, 0);
  EXPECT_EQ(chosen({"tool"}, {"tool/bookworm-backports", "libtool/bookworm-backports"}), "libtool 2.0 tool 2.0");
  EXPECT_EQ(of_apt({"tool"}, pin("tool libtool", of_backports)), "libtool 2.0 tool 2.0");
}

TEST_F(Preferring, VersionsCountAsAptMatchesThem) {
  for (const char* version : {"1.0", "1.1", "2.0"}) add(suite, "tool", version);
  EXPECT_EQ(chosen({"tool"}, {"tool=1.*"}), "tool 1.1");
  EXPECT_EQ(of_apt({"tool"}, pin("tool", "version 1.*")), "tool 1.1");
  EXPECT_EQ(chosen({"tool"}, {"tool=1.0"}), "tool 1.0");
  EXPECT_EQ(chosen({"tool=2.0"}, {"tool=1.0"}), "tool 2.0");
}

TEST_F(Preferring, TheFirstPreferenceComesFirst) {
  add_tools(suite, "1.0");
  add_tools(backports, "2.0");
  EXPECT_EQ(chosen({"tool"}, {"libtool/bookworm", "bookworm-backports"}), "libtool 1.0 tool 2.0");
  EXPECT_EQ(of_apt({"tool"}, pin("libtool", "release n=bookworm", 990) + pin("*", of_backports, 989)),
            "libtool 1.0 tool 2.0");
  EXPECT_EQ(chosen({"tool"}, {"bookworm-backports", "libtool/bookworm"}), "libtool 2.0 tool 2.0");
}

TEST_F(Preferring, ManyPreferencesStillComeBeforeWhatNobodyPrefers) {
  add(suite, "tool", "1.0");
  add(suite, "tool", "2.0");
  std::vector<std::string> preferences(600, "other/bookworm");
  add(suite, "other", "1.0");
  preferences.push_back("tool=1.0");
  EXPECT_EQ(chosen({"tool"}, preferences), "tool 1.0");
}

TEST_F(Preferring, WhatTheBaseHasStaysAsWithApt) {
  add(suite, "libbase", "1.0", "Essential: yes\n");
  add(suite, "tool", "1.0", "Depends: libbase\n");
  add(suite, "user", "1.0", "Depends: libbase (>= 2.0)\n");
  add(backports, "libbase", "2.0", "Essential: yes\n");
  auto resolution = resolve::resolve(request({"tool"}, {"bookworm-backports"}));
  EXPECT_THAT(text(resolution.base), HasSubstr("libbase 1.0"));
  EXPECT_EQ(text(resolution.packages), "tool 1.0");
  EXPECT_EQ(of_apt({"tool"}, pin("*", of_backports)), "tool 1.0");
  // Asked for by name, or needed in that version, it moves.
  for (const char* name : {"libbase", "user"}) {
    resolution = resolve::resolve(request({name}, {"bookworm-backports"}));
    EXPECT_THAT(text(resolution.base), HasSubstr("libbase 1.0"));
    EXPECT_THAT(text(resolution.packages), HasSubstr("libbase 2.0"));
    EXPECT_EQ(of_apt({name}, pin("*", of_backports)), text(resolution.packages));
  }
}

TEST_F(Preferring, ABaseThatMayNotMoveIsTold) {
  add(suite, "libbase", "1.0", "Essential: yes\n");
  add(suite, "libbase", "2.0", "Essential: yes\n");
  auto wanted = request({}, {});
  wanted.prefer = {{"libbase=1.0", {"karapace.toml:6:11"}}};
  EXPECT_EQ(refusal<ManifestError>(wanted),
            "karapace.toml:6:11: preference \"libbase=1.0\": the base has libbase 2.0, which is newer, and preferences "
            "do not move the base; name the version in system.packages");
  EXPECT_THAT(refusal<ManifestError>(request({}, {"lib*=1.0"})), HasSubstr("no error"));
}

TEST_F(Preferring, AnAdditionalRepositoryIsMeantByItsName) {
  add(suite, "tool", "2.0");
  const TestSuite stable{.name = "stable", .suite_field = "", .codename_field = ""};
  SignedArchive tools(directory.path() / "tools", keys);
  tools.add(stable, {.name = "tool", .version = "1.0"});
  tools.add(stable, {.name = "tool", .version = "2.0", .fields = "Depends: libtool\n"});
  tools.add(stable, {.name = "libtool"});
  tools.publish(stable);
  const auto key = directory.path() / "archive.gpg";
  for (const char* word : {"tool/tools", "tools", "tool/stable"}) {
    auto wanted = request({"tool"}, {word});
    wanted.repositories = {{.name = "tools",
                            .key = key,
                            .key_content = blake3(read_file(key)),
                            .suite = "stable",
                            .components = {"main"}}};
    wanted.mirrors.archives["tools"] = {tools.url()};
    // The same version in other bytes: that of the repository.
    EXPECT_EQ(text(resolve::resolve(wanted).packages), "libtool 1.0 tool 2.0") << word;
    wanted.packages = {"tool/tools"};
    wanted.prefer = {};
    EXPECT_EQ(text(resolve::resolve(wanted).packages), "libtool 1.0 tool 2.0");
  }
}

TEST_F(Preferring, IsOfEveryArchitectureUnlessOneIsNamed) {
  suite.architectures = backports.architectures = {"amd64", "i386"};
  for (const char* architecture : {"amd64", "i386"}) {
    archive.add(suite, {.name = "tool", .version = "1.0", .architecture = architecture});
    archive.add(backports, {.name = "tool", .version = "2.0", .architecture = architecture});
  }
  for (const char* name : {"bookworm-updates", "bookworm-security"})
    archive.publish({.name = name, .architectures = {"amd64", "i386"}});
  auto wanted = request({"tool:i386"}, {"tool/bookworm-backports"});
  wanted.foreign_architectures = {"i386"};
  EXPECT_EQ(text(resolve::resolve(wanted).packages), "tool 2.0");
  wanted.prefer = {{"tool:amd64/bookworm-backports"}};
  EXPECT_EQ(text(resolve::resolve(wanted).packages), "tool 1.0");
  wanted.prefer = {{"t*:i386/bookworm-backports"}};
  EXPECT_EQ(text(resolve::resolve(wanted).packages), "tool 2.0");
}

TEST_F(Preferring, WhatCanNotBeHonouredIsRefused) {
  add_tools(suite, "1.0");
  add(backports, "tool", "2.0");
  const auto refused = [this](const std::string& word) {
    auto wanted = request({"tool"}, {});
    wanted.prefer = {{word, {"karapace.toml:6:11"}}};
    return refusal<ManifestError>(wanted);
  };
  const auto begin = [](const std::string& word) { return "karapace.toml:6:11: preference \"" + word + "\": "; };
  EXPECT_EQ(
      refused("libtol/bookworm-backports"),
      begin("libtol/bookworm-backports") + "the package is not in debian/bookworm main; did you mean \"libtool\"?");
  EXPECT_EQ(refused("linux-*/bookworm-backports"),
            begin("linux-*/bookworm-backports") +
                "no package has such a name in debian/bookworm main; correct the name, or leave it out");
  EXPECT_EQ(refused("libtool/bookworm-backports"),
            begin("libtool/bookworm-backports") +
                "the package \"libtool\" is not in bookworm-backports; did you mean \"libtool/bookworm\"?");
  EXPECT_EQ(refused("*t?*[e-o]*/bookworm-security"),
            begin("*t?*[e-o]*/bookworm-security") +
                "none of the 3 packages with such names is in bookworm-security; correct it, or leave it out");
  EXPECT_EQ(refused("tool=3.*"),
            begin("tool=3.*") +
                "the package \"tool\" has no such version in debian/bookworm main; did you mean \"tool=1.0\"?");
  EXPECT_EQ(refused("*o*=3.*"), begin("*o*=3.*") +
                                    "none of the 3 packages with such names has such a version in debian/bookworm "
                                    "main; correct it, or leave it out");
}

TEST_F(Preferring, ASuiteOfABaseArchiveIsJudgedByWhatItIs) {
  auto wanted = request({"tool"}, {"trixie-backports"});
  wanted.base_status = "";
  EXPECT_THAT(refusal<ManifestError>(wanted),
              HasSubstr("preference \"trixie-backports\": the suite \"trixie-backports\" does not belong to "
                        "debian/bookworm; "));
}

TEST_F(Preferring, ANewPreferenceMovesWhatItIsAbout) {
  add_tools(suite, "1.0");
  add_tools(backports, "2.0");
  auto wanted = request({"tool", "other"}, {});
  const auto keep = resolve::resolve(wanted).packages;
  add(suite, "other", "1.1");
  wanted = request({"tool", "other"}, {"*tool/bookworm-backports"});
  wanted.keep = keep;
  const auto resolution = resolve::resolve(wanted);
  EXPECT_EQ(text(resolution.packages), "libtool 2.0 other 1.0 tool 2.0");
  EXPECT_THAT(resolution.notes, IsEmpty());
}

TEST_F(Preferring, PreferredVersionsAreKeptUntilAnUpgrade) {
  add_tools(suite, "1.0");
  add_tools(backports, "2.0");
  auto wanted = request({"tool"}, {"bookworm-backports"});
  const auto keep = resolve::resolve(wanted).packages;
  add_tools(backports, "2.1");
  wanted = request({"tool", "other"}, {"bookworm-backports"});
  wanted.keep = keep;
  EXPECT_EQ(text(resolve::resolve(wanted).packages), "libtool 2.0 other 2.1 tool 2.0");
  wanted.upgrade = {.scope = Upgrade::Scope::named, .names = {"tool"}};
  EXPECT_EQ(text(resolve::resolve(wanted).packages), "libtool 2.0 other 2.1 tool 2.1");
}

TEST_F(Preferring, APreferenceThatIsGoneGivesItsVersionsBack) {
  add_tools(suite, "1.0");
  add_tools(backports, "2.0");
  const auto keep = resolve::resolve(request({"tool", "other"}, {"bookworm-backports"})).packages;
  auto wanted = request({"tool", "other"}, {"other/bookworm-backports"});
  wanted.keep = keep;
  auto resolution = resolve::resolve(wanted);
  EXPECT_EQ(text(resolution.packages), "libtool 1.0 other 2.0 tool 1.0");
  EXPECT_THAT(resolution.notes, IsEmpty());
  wanted.prefer = {};
  resolution = resolve::resolve(wanted);
  EXPECT_EQ(text(resolution.packages), "libtool 1.0 other 1.0 tool 1.0");
  EXPECT_THAT(resolution.notes, IsEmpty());
}

TEST_F(Preferring, HeldPackagesStay) {
  add_tools(suite, "1.0");
  add_tools(backports, "2.0");
  auto wanted = request({"tool"}, {});
  const auto keep = resolve::resolve(wanted).packages;
  wanted = request({"tool"}, {"bookworm-backports"});
  wanted.keep = keep;
  wanted.hold = {{"libtool"}};
  EXPECT_EQ(text(resolve::resolve(wanted).packages), "libtool 1.0 tool 2.0");
}

TEST_F(Preferring, ABasePackageWithAnUpgradeOnTopKeepsBothVersions) {
  for (const char* version : {"1.0", "1.1"}) add(suite, "libbase", version, "Essential: yes\n");
  add(suite, "user", "1.0", "Depends: libbase (>= 2.0)\n");
  add(backports, "libbase", "2.0", "Essential: yes\n");
  auto wanted = request({"user"}, {"bookworm-backports"});
  auto before = resolve::resolve(wanted);
  for (const auto* packages : {&before.base, &before.packages})
    wanted.keep.insert(wanted.keep.end(), packages->begin(), packages->end());
  add(suite, "libbase", "1.2", "Essential: yes\n");
  add(backports, "libbase", "2.1", "Essential: yes\n");
  auto again = request({"user"}, {"bookworm-backports"});
  again.keep = wanted.keep;
  const auto after = resolve::resolve(again);
  EXPECT_EQ(text(after.base), text(before.base));
  EXPECT_EQ(text(after.packages), text(before.packages));
  EXPECT_THAT(after.notes, IsEmpty());
}

}  // namespace
}  // namespace karapace::testing
