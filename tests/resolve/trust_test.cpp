// SPDX-License-Identifier: Apache-2.0
// What is believed, and what is refused.
#include <fstream>

#include <unistd.h>

#include "base/file.hpp"
#include "tests/resolve/resolve_fixture.hpp"

namespace karapace::testing {
namespace {

using resolve::AdditionalRepository;
using resolve::ValidUntil;

class Trusting : public ResolveFixture {
 protected:
  /// An additional repository "extra" with one package, signed by "archive" or by its own key.
  AdditionalRepository add_extra(resolve::ResolveRequest& wanted, const std::string& signer,
                                 const std::filesystem::path& key) {
    SignedArchive extra(directory.path() / "extra", keys);
    const TestSuite extra_suite{.name = "stable", .component = "tools", .signers = {signer}};
    extra.add(extra_suite, {.name = "extra-tool", .fields = "Depends: libc\n"});
    extra.publish(extra_suite);
    wanted.mirrors.archives["extra"] = {extra.url()};
    return {
        .name = "extra", .key = key, .key_content = blake3(read_file(key)), .suite = "stable", .components = {"tools"}};
  }

  void replace(const std::filesystem::path& file, const std::string& from, const std::string& to) {
    std::string text = read_file(file);
    const auto at = text.find(from);
    ASSERT_NE(at, std::string::npos);
    text.replace(at, from.size(), to);
    write_text(file, text);
  }
};

void expect_begins(const std::string& text, const std::string& beginning) {
  EXPECT_TRUE(text.starts_with(beginning)) << text;
}

TEST_F(Trusting, RefusesAChangedRelease) {
  archive.publish(suite);
  replace(archive.in_release(suite), "Codename: sid", "Codename: sad");
  const auto message = refusal<LockError>(request({}));
  expect_begins(message, "lock: debian/sid: the signature of its Release file is not valid: ");
}

TEST_F(Trusting, RefusesAChangedReleaseEvenWhenAGoodOneIsInTheCache) {
  archive.publish(suite);
  resolve({});
  sleep(1);  // apt compares whole seconds of modification times
  replace(archive.in_release(suite), "Codename: sid", "Codename: sad");
  expect_begins(refusal<LockError>(request({})), "lock: debian/sid: the signature of its Release file is not valid: ");
}

TEST_F(Trusting, RefusesAStrangersSignature) {
  keys.make("stranger");
  suite.signers = {"stranger"};
  archive.publish(suite);
  expect_begins(refusal<LockError>(request({})), "lock: debian/sid: the signature of its Release file is not valid: ");
}

TEST_F(Trusting, RefusesAnUnsignedArchive) {
  suite.signers = {};
  archive.publish(suite);
  EXPECT_EQ(refusal<LockError>(request({})),
            "lock: debian/sid: its Release file is not signed; name a mirror that has the signed one (InRelease)");
}

TEST_F(Trusting, RefusesAnUnsignedTextInPlaceOfInRelease) {
  archive.publish(suite);
  std::filesystem::copy_file(archive.release(suite), archive.in_release(suite),
                             std::filesystem::copy_options::overwrite_existing);
  const auto message = refusal<LockError>(request({}));
  expect_begins(message, "lock: debian/sid: ");
}

TEST_F(Trusting, RefusesAnIndexThatTheReleaseDoesNotVouchFor) {
  archive.publish(suite);
  const auto index = archive.root() / "dists" / "sid" / "main" / "binary-amd64" / "Packages";
  replace(index, "Version: 1.0", "Version: 9.0");
  const auto message = refusal<RemoteError>(request({}));
  EXPECT_NE(message.find("does not fit its Release file"), std::string::npos) << message;
}

TEST_F(Trusting, RefusesAnotherSuitesRelease) {
  archive.publish(suite);
  TestSuite other = suite;
  other.name = "trixie";
  archive.publish(other);
  std::filesystem::remove_all(archive.root() / "dists" / "sid");
  std::filesystem::rename(archive.root() / "dists" / "trixie", archive.root() / "dists" / "sid");
  EXPECT_EQ(refusal<LockError>(request({})),
            "lock: debian/sid: the Release file is of \"trixie\" (codename \"trixie\"); use another mirror");
}

TEST_F(Trusting, RefusesAnExpiredReleaseUnlessTold) {
  suite.date = "Sat, 11 Jul 2020 00:00:00 UTC";
  suite.valid_until = "Sat, 18 Jul 2020 00:00:00 UTC";
  archive.publish(suite);
  EXPECT_EQ(refusal<LockError>(request({})),
            "lock: debian/sid: its Release file expired on 2020-07-18T00:00:00Z: the mirror is out of date or somebody "
            "holds back updates; use another mirror, or accept it with check_valid_until = false under [acquisition] "
            "in config.toml");
  auto wanted = request({});
  wanted.valid_until = ValidUntil::ignore;
  EXPECT_EQ(resolve::resolve(wanted).base.size(), 4U);
  wanted.valid_until = ValidUntil::check;
  wanted.mirrors.acquisition.check_valid_until = false;
  EXPECT_EQ(resolve::resolve(wanted).base.size(), 4U);
}

TEST_F(Trusting, RefusesAReleaseFromTheFuture) {
  suite.date = "Fri, 11 Jul 2098 00:00:00 UTC";
  archive.publish(suite);
  EXPECT_EQ(refusal<LockError>(request({})),
            "lock: debian/sid: its Release file is of 2098-07-11T00:00:00Z, which is in the future; check this "
            "machine's clock");
}

TEST_F(Trusting, RecordsEverySignerWhoseKeyIsKnown) {
  const auto second = keys.make("second");
  keys.make("unknown");
  keys.export_binary({"archive", "second"}, directory.path() / "archive.gpg");
  suite.signers = {"archive", "second", "unknown"};
  archive.publish(suite);
  std::vector<std::string> expected{fingerprint, second};
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(as_deb(resolve({}).repositories.front()).signers, expected);
}

TEST_F(Trusting, TakesPackagesFromAnAdditionalRepositoryWithAnArmoredKey) {
  archive.publish(suite);
  const auto own = keys.make("extra");
  keys.export_armored("extra", directory.path() / "extra.asc");
  auto wanted = request({"extra-tool"});
  wanted.repositories = {add_extra(wanted, "extra", directory.path() / "extra.asc")};
  const auto resolution = resolve::resolve(wanted);
  ASSERT_EQ(resolution.packages.size(), 1U);
  EXPECT_EQ(resolution.packages.front().archive(), "extra");
  ASSERT_EQ(resolution.repositories.size(), 2U);
  EXPECT_EQ(as_deb(resolution.repositories[1]).archive, "extra");
  EXPECT_EQ(as_deb(resolution.repositories[1]).signers, std::vector<std::string>{own});
}

TEST_F(Trusting, RefusesAKeyThatIsNotTheOneThatWasHashed) {
  archive.publish(suite);
  keys.make("extra");
  keys.export_armored("extra", directory.path() / "extra.asc");
  auto wanted = request({"extra-tool"});
  wanted.repositories = {add_extra(wanted, "extra", directory.path() / "extra.asc")};
  wanted.repositories[0].key_content = blake3("another");
  EXPECT_EQ(refusal<LockError>(wanted), "lock: repository \"extra\": its key \"" +
                                            (directory.path() / "extra.asc").string() +
                                            "\" changed while the lock was made; run it again");
}

TEST_F(Trusting, DoesNotLetOneRepositorysKeyVouchForAnother) {
  archive.publish(suite);
  keys.make("extra");
  keys.export_binary({"extra"}, directory.path() / "extra.gpg");
  auto wanted = request({"extra-tool"});
  wanted.repositories = {add_extra(wanted, "archive", directory.path() / "extra.gpg")};
  expect_begins(refusal<LockError>(wanted), "lock: extra/stable: the signature of its Release file is not valid: ");
}

TEST_F(Trusting, RefusesAKeyThatIsNone) {
  archive.publish(suite);
  write_text(directory.path() / "extra.asc", "this is no key\n");
  auto wanted = request({"extra-tool"});
  wanted.repositories = {add_extra(wanted, "archive", directory.path() / "extra.asc")};
  EXPECT_NE(refusal<LockError>(wanted).find("this is no OpenPGP public key"), std::string::npos);
}

TEST_F(Trusting, RefusesAMissingComponent) {
  archive.publish(suite);
  auto wanted = request({"extra-tool"});
  auto extra = add_extra(wanted, "archive", directory.path() / "archive.gpg");
  extra.components = {"toys"};
  wanted.repositories = {extra};
  EXPECT_EQ(refusal<LockError>(wanted), "lock: extra/stable: it has no component \"toys\"; it has: tools");
}

TEST_F(Trusting, RefusesAMissingSuite) {
  archive.publish(suite);
  auto wanted = request({"extra-tool"});
  auto extra = add_extra(wanted, "archive", directory.path() / "archive.gpg");
  extra.suite = "unstable";
  wanted.repositories = {extra};
  const auto message = refusal<LockError>(wanted);
  expect_begins(message, "lock: extra/unstable: ");
  EXPECT_NE(message.find("check the suite's name"), std::string::npos) << message;
}

TEST_F(Trusting, NamesTheMirrorThatDoesNotAnswer) {
  archive.publish(suite);
  auto wanted = request({});
  wanted.mirrors.archives["debian"] = {"http://127.0.0.1:9/debian"};
  const auto message = refusal<RemoteError>(wanted);
  expect_begins(message, "lock: debian/sid: cannot fetch http://127.0.0.1:9/debian/dists/sid/InRelease: ");
  EXPECT_NE(message.find("[mirrors] debian"), std::string::npos) << message;
}

TEST_F(Trusting, AsksTheNextMirrorWhenOneDoesNotAnswer) {
  archive.publish(suite);
  auto wanted = request({});
  wanted.mirrors.archives["debian"] = {"http://127.0.0.1:9/debian", archive.url()};
  EXPECT_EQ(resolve::resolve(wanted).base.size(), 4U);
}

TEST_F(Trusting, NamesThePackageThatBringsAMissingKeyring) {
  auto wanted = request({});
  wanted.distribution = "ubuntu";
  wanted.mirrors.archives["ubuntu"] = {archive.url()};
  if (access("/usr/share/keyrings/ubuntu-archive-keyring.gpg", R_OK) == 0) GTEST_SKIP() << "ubuntu-keyring is there";
  EXPECT_EQ(refusal<LockError>(wanted),
            "lock: ubuntu/sid: the keyring /usr/share/keyrings/ubuntu-archive-keyring.gpg that vouches for ubuntu is "
            "missing; install the package ubuntu-keyring");
}

TEST_F(Trusting, RefusesAnUnknownDistribution) {
  auto wanted = request({});
  wanted.distribution = "slackware";
  EXPECT_EQ(refusal<LockError>(wanted),
            "lock: slackware/sid: the distribution \"slackware\" is not known; known are debian and ubuntu");
}

}  // namespace
}  // namespace karapace::testing
