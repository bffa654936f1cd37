// SPDX-License-Identifier: Apache-2.0
// Requests that say more than a name: versions and suites.
#include <gmock/gmock.h>

#include "base/file.hpp"
#include "tests/resolve/backports_fixture.hpp"

namespace karapace::testing {
namespace {

using resolve::ResolveRequest;
using resolve::Upgrade;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Versions : public ResolveFixture {
 protected:
  void add(const std::string& name, const std::string& version, const std::string& fields = "") {
    archive.add(suite, {.name = name, .version = version, .fields = fields});
  }
  std::string chosen(std::vector<std::string> packages) { return text(resolve(std::move(packages)).packages); }
};

TEST_F(Versions, AreTakenExactlyAsAsked) {
  for (const char* version : {"1.0", "1.1", "2.0"}) add("tool", version);
  archive.publish(suite);
  EXPECT_EQ(chosen({"tool=1.1"}), "tool 1.1");
  EXPECT_EQ(chosen({"tool=1*"}), "tool 1.1");
  EXPECT_EQ(chosen({"tool=*.0"}), "tool 2.0");
}

TEST_F(Versions, ThatAreNotThereAreToldWithThoseThatAre) {
  add("tool", "1.0");
  add("tool", "1.1");
  archive.publish(suite);
  EXPECT_EQ(
      refusal<LockError>(request({"tool=1.2"})),
      "lock: debian/sid: the package \"tool\" has no version 1.2 in debian/sid main; did you mean \"tool=1.1\" or "
      "\"tool=1.0\"?");
  EXPECT_EQ(refusal<LockError>(request({"tool=3*"})),
            "lock: debian/sid: the package \"tool\" has no version 3* in debian/sid main; did you mean \"tool=1.1\" or "
            "\"tool=1.0\"?");
  EXPECT_EQ(refusal<LockError>(request({"tol=1.0"})),
            "lock: debian/sid: the package \"tol\" is not in debian/sid main; did you mean \"tool\"?");
}

TEST_F(Versions, OfAVirtualPackageAreNone) {
  add("exim", "1.0", "Provides: mail-server\n");
  archive.publish(suite);
  EXPECT_EQ(refusal<LockError>(request({"mail-server=1.0"})),
            "lock: debian/sid: the package \"mail-server\" is virtual and has no versions; did you mean \"exim\"?");
}

TEST_F(Versions, AreOfTheArchitectureThatIsAskedFor) {
  suite.architectures = {"amd64", "i386"};
  for (const char* architecture : {"amd64", "i386"}) {
    for (const char* version : {"1.0", "1.1"})
      archive.add(suite, {.name = "tool", .version = version, .architecture = architecture});
  }
  archive.publish(suite);
  auto wanted = request({"tool:i386=1.0"});
  wanted.foreign_architectures = {"i386"};
  const auto resolution = resolve::resolve(wanted);
  EXPECT_EQ(text(resolution.packages), "tool 1.0");
  EXPECT_EQ(resolution.packages.front().architecture, "i386");
  wanted.keep = resolution.packages;
  wanted.packages = {"tool:i386=1.1"};
  EXPECT_EQ(text(resolve::resolve(wanted).packages), "tool 1.1");
  wanted.packages = {"tool:i386=1.*"};
  EXPECT_EQ(text(resolve::resolve(wanted).packages), "tool 1.0");
  wanted.packages = {"tool:i386=3"};
  EXPECT_EQ(refusal<LockError>(wanted),
            "lock: debian/sid: the package \"tool:i386\" has no version 3 in debian/sid main; did you mean "
            "\"tool:i386=1.1\" or \"tool:i386=1.0\"?");
}

TEST_F(Versions, OfOnePackageAreAskedForOnce) {
  add("tool", "1.0");
  archive.publish(suite);
  EXPECT_EQ(refusal<LockError>(request({"tool:amd64=1.0", "tool=1.1"})),
            "lock: debian/sid: two entries of system.packages ask for versions of \"tool\": leave one of them out");
}

TEST_F(Versions, OfTheBaseAreInTheBase) {
  add("tzdata", "0.9", "Priority: required\n");
  archive.publish(suite);
  const auto resolution = resolve({"tzdata=0.9"});
  EXPECT_EQ(text(resolution.base), "libc 1.0 base-files 1.0 tzdata 0.9 apt 1.0");
  EXPECT_THAT(resolution.packages, IsEmpty());
}

TEST_F(Versions, AskedForComeBeforeKeptOnes) {
  add("tool", "1.0");
  add("tool", "1.1");
  archive.publish(suite);
  auto wanted = request({"tool=1.0"});
  wanted.keep = resolve::resolve(request({"tool"})).packages;
  const auto resolution = resolve::resolve(wanted);
  EXPECT_EQ(text(resolution.packages), "tool 1.0");
  EXPECT_THAT(resolution.notes, IsEmpty());
}

TEST_F(Versions, OfAPatternAreKeptUntilAnUpgrade) {
  add("tool", "1.0");
  archive.publish(suite);
  auto wanted = request({"tool=1.*"});
  wanted.keep = resolve::resolve(wanted).packages;
  add("tool", "1.1");
  add("tool", "2.0");
  archive.publish(suite);
  EXPECT_EQ(text(resolve::resolve(wanted).packages), "tool 1.0");
  wanted.upgrade = {.scope = Upgrade::Scope::named, .names = {"tool"}};
  EXPECT_EQ(text(resolve::resolve(wanted).packages), "tool 1.1");
}

TEST_F(Versions, ThatDoNotGoTogetherAreRefused) {
  add("tool", "1.0", "Depends: libtool (>= 2.0)\n");
  add("libtool", "1.0");
  add("libtool", "2.0");
  archive.publish(suite);
  EXPECT_EQ(chosen({"libtool", "tool"}), "libtool 2.0 tool 1.0");
  EXPECT_THAT(refusal<LockError>(request({"libtool=1.0", "tool"})),
              HasSubstr("  tool depends on libtool (>= 2.0), but libtool 1.0 is to be installed\n"));
}

class Suites : public BackportsFixture {};

TEST_F(Suites, AreFetchedOnlyWhenAPackageAsks) {
  add(suite, "tool", "1.0");
  add(backports, "tool", "2.0");
  EXPECT_EQ(resolve::resolve(request({"tool"})).repositories.size(), 3U);
  const auto resolution = resolve::resolve(request({"tool/bookworm-backports"}));
  ASSERT_EQ(resolution.repositories.size(), 4U);
  EXPECT_EQ(as_deb(resolution.repositories[1]).suite, "bookworm-backports");
  EXPECT_EQ(text(resolution.packages), "tool 2.0");
}

TEST_F(Suites, AreForThosePackagesOnlyThatAsk) {
  for (const auto* to : {&suite, &backports}) {
    const std::string version = to == &suite ? "1.0" : "2.0";
    add(*to, "tool", version, "Depends: libtool\n");
    add(*to, "libtool", version);
    add(*to, "other", version);
  }
  EXPECT_EQ(chosen({"other", "tool/bookworm-backports"}), "libtool 1.0 other 1.0 tool 2.0");
  EXPECT_EQ(chosen({"other", "tool/bookworm-backports"}), of_apt({"other", "tool/bookworm-backports"}));
}

TEST_F(Suites, GiveDependenciesWhereNoOthersDo) {
  add(suite, "tool", "1.0");
  add(suite, "libtool", "1.0", "Depends: libdeep\n");
  add(suite, "libdeep", "1.0");
  add(backports, "tool", "2.0", "Depends: libtool (>= 2.0)\n");
  add(backports, "libtool", "2.0", "Depends: libdeep (>= 2.0)\n");
  add(backports, "libdeep", "2.0");
  EXPECT_EQ(chosen({"tool/bookworm-backports"}), "libdeep 2.0 libtool 2.0 tool 2.0");
  EXPECT_EQ(of_apt({"tool/bookworm-backports"}), "libdeep 2.0 libtool 2.0 tool 2.0");
}

TEST_F(Suites, DoNotMoveWhatIsAskedForOrHeldOtherwise) {
  add(suite, "tool", "1.0");
  add(suite, "libtool", "1.0");
  add(backports, "tool", "2.0", "Depends: libtool (>= 2.0)\n");
  add(backports, "libtool", "2.0");
  for (const char* otherwise : {"libtool=1.0", "libtool/bookworm"})
    EXPECT_THAT(refusal<LockError>(request({"tool/bookworm-backports", otherwise})), HasSubstr("libtool (>= 2.0)"))
        << otherwise;
  auto wanted = request({"libtool"});
  wanted.hold = {{"libtool"}};
  wanted.keep = resolve::resolve(wanted).packages;
  EXPECT_EQ(text(wanted.keep), "libtool 1.0");
  wanted.packages = {"libtool", "tool/bookworm-backports"};
  EXPECT_THAT(refusal<LockError>(wanted), HasSubstr("libtool (>= 2.0)"));
}

TEST_F(Suites, LeaveTheBaseAsItIsWhereItIsEnough) {
  add(suite, "libc", "1.5", "Essential: yes\n");
  add(suite, "tool", "1.0");
  add(backports, "libc", "1.4");
  add(backports, "tool", "2.0", "Depends: libc (>= 1.2)\n");
  const auto resolution = resolve::resolve(request({"tool/bookworm-backports"}));
  EXPECT_THAT(text(resolution.base), HasSubstr("libc 1.5"));
  EXPECT_EQ(text(resolution.packages), "tool 2.0");
}

TEST_F(Suites, ThatCallThemselvesAutomaticAreForThosePackagesOnlyThatAsk) {
  backports = {.name = "bookworm-proposed-updates"};
  add(suite, "tool", "1.0");
  add(suite, "other", "1.0");
  add(backports, "tool", "1.0+deb12u1");
  add(backports, "other", "1.0+deb12u1");
  EXPECT_EQ(chosen({"other", "tool/bookworm-proposed-updates"}), "other 1.0 tool 1.0+deb12u1");
}

TEST_F(Suites, KeepTheirVersionsUntilAnUpgrade) {
  add(suite, "tool", "1.0");
  add(backports, "tool", "2.0~bpo");
  auto wanted = request({"tool/bookworm-backports"});
  const auto keep = resolve::resolve(wanted).packages;
  add(backports, "tool", "2.1~bpo");
  wanted = request({"tool/bookworm-backports"});
  wanted.keep = keep;
  EXPECT_EQ(text(resolve::resolve(wanted).packages), "tool 2.0~bpo");
  wanted.upgrade = {.scope = Upgrade::Scope::everything, .names = {}};
  EXPECT_EQ(text(resolve::resolve(wanted).packages), "tool 2.1~bpo");
}

TEST_F(Suites, ThatAreLeftAgainGiveTheirVersionsBack) {
  add(suite, "tool", "1.0");
  add(backports, "tool", "2.0");
  const auto keep = resolve::resolve(request({"tool/bookworm-backports"})).packages;
  auto wanted = request({"tool"});
  wanted.keep = keep;
  EXPECT_EQ(text(resolve::resolve(wanted).packages), "tool 1.0");
  wanted.packages = {"tool/bookworm"};
  EXPECT_EQ(text(resolve::resolve(wanted).packages), "tool 1.0");
}

TEST_F(Suites, ThatAreStillAskedForByOthersGiveTheirVersionsBackToo) {
  for (const char* name : {"tool", "libtool", "other"}) add(suite, name, "1.0");
  add(backports, "tool", "2.0", "Depends: libtool (>= 2.0)\n");
  add(backports, "libtool", "2.0");
  add(backports, "other", "2.0");
  const auto keep = resolve::resolve(request({"tool/bookworm-backports", "other/bookworm-backports"})).packages;
  EXPECT_EQ(text(keep), "libtool 2.0 other 2.0 tool 2.0");
  add(backports, "libtool", "2.1");
  auto wanted = request({"tool/bookworm-backports", "other"});
  wanted.keep = keep;
  EXPECT_EQ(text(resolve::resolve(wanted).packages), "libtool 2.0 other 1.0 tool 2.0");
}

TEST_F(Suites, OfWhatIsHeldAreThereThoughNobodyAsks) {
  add(suite, "tool", "1.0");
  add(suite, "other", "1.0");
  add(backports, "tool", "2.0");
  add(backports, "other", "2.0");
  const auto keep = resolve::resolve(request({"tool/bookworm-backports"})).packages;
  auto wanted = request({"tool", "other"});
  wanted.keep = keep;
  wanted.hold = {{"tool"}};
  EXPECT_EQ(text(resolve::resolve(wanted).packages), "other 1.0 tool 2.0");
}

TEST_F(Suites, WithoutThePackageAreToldWithThoseThatHaveIt) {
  add(suite, "tool", "1.0");
  EXPECT_EQ(
      refusal<LockError>(request({"tool/bookworm-backports"})),
      "lock: debian/bookworm: the package \"tool\" is not in bookworm-backports; did you mean \"tool/bookworm\"?");
}

TEST_F(Suites, OfABaseArchiveAreJudgedByWhatItIs) {
  auto wanted = request({"tool/trixie-backports"});
  wanted.base_status = "";
  EXPECT_THAT(refusal<LockError>(wanted),
              HasSubstr("lock: debian/bookworm: the suite \"trixie-backports\" does not belong to debian/bookworm; "));
}

}  // namespace
}  // namespace karapace::testing
