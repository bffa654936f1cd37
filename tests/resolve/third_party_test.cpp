// SPDX-License-Identifier: Apache-2.0
// What a repository that the manifest adds can do to an environment, and what it can not.
#include <set>

#include <gmock/gmock.h>

#include "base/file.hpp"
#include "tests/resolve/resolve_fixture.hpp"

namespace karapace::testing {
namespace {

using ::testing::HasSubstr;

class ThirdParty : public ResolveFixture {
 protected:
  ThirdParty() : extra(directory.path() / "extra", keys) { archive.publish(suite); }

  resolve::ResolveRequest request(std::vector<std::string> packages) {
    extra.publish(extra_suite);
    auto wanted = ResolveFixture::request(std::move(packages));
    wanted.cache = fresh_cache();
    const auto key = directory.path() / "archive.gpg";
    wanted.repositories = {{.name = "extra",
                            .key = key,
                            .key_content = blake3(read_file(key)),
                            .suite = extra_suite.name,
                            .components = {extra_suite.component}}};
    wanted.mirrors.archives["extra"] = {extra.url()};
    return wanted;
  }

  std::string base() { return text(resolve::resolve(request({})).base); }

  SignedArchive extra;
  TestSuite extra_suite{.name = "stable", .component = "tools"};
};

const std::string plain_base = "libc 1.0 base-files 1.0 tzdata 1.0 apt 1.0";

TEST_F(ThirdParty, AddsNothingToTheBaseByItself) {
  extra.add(extra_suite, {.name = "agent", .fields = "Essential: yes\n"});
  extra.add(extra_suite, {.name = "daemon", .fields = "Priority: required\n"});
  EXPECT_EQ(base(), plain_base);
  EXPECT_EQ(text(resolve::resolve(request({"agent", "daemon"})).packages), "agent 1.0 daemon 1.0");
}

TEST_F(ThirdParty, DoesNotMakeAPackageOfTheDistributionEssential) {
  archive.add(suite, {.name = "tool"});
  archive.publish(suite);
  extra.add(extra_suite, {.name = "tool", .version = "0.9", .fields = "Essential: yes\n"});
  EXPECT_EQ(base(), plain_base);
  extra.add(extra_suite, {.name = "tool", .version = "2.0", .fields = "Priority: required\n"});
  EXPECT_EQ(base(), plain_base);
}

TEST_F(ThirdParty, TakesNothingFromTheBase) {
  extra.add(extra_suite, {.name = "base-files", .version = "0.9", .fields = "Essential: no\nPriority: optional\n"});
  extra.add(extra_suite, {.name = "tzdata", .version = "0.9", .fields = "Priority: optional\n"});
  const auto packages = resolve::resolve(request({})).base;  // the order is apt's, which believes both
  std::set<std::string> names;
  for (const auto& package : packages) names.insert(package.name + " " + package.version);
  EXPECT_EQ(names, (std::set<std::string>{"apt 1.0", "base-files 1.0", "libc 1.0", "tzdata 1.0"}));
}

TEST_F(ThirdParty, BringsTheNewerVersionOfAnEssentialPackageAsWithApt) {
  extra.add(extra_suite, {.name = "tzdata", .version = "2.0", .fields = "Priority: optional\n"});
  EXPECT_EQ(base(), "libc 1.0 base-files 1.0 tzdata 2.0 apt 1.0");
}

/// Stanzas that no tool of Debian would write, behind that of a good package.
const std::string fine =
    "Package: fine\nVersion: 1.0\nArchitecture: all\nFilename: fine.deb\nSize: 1\nSHA256: " + std::string(64, 'a') +
    "\nDescription: x\n\n";

class Stanzas : public ThirdParty {
 protected:
  static std::string stanza(const std::string& name, const std::string& version, const std::string& architecture,
                            const std::string& path) {
    return "Package: " + name + "\nVersion: " + version + "\nArchitecture: " + architecture + "\nProvides: wanted\n" +
           "Filename: " + path + "\nSize: 1\nSHA256: " + std::string(64, 'a') + "\nDescription: x\n\n";
  }

  std::string answer(const std::string& text) {
    extra_suite.more_stanzas = fine + text;
    try {
      return resolve::resolve(request({"wanted"})).packages.front().path;
    } catch (const LockError& error) {
      return error.what();
    }
  }
};

const std::string in_second_stanza = "lock: extra/stable: tools/binary-amd64/Packages:9: ";
const std::string tell = "; tell the repository's owner";

TEST_F(Stanzas, WithANameThatIsNoneAreRefused) {
  for (const std::string name : {"../../etc/evil", "x", "under_score", "-dash", "sp$ce"}) {
    EXPECT_EQ(answer(stanza(name, "1.0", "amd64", "x.deb")),
              in_second_stanza + "\"" + name +
                  "\" is not a package name: two or more of a-z, 0-9, \"+\", \".\", \"-\", beginning with a letter or "
                  "digit" +
                  tell);
  }
}

TEST_F(Stanzas, WithAVersionThatIsNoneAreRefused) {
  for (const std::string version : {"v1", "1/../../2", "1_0", "1-", ":1", "x:1"}) {
    EXPECT_EQ(answer(stanza("tool", version, "amd64", "x.deb")),
              in_second_stanza + "the version \"" + version + "\" of tool is none" + tell);
  }
}

TEST_F(Stanzas, WithAnUnusablePathAreRefused) {
  for (const std::string path : {"../x.deb", "/x.deb", "a//x.deb", "a/../x.deb", "a/./x.deb", "a/"}) {
    EXPECT_THAT(answer(stanza("tool", "1.0", "amd64", path)),
                HasSubstr(in_second_stanza + "the Filename \"" + path + "\" of tool "));
  }
  EXPECT_EQ(answer(stanza("tool", "1.0", "amd64", "./pool/x.deb")), "pool/x.deb");
}

TEST_F(Stanzas, OfAnotherArchitectureAreNotChosen) {
  EXPECT_THAT(answer(stanza("tool", "1.0", "armhf", "x.deb")), HasSubstr("\"wanted\""));
  EXPECT_THAT(answer(stanza("tool", "1.0", "../evil", "x.deb")), HasSubstr("\"wanted\""));
}

}  // namespace
}  // namespace karapace::testing
