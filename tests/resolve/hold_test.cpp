// SPDX-License-Identifier: Apache-2.0
// Held packages keep their version, and stay.
#include <gmock/gmock.h>

#include "tests/resolve/resolve_fixture.hpp"

namespace karapace::testing {
namespace {

using resolve::Upgrade;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Holding : public ResolveFixture {
 protected:
  void add(const std::string& name, const std::string& version, const std::string& fields = "") {
    archive.add(suite, {.name = name, .version = version, .fields = fields});
  }
  /// A request for these packages on top of a lock of `tool`, which depends on libtool, that holds libtool.
  resolve::ResolveRequest locked(std::vector<std::string> packages) {
    archive.publish(suite);
    const auto before = resolve({"tool"});
    auto wanted = request(std::move(packages));
    wanted.keep = before.base;
    wanted.keep.insert(wanted.keep.end(), before.packages.begin(), before.packages.end());
    wanted.hold = {{"libtool"}};
    return wanted;
  }
  void add_tools(const std::string& version) {
    add("tool", version, "Depends: libtool\n");
    add("libtool", version);
  }
};

constexpr Upgrade::Scope everything = Upgrade::Scope::everything;

TEST_F(Holding, KeepsTheVersionOnEveryUpgradeAndSaysSo) {
  add_tools("1.0");
  auto wanted = locked({"tool"});
  add_tools("1.1");
  archive.publish(suite);
  EXPECT_THAT(resolve::resolve(wanted).notes, IsEmpty());
  for (const auto& upgrade : {Upgrade{everything, {}}, Upgrade{Upgrade::Scope::named, {"libtool", "tool"}}}) {
    wanted.upgrade = upgrade;
    const auto resolution = resolve::resolve(wanted);
    EXPECT_EQ(text(resolution.packages), "libtool 1.0 tool 1.1");
    EXPECT_THAT(resolution.notes, ElementsAre("libtool is held and stays at 1.0 (system.hold)"));
  }
}

TEST_F(Holding, RefusesWhatNeedsAnotherVersion) {
  add_tools("1.0");
  auto wanted = locked({"tool", "user"});
  add("libtool", "2.0");
  add("user", "1.0", "Depends: libtool (>= 2.0)\n");
  archive.publish(suite);
  EXPECT_THAT(refusal<LockError>(wanted),
              HasSubstr("  user depends on libtool (>= 2.0), but libtool 1.0 is to be installed\n"));
}

TEST_F(Holding, RefusesWhatItConflictsWith) {
  add_tools("1.0");
  auto wanted = locked({"other"});
  add("other", "1.0", "Conflicts: libtool\n");
  archive.publish(suite);
  EXPECT_THAT(refusal<LockError>(wanted), HasSubstr("  other conflicts with libtool, but libtool 1.0 is to be"));
}

TEST_F(Holding, KeepsWhatNothingNeedsAnyMore) {
  add_tools("1.0");
  add("other", "1.0");
  EXPECT_EQ(text(resolve::resolve(locked({"other"})).packages), "libtool 1.0 other 1.0");
  auto wanted = locked({});
  EXPECT_EQ(text(resolve::resolve(wanted).packages), "libtool 1.0");
}

TEST_F(Holding, RefusesWhenTheVersionIsGone) {
  add_tools("1.0");
  auto wanted = locked({"tool"});
  archive.remove(suite, "libtool_1.0");
  add("libtool", "1.1");
  archive.publish(suite);
  EXPECT_EQ(refusal<LockError>(wanted),
            "lock: debian/sid: the package \"libtool\" is held at 1.0, which the archive no longer has; take it from "
            "system.hold, or name a mirror that has it");
}

TEST_F(Holding, RefusesARequestForAnotherVersion) {
  add_tools("1.0");
  add("libtool", "0.9");
  auto wanted = locked({"libtool=0.9", "tool"});
  EXPECT_EQ(refusal<LockError>(wanted),
            "lock: debian/sid: the package \"libtool\" is held at 1.0, and system.packages asks for another one; take "
            "it from system.hold");
}

TEST_F(Holding, IsOfThePackagesOfABaseToo) {
  archive.publish(suite);
  auto wanted = request({});
  wanted.keep = resolve::resolve(wanted).base;
  wanted.hold = {{"tzdata"}};
  wanted.upgrade = {everything, {}};
  archive.add(suite, {.name = "tzdata", .version = "2.0", .fields = "Priority: required\n"});
  archive.publish(suite);
  const auto resolution = resolve::resolve(wanted);
  EXPECT_EQ(text(resolution.base), "libc 1.0 base-files 1.0 tzdata 1.0 apt 1.0");
  EXPECT_THAT(resolution.packages, IsEmpty());
  EXPECT_THAT(resolution.notes, ElementsAre("tzdata is held and stays at 1.0 (system.hold)"));
}

TEST_F(Holding, LeavesThePackagesOfABaseArchiveAlone) {
  add("tool", "1.0", "Depends: libtool (>= 1.0)\n");
  add("libtool", "1.0");
  archive.publish(suite);
  auto wanted = request({"tool"});
  wanted.base_status =
      "Package: libtool\nStatus: install ok installed\nVersion: 0.5\nArchitecture: all\nMaintainer: x\n"
      "Description: x\n\n";
  EXPECT_EQ(text(resolve::resolve(wanted).packages), "libtool 1.0 tool 1.0");
  wanted.hold = {{"libtool"}};
  EXPECT_THAT(refusal<LockError>(wanted),
              HasSubstr("  tool depends on libtool (>= 1.0), but libtool 0.5 is to be installed\n"));
}

TEST_F(Holding, IsOfOneArchitecture) {
  suite.architectures = {"amd64", "i386"};
  for (const char* architecture : {"amd64", "i386"})
    archive.add(suite, {.name = "tool", .version = "1.0", .architecture = architecture});
  archive.add(suite, {.name = "lib", .version = "1.0", .architecture = "i386"});
  archive.publish(suite);
  auto wanted = request({"lib:i386", "tool"});
  wanted.foreign_architectures = {"i386"};
  wanted.keep = resolve::resolve(wanted).packages;
  wanted.hold = {{"lib:i386"}, {"tool:amd64"}};
  wanted.upgrade = {everything, {}};
  for (const char* architecture : {"amd64", "i386"})
    archive.add(suite, {.name = "tool", .version = "1.1", .architecture = architecture});
  archive.add(suite, {.name = "lib", .version = "1.1", .architecture = "i386"});
  archive.publish(suite);
  EXPECT_THAT(resolve::resolve(wanted).notes, ElementsAre("lib:i386 is held and stays at 1.0 (system.hold)",
                                                          "tool is held and stays at 1.0 (system.hold)"));
  wanted.hold = {{"lib"}, {"tool:i386"}};
  EXPECT_THAT(resolve::resolve(wanted).notes, IsEmpty());
  wanted.packages = {"tool"};
  wanted.hold = {{"lib:i386"}};
  EXPECT_EQ(text(resolve::resolve(wanted).packages), "lib 1.0 tool 1.1");
}

TEST_F(Holding, OfAPackageThatNobodyLockedIsNothing) {
  add_tools("1.0");
  archive.publish(suite);
  auto wanted = request({});
  wanted.hold = {{"libtool"}, {"tool:i386"}};
  EXPECT_THAT(resolve::resolve(wanted).packages, IsEmpty());
}

TEST_F(Holding, OfWhatNobodyHasIsRefusedWithTheNearestName) {
  add_tools("1.0");
  add("exim", "1.0", "Provides: mail-agent\n");
  archive.publish(suite);
  auto wanted = request({"tool"});
  wanted.hold = {{"libtol", {"karapace.toml:5:9"}}};
  EXPECT_EQ(refusal<ManifestError>(wanted),
            "karapace.toml:5:9: held package \"libtol\" is neither in the lock nor in debian/sid main; did you mean "
            "\"libtool\"?");
  wanted.hold = {{"unheard-of"}};
  EXPECT_EQ(refusal<ManifestError>(wanted),
            "lock: debian/sid: held package \"unheard-of\" is neither in the lock nor in debian/sid main; correct the "
            "name, or leave it out");
  wanted.hold = {{"mail-agent"}};
  EXPECT_EQ(refusal<ManifestError>(wanted),
            "lock: debian/sid: held package \"mail-agent\" is virtual; hold one of those that provide it: \"exim\"");
}

}  // namespace
}  // namespace karapace::testing
