// SPDX-License-Identifier: Apache-2.0
// What is chosen, from an archive that the test makes itself.
#include <chrono>
#include <future>

#include <grp.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.hpp"
#include "tests/resolve/resolve_fixture.hpp"

namespace karapace::testing {
namespace {

using lock::LockedPackage;
using resolve::Recommends;
using resolve::Upgrade;

class Resolving : public ResolveFixture {};

TEST_F(Resolving, BootstrapsTheBaseAndPutsTheRequestOnTop) {
  archive.add(suite, {.name = "tool", .architecture = "amd64", .fields = "Depends: libtool, libc\n"});
  archive.add(suite, {.name = "libtool"});
  archive.publish(suite);
  const auto resolution = resolve({"tool"});
  EXPECT_EQ(text(resolution.base), "libc 1.0 base-files 1.0 tzdata 1.0 apt 1.0");
  EXPECT_EQ(text(resolution.packages), "libtool 1.0 tool 1.0");
  EXPECT_TRUE(resolution.notes.empty());
}

TEST_F(Resolving, PinsEveryByteOfAPackage) {
  archive.add(suite, {.name = "tool", .version = "1:2.0-3", .architecture = "amd64"});
  archive.publish(suite);
  const auto resolution = resolve({"tool"});
  ASSERT_EQ(resolution.packages.size(), 1U);
  const LockedPackage& tool = resolution.packages.front();
  EXPECT_EQ(tool.version, "1:2.0-3");
  EXPECT_EQ(tool.architecture, "amd64");
  EXPECT_EQ(tool.archive(), "debian");
  EXPECT_EQ(tool.size, std::filesystem::file_size(archive.root() / tool.path));
  const auto sum = must_run({"sha256sum", (archive.root() / tool.path).string()});
  EXPECT_EQ(tool.sha256.hex(), sum.substr(0, 64));
}

TEST_F(Resolving, TellsTheRepositoryWithItsSignerDateAndIndexes) {
  suite.date = "Sat, 11 Jul 2026 10:16:37 UTC";
  archive.publish(suite);
  const auto resolution = resolve({});
  ASSERT_EQ(resolution.repositories.size(), 1U);
  const auto& repository = as_deb(resolution.repositories.front());
  EXPECT_EQ(repository.archive, "debian");
  EXPECT_EQ(repository.suite, "sid");
  EXPECT_EQ(repository.components, std::vector<std::string>{"main"});
  EXPECT_EQ(repository.date, "2026-07-11T10:16:37Z");
  EXPECT_EQ(repository.signers, std::vector<std::string>{fingerprint});
  ASSERT_EQ(repository.indexes.size(), 1U);
  EXPECT_EQ(repository.indexes.front().path, "main/binary-amd64/Packages");
  EXPECT_TRUE(resolution.packages.empty());
}

TEST_F(Resolving, AnswersTheSameTwice) {
  archive.add(suite, {.name = "tool", .fields = "Depends: aa, bb, cc\n"});
  for (const char* name : {"aa", "bb", "cc"}) archive.add(suite, {.name = name});
  archive.publish(suite);
  const auto first = resolve({"tool"});
  const auto second = resolve({"tool"});
  EXPECT_EQ(first.packages, second.packages);
  EXPECT_EQ(first.base, second.base);
  EXPECT_EQ(first.repositories, second.repositories);
}

TEST_F(Resolving, SeesWhatTheArchiveGotSinceTheLastTime) {
  archive.add(suite, {.name = "tool", .version = "1.0"});
  archive.publish(suite);
  EXPECT_EQ(text(resolve({"tool"}).packages), "tool 1.0");
  archive.add(suite, {.name = "tool", .version = "1.1"});
  archive.publish(suite);
  EXPECT_EQ(text(resolve({"tool"}).packages), "tool 1.1");
}

TEST_F(Resolving, SuggestsWhatAnUnknownPackageMayMean) {
  archive.add(suite, {.name = "git"});
  archive.add(suite, {.name = "gtk"});
  archive.publish(suite);
  EXPECT_EQ(refusal<LockError>(request({"gti"})),
            "lock: debian/sid: the package \"gti\" is not in debian/sid main; did you mean \"git\"?");
  EXPECT_EQ(refusal<LockError>(request({"somethingelse"})),
            "lock: debian/sid: the package \"somethingelse\" is not in debian/sid main; check its name");
}

TEST_F(Resolving, RefusesAVirtualPackageWithSeveralProviders) {
  archive.add(suite, {.name = "postfix", .fields = "Provides: mail-server\n"});
  archive.add(suite, {.name = "exim", .fields = "Provides: mail-server\n"});
  archive.publish(suite);
  EXPECT_EQ(refusal<LockError>(request({"mail-server"})),
            "lock: debian/sid: the package \"mail-server\" is virtual; name one of those that provide it: \"exim\" or "
            "\"postfix\"");
}

TEST_F(Resolving, TakesTheOnlyProviderOfAVirtualPackage) {
  archive.add(suite, {.name = "exim", .fields = "Provides: mail-server\n"});
  archive.publish(suite);
  EXPECT_EQ(text(resolve({"mail-server"}).packages), "exim 1.0");
}

TEST_F(Resolving, SaysWhyASetCannotBeInstalled) {
  archive.add(suite, {.name = "tool", .fields = "Depends: libtool (>= 2.0), gone\n"});
  archive.add(suite, {.name = "libtool"});
  archive.publish(suite);
  EXPECT_EQ(refusal<LockError>(request({"tool"})),
            "lock: debian/sid: the packages cannot be installed together:\n"
            "  tool depends on gone, but gone is not in these repositories\n"
            "  tool depends on libtool (>= 2.0), but these repositories have libtool 1.0\n"
            "leave one of them out, or add the repository that has what is missing");
}

TEST_F(Resolving, SaysWhichPackagesConflict) {
  archive.add(suite, {.name = "one", .fields = "Conflicts: other\n"});
  archive.add(suite, {.name = "other"});
  archive.publish(suite);
  EXPECT_EQ(refusal<LockError>(request({"one", "other"})),
            "lock: debian/sid: the packages cannot be installed together:\n"
            "  one conflicts with other, but other 1.0 is to be installed\n"
            "leave one of them out, or add the repository that has what is missing");
}

TEST_F(Resolving, LooksBehindADependencyThatCannotBeInstalled) {
  archive.add(suite, {.name = "tool", .fields = "Depends: middle\n"});
  archive.add(suite, {.name = "middle", .fields = "Depends: gone (>= 3)\n"});
  archive.publish(suite);
  const auto message = refusal<LockError>(request({"tool"}));
  EXPECT_NE(message.find("  middle depends on gone (>= 3), but gone is not in these repositories\n"), std::string::npos)
      << message;
}

TEST_F(Resolving, RefusesToRemovePartsOfTheBase) {
  archive.add(suite, {.name = "other-zones", .fields = "Conflicts: tzdata\nReplaces: tzdata\nProvides: tzdata\n"});
  archive.publish(suite);
  const auto message = refusal<LockError>(request({"other-zones"}));
  EXPECT_EQ(message,
            "lock: debian/sid: the packages other-zones cannot be installed without removing tzdata from the base; "
            "leave out what conflicts with the base");
}

TEST_F(Resolving, InstallsRecommendedPackagesOnlyWhenAsked) {
  archive.add(suite, {.name = "tool", .fields = "Recommends: manual\n"});
  archive.add(suite, {.name = "manual"});
  archive.publish(suite);
  EXPECT_EQ(text(resolve({"tool"}).packages), "tool 1.0");
  auto wanted = request({"tool"});
  wanted.recommends = Recommends::yes;
  const auto resolution = resolve::resolve(wanted);
  EXPECT_EQ(resolution.packages.size(), 2U) << text(resolution.packages);
}

TEST_F(Resolving, KeepsTheVersionsOfTheLockThereWas) {
  archive.add(suite, {.name = "tool", .version = "1.0", .fields = "Depends: libtool\n"});
  archive.add(suite, {.name = "libtool", .version = "1.0"});
  archive.publish(suite);
  auto wanted = request({"tool"});
  wanted.keep = resolve::resolve(wanted).packages;
  archive.add(suite, {.name = "tool", .version = "1.1", .fields = "Depends: libtool\n"});
  archive.add(suite, {.name = "libtool", .version = "1.1"});
  archive.publish(suite);
  EXPECT_EQ(text(resolve::resolve(wanted).packages), "libtool 1.0 tool 1.0");
  wanted.upgrade = {.scope = Upgrade::Scope::named, .names = {"libtool"}};
  EXPECT_EQ(text(resolve::resolve(wanted).packages), "libtool 1.1 tool 1.0");
  wanted.upgrade = {.scope = Upgrade::Scope::everything, .names = {}};
  EXPECT_EQ(text(resolve::resolve(wanted).packages), "libtool 1.1 tool 1.1");
}

TEST_F(Resolving, SaysWhichKeptVersionsVanished) {
  archive.add(suite, {.name = "tool", .version = "1.0"});
  archive.publish(suite);
  auto wanted = request({"tool"});
  wanted.keep = resolve::resolve(wanted).packages;
  archive.remove(suite, "tool_1.0");
  archive.add(suite, {.name = "tool", .version = "1.1"});
  archive.publish(suite);
  const auto resolution = resolve::resolve(wanted);
  EXPECT_EQ(text(resolution.packages), "tool 1.1");
  EXPECT_EQ(resolution.notes, std::vector<std::string>{"tool 1.0 is no longer in debian/sid: 1.1"});
}

TEST_F(Resolving, LetsAKeptVersionGoWhenANewPackageNeedsAnother) {
  archive.add(suite, {.name = "libtool", .version = "1.0"});
  archive.publish(suite);
  auto wanted = request({"libtool"});
  wanted.keep = resolve::resolve(wanted).packages;
  archive.add(suite, {.name = "libtool", .version = "2.0"});
  archive.add(suite, {.name = "tool", .fields = "Depends: libtool (>= 2.0)\n"});
  archive.publish(suite);
  wanted.packages = {"libtool", "tool"};
  const auto resolution = resolve::resolve(wanted);
  EXPECT_EQ(text(resolution.packages), "libtool 2.0 tool 1.0");
  EXPECT_EQ(resolution.notes, std::vector<std::string>{"libtool 1.0 could not stay with the other packages: 2.0"});
}

TEST_F(Resolving, CountsTheBaseArchivesPackagesAsInstalled) {
  archive.add(suite, {.name = "tool", .fields = "Depends: libtool, libc (>= 1.0)\n"});
  archive.add(suite, {.name = "libtool"});
  archive.publish(suite);
  auto wanted = request({"tool"});
  wanted.base_status =
      "Package: libtool\nStatus: install ok installed\nVersion: 0.9\nArchitecture: all\nMaintainer: x\n"
      "Description: x\n\n"
      "Package: libc\nStatus: install ok installed\nVersion: 0.5\nArchitecture: amd64\nMulti-Arch: same\n"
      "Maintainer: x\nDescription: x\n\n";
  const auto resolution = resolve::resolve(wanted);
  EXPECT_TRUE(resolution.base.empty());
  // The old libtool satisfies the dependency and stays; the old libc does not, and its upgrade is part of the lock.
  EXPECT_EQ(text(resolution.packages), "libc 1.0 tool 1.0");
}

constexpr const char* broken_base =
    "Package: libc\nStatus: install ok installed\nVersion: 1.0\nArchitecture: amd64\nMulti-Arch: same\nMaintainer: x\n"
    "Description: x\n\n"
    "Package: half\nStatus: install ok unpacked\nVersion: 1.0\nArchitecture: all\nMaintainer: x\nDescription: x\n\n"
    "Package: left\nStatus: deinstall ok config-files\nVersion: 1.0\nArchitecture: all\nMaintainer: x\n"
    "Description: x\n\n"
    "Package: needy\nStatus: install ok installed\nVersion: 1.0\nArchitecture: all\nDepends: missing\nMaintainer: x\n"
    "Description: x\n\n";

TEST_F(Resolving, CompletesABaseThatWasLeftInTheMiddle) {
  for (const char* name : {"half", "left", "missing", "tool"}) archive.add(suite, {.name = name});
  archive.add(suite, {.name = "needy", .fields = "Depends: missing\n"});
  archive.publish(suite);
  auto wanted = request({"tool"});
  wanted.base_status = broken_base;
  EXPECT_EQ(text(resolve::resolve(wanted).packages), "half 1.0 missing 1.0 tool 1.0");
  wanted.packages = {"left"};
  EXPECT_EQ(text(resolve::resolve(wanted).packages), "half 1.0 left 1.0 missing 1.0");
}

TEST_F(Resolving, InstallsAnewWhatABaseOnlyUnpacked) {
  archive.add(suite, {.name = "half"});
  archive.publish(suite);
  auto wanted = request({"half"});
  wanted.base_status = std::string(broken_base).substr(0, std::string(broken_base).find("Package: left"));
  EXPECT_EQ(text(resolve::resolve(wanted).packages), "half 1.0");
}

TEST_F(Resolving, WorksForAForeignArchitecture) {
  suite.architectures = {"amd64", "arm64"};
  for (const char* name : {"libc", "apt", "tool"}) archive.add(suite, {.name = name, .architecture = "arm64"});
  archive.publish(suite);
  auto wanted = request({"tool"});
  wanted.architecture = "arm64";
  const auto resolution = resolve::resolve(wanted);
  ASSERT_EQ(resolution.packages.size(), 1U);
  EXPECT_EQ(resolution.packages.front().architecture, "arm64");
  EXPECT_EQ(as_deb(resolution.repositories.front()).indexes.front().path, "main/binary-arm64/Packages");
}

TEST_F(Resolving, TakesPackagesOfForeignArchitecturesWhereTheyAreAskedFor) {
  suite.architectures = {"amd64", "i386"};
  for (const char* architecture : {"amd64", "i386"}) {
    archive.add(suite, {.name = "libx", .architecture = architecture, .fields = "Multi-Arch: same\n"});
    archive.add(suite, {.name = "init",
                        .architecture = architecture,
                        .fields = "Essential: yes\nMulti-Arch: foreign\nProvides: starter\n"});
    archive.add(suite, {.name = "game", .architecture = architecture, .fields = "Depends: libx, starter\n"});
  }
  archive.publish(suite);
  auto wanted = request({"game:i386", "libx", "starter"});
  wanted.foreign_architectures = {"i386"};
  const auto resolution = resolve::resolve(wanted);
  std::vector<std::string> names;
  for (const auto& package : resolution.packages) names.push_back(package.name + ":" + package.architecture);
  EXPECT_THAT(names, ::testing::UnorderedElementsAre("game:i386", "libx:amd64", "libx:i386"));
  for (const auto& package : resolution.base) EXPECT_NE(package.architecture, "i386") << package.name;
  EXPECT_EQ(as_deb(resolution.repositories.front()).indexes[1].path, "main/binary-i386/Packages");
  wanted.keep = resolution.packages;
  EXPECT_EQ(resolve::resolve(wanted).packages, resolution.packages);
  wanted.packages = {"gaem:i386"};
  EXPECT_EQ(refusal<LockError>(wanted),
            "lock: debian/sid: the package \"gaem:i386\" is not in debian/sid main; did you mean \"game:i386\"?");
}

TEST_F(Resolving, RefusesAnArchitectureThatTheSuiteLacks) {
  archive.publish(suite);
  auto foreign = request({});
  foreign.foreign_architectures = {"i386"};
  EXPECT_EQ(refusal<LockError>(foreign),
            "lock: debian/sid: it has no packages for the architecture i386; it has: amd64");
}

TEST_F(Resolving, RefusesAnOwnArchitectureThatTheSuiteLacks) {
  archive.publish(suite);
  auto wanted = request({});
  wanted.architecture = "s390x";
  EXPECT_EQ(refusal<LockError>(wanted),
            "lock: debian/sid: it has no packages for the architecture s390x; it has: amd64");
}

TEST_F(Resolving, DatesAStableReleaseByItsNewestPart) {
  suite.name = "bookworm";
  suite.date = "Sat, 11 Jul 2026 10:16:37 UTC";
  for (const char* name : {"base-files", "tzdata"}) {
    archive.add(suite, {.name = name, .fields = "Essential: yes\nPriority: required\n"});
  }
  archive.add(suite, {.name = "apt"});
  archive.publish(suite);
  archive.publish({.name = "bookworm-updates", .date = "Sun, 12 Jul 2026 00:00:00 UTC"});
  SignedArchive security(directory.path() / "security", keys);
  const TestSuite security_suite{.name = "bookworm-security", .date = "Mon, 13 Jul 2026 00:00:00 UTC"};
  security.add(security_suite, {.name = "tzdata", .version = "1.0+deb12u1", .fields = "Priority: required\n"});
  security.publish(security_suite);
  auto wanted = request({});
  wanted.mirrors.archives["debian-security"] = {security.url()};
  wanted.mirrors.keyrings["debian-security"] = directory.path() / "archive.gpg";
  const auto resolution = resolve::resolve(wanted);
  ASSERT_EQ(resolution.repositories.size(), 3U);
  EXPECT_EQ(as_deb(resolution.repositories[2]).archive, "debian-security");
  EXPECT_NE(text(resolution.base).find("tzdata 1.0+deb12u1"), std::string::npos);
}

TEST_F(Resolving, LeavesOutWhatNothingNeedsInTheEnd) {
  archive.add(suite, {.name = "tool", .fields = "Depends: first | second\n"});
  archive.add(suite, {.name = "first", .fields = "Depends: extra, gone\n"});
  archive.add(suite, {.name = "second"});
  archive.add(suite, {.name = "extra"});
  archive.publish(suite);
  EXPECT_EQ(text(resolve({"tool"}).packages), "second 1.0 tool 1.0");
}

TEST_F(Resolving, LetsAnEarlierPackageDecideBetweenAlternativesOfALaterOne) {
  archive.add(suite, {.name = "a-mail", .fields = "Depends: timer | init\n"});
  archive.add(suite, {.name = "z-desktop", .fields = "Depends: init\n"});
  for (const char* name : {"timer", "init"}) archive.add(suite, {.name = name});
  archive.publish(suite);
  EXPECT_EQ(resolve({"z-desktop", "a-mail"}).packages.size(), 3U);
  EXPECT_EQ(resolve({"a-mail", "z-desktop"}).packages.size(), 4U);
}

TEST_F(Resolving, ReadsUbuntusSuitesAndComponents) {
  for (const char* name : {"noble", "noble-updates", "noble-security"}) {
    const TestSuite part{.name = name, .empty_components = {"universe"}};
    archive.add(part, {.name = "apt", .version = std::string("1.0+") + name});
    archive.publish(part);
  }
  auto wanted = request({});
  wanted.distribution = "ubuntu";
  wanted.suite = "noble";
  wanted.mirrors.archives = {{"ubuntu", {archive.url()}}};
  wanted.mirrors.keyrings = {{"ubuntu", directory.path() / "archive.gpg"}};
  const auto resolution = resolve::resolve(wanted);
  ASSERT_EQ(resolution.repositories.size(), 3U);
  EXPECT_EQ(as_deb(resolution.repositories[1]).suite, "noble-security");
  EXPECT_EQ(as_deb(resolution.repositories[1]).components, (std::vector<std::string>{"main", "universe"}));
  EXPECT_EQ(text(resolution.base), "apt 1.0+noble-updates");
  EXPECT_EQ(resolution.base.front().archive(), "ubuntu");
}

TEST_F(Resolving, WorksForAnOrdinaryUser) {
  if (geteuid() != 0) GTEST_SKIP() << "this whole program already runs as an ordinary user";
  constexpr uid_t nobody = 65534;
  archive.publish(suite);
  const auto own = directory.path() / "own";
  std::filesystem::create_directory(own);
  ASSERT_EQ(chown(own.c_str(), nobody, nobody), 0);
  std::filesystem::permissions(directory.path(), std::filesystem::perms(0755));
  auto wanted = request({});
  wanted.cache = own / "cache";
  const pid_t child = fork();
  if (child == 0) {
    if (setgroups(0, nullptr) != 0 || setgid(nobody) != 0 || setuid(nobody) != 0) _exit(2);
    try {
      _exit(resolve::resolve(wanted).base.size() == 4 ? 0 : 3);
    } catch (const std::exception& error) {
      write_all(STDERR_FILENO, error.what(), "standard error");
      _exit(1);
    }
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(Resolving, WaitsForAnotherResolutionOfTheSameSet) {
  archive.add(suite, {.name = "one"});
  archive.add(suite, {.name = "two"});
  archive.publish(suite);
  auto first = std::async(std::launch::async, [&] { return text(resolve({"one"}).packages); });
  auto second = std::async(std::launch::async, [&] { return text(resolve({"two"}).packages); });
  auto third = std::async(std::launch::async, [&] { return text(resolve({"one", "two"}).packages); });
  EXPECT_EQ(first.get(), "one 1.0");
  EXPECT_EQ(second.get(), "two 1.0");
  EXPECT_EQ(third.get().size(), std::string("one 1.0 two 1.0").size());
}

TEST_F(Resolving, ForgetsTheListsOfSetsThatNobodyAsksFor) {
  archive.publish(suite);
  const auto sets = directory.path() / "cache" / "resolve-deb";
  const auto used_lately = sets / "debian-old-1";
  const auto unused = sets / "debian-old-2";
  for (const auto& set : {used_lately, unused}) write_text(set / "lock", "");
  std::filesystem::last_write_time(unused / "lock",
                                   std::filesystem::file_time_type::clock::now() - std::chrono::days(31));
  resolve({});
  EXPECT_TRUE(std::filesystem::exists(used_lately));
  EXPECT_FALSE(std::filesystem::exists(unused));
}

TEST_F(Resolving, RefusesWordsThatCouldChangeAptsConfiguration) {
  archive.publish(suite);
  auto wanted = request({});
  wanted.suite = "sid\nTrusted: yes";
  EXPECT_THROW(resolve::resolve(wanted), LockError);
  wanted.suite = "../sid";
  EXPECT_THROW(resolve::resolve(wanted), LockError);
}

}  // namespace
}  // namespace karapace::testing
