// SPDX-License-Identifier: Apache-2.0
// `karapace lock` as people run it, on an archive that the test makes itself.
#include <sstream>

#include <gmock/gmock.h>

#include "base/file.hpp"
#include "tests/remote/faulty_server.hpp"
#include "tests/resolve/resolve_fixture.hpp"

namespace karapace::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class Locking : public ResolveFixture {
 protected:
  Locking() {
    write_text(configuration(), "[mirrors]\ndebian = \"" + archive.url() + "\"\n[keyrings]\ndebian = \"" +
                                    (directory.path() / "archive.gpg").string() + "\"\n");
    write_text(home() / "karapace.toml", "manifest_version = 1\n[base]\nimage = \"debian/sid\"\n");
  }

  std::filesystem::path configuration() const { return home() / "config/karapace/config.toml"; }
  std::filesystem::path home() const { return directory.path() / "home"; }

  Outcome karapace(std::vector<std::string> arguments, const std::string& cache = "cache") const {
    std::vector<std::string> words{KARAPACE_PROGRAM, "--store", (home() / "store").string()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return run(words,
               {"XDG_CONFIG_HOME=" + (home() / "config").string(), "XDG_CACHE_HOME=" + (home() / cache).string()});
  }
};

TEST_F(Locking, RefusesToGoBackInTimeUnlessTold) {
  suite.date = "Sat, 11 Jul 2026 00:00:00 UTC";
  archive.publish(suite);
  const auto first = karapace({"lock", home().string()});
  ASSERT_EQ(first.status, 0) << first.output;
  const auto lock = read_file(home() / "karapace.lock");
  suite.date = "Fri, 10 Jul 2026 00:00:00 UTC";
  archive.publish(suite);
  const auto refused = karapace({"lock", home().string(), "--upgrade"}, "another-cache");
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.output, HasSubstr("its Release file is of 2026-07-10T00:00:00Z, that of the lock of "
                                        "2026-07-11T00:00:00Z"));
  EXPECT_EQ(read_file(home() / "karapace.lock"), lock);
  const auto told = karapace({"lock", home().string(), "--upgrade", "--allow-rollback"}, "another-cache");
  EXPECT_EQ(told.status, 0) << told.output;
  EXPECT_THAT(read_file(home() / "karapace.lock"), HasSubstr("2026-07-10T00:00:00Z"));
}

TEST_F(Locking, GoesBackInTimeOnlyWhereLocksMayChange) {
  for (const char* word : {"--check", "--locked", "--frozen"}) {
    const std::string command = std::string_view(word) == "--check" ? "lock" : "gen";
    const auto refused = karapace({command, word, "--allow-rollback", home().string()});
    EXPECT_EQ(refused.status, 1) << word;
    EXPECT_THAT(refused.output, HasSubstr("--allow-rollback changes locks, which"));
  }
}

TEST_F(Locking, SaysThatAnExactVersionStaysOnUpgrades) {
  archive.add(suite, {.name = "tool", .version = "1.0"});
  archive.add(suite, {.name = "tool", .version = "1.1"});
  archive.publish(suite);
  write_text(home() / "karapace.toml",
             "manifest_version = 1\n[base]\nimage = \"debian/sid\"\n[system]\npackages = [\"tool=1.0\"]\n");
  EXPECT_EQ(karapace({"lock", home().string()}).status, 0);
  const auto upgraded = karapace({"lock", home().string(), "--upgrade", "tool"});
  EXPECT_EQ(upgraded.status, 0);
  EXPECT_THAT(
      upgraded.output,
      HasSubstr("--upgrade tool: system.packages asks for exactly 1.0, so it stays; write another version there"));
  EXPECT_THAT(read_file(home() / "karapace.lock"), HasSubstr("\"tool=1.0\""));
  EXPECT_EQ(karapace({"lock", "--check", home().string()}).status, 0);
}

TEST_F(Locking, IsNotChangedByAptsConfiguration) {
  archive.add(suite, {.name = "tool", .version = "1.0"});
  archive.add(suite, {.name = "tool", .version = "2.0", .fields = "Depends: libtool\nSuggests: other\n"});
  archive.add(suite, {.name = "libtool"});
  archive.add(suite, {.name = "other"});
  archive.publish(suite);
  write_text(home() / "karapace.toml",
             "manifest_version = 1\n[base]\nimage = \"debian/sid\"\n[system]\npackages = [\"tool\"]\n");
  ASSERT_EQ(karapace({"lock", home().string()}).status, 0);
  const auto lock = read_file(home() / "karapace.lock");
  const std::string preferences = "Package: tool\nPin: version 1.0\nPin-Priority: 1001\n";
  write_text(home() / "preferences", preferences);
  const std::string hostile =
      "APT::Solver \"none\";\nAPT::Default-Release \"nowhere\";\nAPT::Install-Suggests \"true\";\n"
      "APT::Architectures { \"s390x\"; };\nDir::Etc::preferences \"" +
      (home() / "preferences").string() + "\";\n";
  write_text(home() / "apt.conf", hostile);
  for (const auto& set : std::filesystem::directory_iterator(home() / "cache/karapace/resolve-deb")) {
    write_text(set.path() / "etc/apt.conf.d/99hostile", hostile);
    write_text(set.path() / "etc/preferences.d/hostile", preferences);
  }
  std::filesystem::remove(home() / "karapace.lock");
  const auto again =
      run({KARAPACE_PROGRAM, "--store", (home() / "store").string(), "lock", home().string()},
          {"XDG_CONFIG_HOME=" + (home() / "config").string(), "XDG_CACHE_HOME=" + (home() / "cache").string(),
           "APT_CONFIG=" + (home() / "apt.conf").string()});
  EXPECT_EQ(again.status, 0) << again.output;
  EXPECT_EQ(read_file(home() / "karapace.lock"), lock);
}

TEST_F(Locking, KeepsWhatIsHeldOverABaseArchiveThoughNothingIsAskedForAnyMore) {
  archive.add(suite, {.name = "tool"});
  archive.publish(suite);
  write_text(home() / "root/etc/os-release", "ID=debian\nVERSION_CODENAME=sid\n");
  write_text(home() / "root/var/lib/dpkg/status",
             "Package: libc\nStatus: install ok installed\nVersion: 1.0\nArchitecture: amd64\nMaintainer: x\n"
             "Description: x\n\n");
  must_run({"tar", "-C", (home() / "root").string(), "-cf", (home() / "base.tar").string(), "."});
  const auto sum = must_run({"sha256sum", (home() / "base.tar").string()}).substr(0, 64);
  const std::string begin = "manifest_version = 1\n[base]\nimage = \"base.tar\"\nsha256 = \"" + sum + "\"\n[system]\n";
  write_text(home() / "karapace.toml", begin + "packages = [\"tool\"]\n");
  const auto first = karapace({"lock", home().string()});
  ASSERT_EQ(first.status, 0) << first.output;
  write_text(home() / "karapace.toml", begin + "hold = [\"tool\"]\n");
  const auto held = karapace({"lock", home().string()});
  EXPECT_EQ(held.status, 0) << held.output;
  EXPECT_THAT(read_file(home() / "karapace.lock"), HasSubstr("{\"name\": \"tool\", \"version\": \"1.0\""));
  write_text(home() / "karapace.toml", begin + "hold = [\"tol\"]\n");
  EXPECT_THAT(karapace({"lock", home().string()}).output,
              HasSubstr("held package \"tol\" is neither in the lock nor in "
                        "debian/sid main; did you mean \"tool\"?"));
  write_text(home() / "karapace.toml", begin);
  EXPECT_EQ(karapace({"lock", home().string()}).status, 0);
  EXPECT_THAT(read_file(home() / "karapace.lock"), Not(HasSubstr("tool")));
}

TEST_F(Locking, FetchesBaseArchivesThroughTheConfiguredProxy) {
  const remote::FaultyServer server(directory.path(), "an archive");
  write_text(configuration(), "[acquisition]\nretries = 0\nhttp_proxy = \"" + server.url("") + "\"\n");
  const auto sum = must_run({"sha256sum", (directory.path() / "payload").string()}).substr(0, 64);
  write_text(
      home() / "karapace.toml",
      "manifest_version = 1\n[base]\nimage = \"http://archive.invalid/ok/base.tar\"\nsha256 = \"" + sum + "\"\n");
  const auto locked = karapace({"lock", home().string()});
  EXPECT_EQ(locked.status, 0) << locked.output;
  EXPECT_THAT(server.requests(), ElementsAre(StartsWith("http://archive.invalid/ok/base.tar ")));
}

TEST_F(Locking, ListsComeThroughTheProxyButForDomainsWithout) {
  const remote::FaultyServer proxy(directory.path(), "");
  auto wanted = request({});
  wanted.mirrors.acquisition.http_proxy = proxy.url("");
  wanted.mirrors.archives["debian"] = {"http://one.archive.invalid/debian"};
  wanted.mirrors.acquisition.no_proxy = {"archive.invalid"};
  refusal<RemoteError>(wanted);
  EXPECT_THAT(proxy.requests(), IsEmpty());
  wanted.mirrors.acquisition.no_proxy = {"another.invalid"};
  refusal<RemoteError>(wanted);
  EXPECT_THAT(proxy.requests(), Contains(StartsWith("http://one.archive.invalid/debian/dists/sid/InRelease ")));
}

/// Why packages are in a lock: told from the packages themselves, unpacked in the store.
class LockReasons : public Locking {
 protected:
  LockReasons() {
    archive.add(suite, {.name = "tool", .fields = "Depends: liba (>= 0.5), mail-agent\nRecommends: libc\n"});
    archive.add(suite, {.name = "other", .fields = "Depends: libb | liba\n"});
    archive.add(suite, {.name = "liba", .fields = "Pre-Depends: libb\n"});
    archive.add(suite, {.name = "libb"});
    archive.add(suite, {.name = "shell", .fields = "Essential: yes\nDepends: base-files\n"});
    archive.add(suite, {.name = "exim", .fields = "Provides: mail-agent\n"});
    archive.publish(suite);
    write_text(home() / "karapace.toml",
               "manifest_version = 1\n[base]\nimage = \"debian/sid\"\n[system]\n"
               "packages = [\"tool=1.*\", \"other\"]\n");
    const auto locked = karapace({"lock", home().string()});
    EXPECT_EQ(locked.status, 0) << locked.output;
  }
  Outcome why(const std::string& package) const { return karapace({"lock", home().string(), "--why", package}); }
  /// Fetches and unpacks all packages, and installs none: they have no dpkg.
  void unpack() const {
    const auto generated = karapace({"gen", home().string(), "-C", build().string()});
    ASSERT_EQ(generated.status, 0) << generated.output;
    std::vector<std::string> words{"ninja", "-C", build().string()};
    std::istringstream targets(must_run({"ninja", "-C", build().string(), "-t", "targets", "rule", "unpack"}));
    for (std::string target; std::getline(targets, target);)
      if (target.starts_with('/')) words.push_back(target);
    must_run(words,
             {"XDG_CONFIG_HOME=" + (home() / "config").string(), "XDG_CACHE_HOME=" + (home() / "cache").string()});
  }
  std::filesystem::path build() const { return home() / "build"; }
};

TEST_F(LockReasons, AreWaysFromWhatTheManifestAsksFor) {
  unpack();
  EXPECT_EQ(why("libb").output,
            "libb 1.0\n"
            "  other (system.packages) → libb (Depends)\n"
            "  tool (system.packages: tool=1.*) → liba (Depends: >= 0.5) → libb (Pre-Depends)\n");
  EXPECT_EQ(why("exim").output, "exim 1.0\n  tool (system.packages: tool=1.*) → exim (Depends, through mail-agent)\n");
  EXPECT_EQ(why("tool").output, "tool 1.0\n  tool (system.packages: tool=1.*)\n");
}

TEST_F(LockReasons, FitTheirSchema) {
  unpack();
  const auto document = karapace({"--json", "lock", home().string(), "--why", "exim"}).output;
  EXPECT_THAT(document, HasSubstr("\"through\": \"mail-agent\""));
  write_text(home() / "why.json", document);
  const auto schemas = std::filesystem::path(KARAPACE_FAULTY_SERVER).parent_path().parent_path() / "json";
  must_run({"/usr/bin/python3", "-c",
            "import json, sys, documents\n"
            "schema = documents.schemas()['karapace.lock-why']\n"
            "documents.validator(schema).validate(json.load(open(sys.argv[1])))",
            (home() / "why.json").string()},
           {"PYTHONPATH=" + schemas.string(), "PYTHONDONTWRITEBYTECODE=1", "KARAPACE_TEST_BUILD=/none"});
}

TEST_F(LockReasons, OfABaseAreThoseOfEverySystem) {
  unpack();
  EXPECT_EQ(why("libc").output,
            "libc 1.0\n"
            "  apt (every system has it) → libc (Depends: >= 1.0)\n"
            "  base-files (Essential) → libc (Pre-Depends)\n");
  EXPECT_EQ(why("tzdata").output,
            "tzdata 1.0\n"
            "  tzdata (required)\n"
            "  apt (every system has it) → tzdata (Depends)\n");
}

TEST_F(LockReasons, AreNotKnownOfWhatIsNotUnpacked) {
  const auto told = why("libb");
  EXPECT_EQ(told.status, 0);
  EXPECT_THAT(told.output, HasSubstr("libb 1.0: nothing that is known leads to it\n"));
  EXPECT_THAT(told.output,
              HasSubstr("the store does not have the control files of 5 packages of the lock (libb, ...), so ways "
                        "through them are not known; `karapace build` brings them"));
}

TEST_F(LockReasons, OfUnknownPackagesAreRefusedWithTheNearestNames) {
  const auto told = why("libx");
  EXPECT_EQ(told.status, 2);
  EXPECT_THAT(told.output,
              HasSubstr("the lock has no package \"libx\"; did you mean \"liba\" or \"libb\" or \"libc\"?"));
  EXPECT_EQ(karapace({"lock", home().string(), "--why", "libb", "--check"}).status, 1);
}

TEST_F(LockReasons, OfAVirtualPackageAreThoseOfWhatProvidesIt) {
  unpack();
  const auto told = why("mail-agent");
  EXPECT_EQ(told.status, 2);
  EXPECT_THAT(told.output,
              HasSubstr("lock: \"mail-agent\" is a virtual package, which the lock has as exim: ask for that"));
}

TEST_F(LockReasons, AreOfOnePackageWithoutAVersion) {
  const auto version = why("libb=1*");
  EXPECT_EQ(version.status, 1);
  EXPECT_THAT(version.output, HasSubstr("lock: --why \"libb=1*\": a lock has one version of a package: write its name "
                                        "alone, \"libb\""));
  const auto two = karapace({"lock", "--why", "libb", "exim"});
  EXPECT_EQ(two.status, 1);
  EXPECT_THAT(two.output, HasSubstr("lock: --why takes one package, and there is no manifest \"exim\": ask for one "
                                    "after the other"));
}

TEST_F(Locking, TellsWhereThePreferenceStandsThatItCanNotHonour) {
  archive.add(suite, {.name = "tool"});
  archive.publish(suite);
  const std::string begin = "manifest_version = 1\n[base]\nimage = \"debian/sid\"\n[system]\npackages = [\"tool\"]\n";
  write_text(home() / "karapace.toml", begin + "prefer = [\"tool=1.*\", \"toll=1.*\"]\n");
  const auto refused = karapace({"lock", home().string()});
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.output, HasSubstr("karapace.toml:6:23: preference \"toll=1.*\": the package is not in "
                                        "debian/sid main; did you mean \"tool\"?"));
  write_text(home() / "karapace.toml", begin + "hold = [\"toll\"]\n");
  EXPECT_THAT(karapace({"lock", home().string()}).output,
              HasSubstr("karapace.toml:6:9: held package \"toll\" is neither in the lock nor in debian/sid main; did "
                        "you mean \"tool\"?"));
  write_text(home() / "karapace.toml", begin + "prefer = [\"tool=1.*\"]\n");
  EXPECT_EQ(karapace({"lock", home().string()}).status, 0);
  EXPECT_THAT(read_file(home() / "karapace.lock"), HasSubstr("\"tool=1.*\""));
  EXPECT_EQ(karapace({"lock", "--check", home().string()}).status, 0);
  write_text(home() / "karapace.toml", begin);
  EXPECT_THAT(karapace({"lock", "--check", home().string()}).output, HasSubstr("  prefer: - tool=1.*"));
}

TEST_F(Locking, RefusesARepositoryAtTheDistributionsOwnAddress) {
  archive.publish(suite);
  std::filesystem::copy(directory.path() / "archive.gpg", home() / "key.gpg");
  write_text(configuration(), "[mirrors]\ndebian = \"http://mirror.invalid/debian\"\n[keyrings]\ndebian = \"" +
                                  (directory.path() / "archive.gpg").string() + "\"\n");
  write_text(home() / "karapace.toml",
             "manifest_version = 1\n[base]\nimage = \"debian/sid\"\n[repositories.own]\n"
             "uri = \"http://mirror.invalid/debian/\"\nkey = \"key.gpg\"\nsuite = \"sid\"\n");
  const auto refused = karapace({"lock", home().string()});
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.output, HasSubstr("karapace.toml:5:7: repositories.own: http://mirror.invalid/debian is where "
                                        "debian/sid comes from, too: leave the repository out, or name another mirror "
                                        "when it is for other components"));
}

TEST_F(LockReasons, OfAForeignPackageAreNoneOfItsNamesake) {
  suite.architectures = {"amd64", "i386"};
  for (const char* architecture : {"amd64", "i386"}) {
    archive.add(suite, {.name = "zlib", .architecture = architecture, .fields = "Multi-Arch: same\n"});
    archive.add(suite, {.name = "user", .architecture = architecture, .fields = "Depends: zlib\n"});
  }
  archive.publish(suite);
  write_text(home() / "karapace.toml",
             "manifest_version = 1\n[base]\nimage = \"debian/sid\"\n[system]\n"
             "packages = [\"zlib\", \"user:i386\"]\n");
  ASSERT_EQ(karapace({"lock", home().string()}, "another-cache").status, 0);
  unpack();
  EXPECT_EQ(why("zlib:i386").output, "zlib:i386 1.0\n  user:i386 (system.packages) → zlib:i386 (Depends)\n");
  EXPECT_EQ(why("zlib").output, "zlib 1.0\n  zlib (system.packages)\n");
}

TEST_F(LockReasons, OfADamagedStoreAreRefused) {
  unpack();
  for (const auto& entry : std::filesystem::directory_iterator(home() / "store/layers")) {
    const auto control = entry.path() / "tree/meta/deb/control/control";
    std::filesystem::permissions(control, std::filesystem::perms::owner_write, std::filesystem::perm_options::add);
    write_text(control, read_file(control) + "Depends: evil\n");
  }
  const auto told = why("libb");
  EXPECT_NE(told.status, 0);
  EXPECT_THAT(told.output, HasSubstr("is damaged in the store; run `karapace verify-store --repair`"));
}

}  // namespace
}  // namespace karapace::testing
