// SPDX-License-Identifier: Apache-2.0
// Keys that no longer vouch for anything, made by gpg: expired, revoked, too small.
#include <gmock/gmock.h>

#include "tests/resolve/resolve_fixture.hpp"

namespace karapace::testing {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Signers : public ResolveFixture {
 protected:
  /// Publishes what `names` signed.
  void sign(const std::vector<std::string>& names) {
    suite.signers = names;
    archive.publish(suite);
  }

  resolve::ResolveRequest request_with_keys(const std::vector<std::string>& names) {
    keys.export_binary(names, keyring());
    auto wanted = request({});
    wanted.cache = fresh_cache();
    return wanted;
  }

  std::filesystem::path keyring() const { return directory.path() / "archive.gpg"; }

  std::string new_key_wanted() const { return "put its owner's new key into the keyring " + keyring().string(); }
};

const std::string begin = "lock: debian/sid: the signature of its Release file is not valid: ";

TEST_F(Signers, WithAnExpiredKeyAreRefused) {
  keys.make("old", {.made = "20200101T000000", .expires = "1m"});
  suite.signed_at = "20200102T000000";
  suite.date = "Thu, 02 Jan 2020 00:00:00 UTC";
  sign({"old"});
  EXPECT_THAT(refusal<LockError>(request_with_keys({"old"})),
              AllOf(StartsWith(begin + "the signing key has expired ("), HasSubstr("old <old@example.invalid>"),
                    EndsWith("); " + new_key_wanted())));
}

TEST_F(Signers, WithARevokedKeyAreRefused) {
  const auto stolen = keys.make("stolen");
  sign({"stolen"});
  keys.revoke(stolen);
  EXPECT_THAT(refusal<LockError>(request_with_keys({"stolen"})),
              AllOf(StartsWith(begin + "the signing key was revoked ("), HasSubstr("stolen <stolen@example.invalid>"),
                    EndsWith("); " + new_key_wanted())));
}

TEST_F(Signers, WithASmallKeyAreRefused) {
  const auto small = keys.make("small", {.algorithm = "rsa1024"});
  sign({"small"});
  EXPECT_EQ(refusal<LockError>(request_with_keys({"archive", "small"})),
            begin + "the signing key " + small +
                " is RSA of 1024 bits, and less than 2048 no longer vouch for anything; ask the repository's owner to "
                "sign with a larger key");
}

TEST_F(Signers, WithAKeyThatIsLargeEnoughAreTaken) {
  for (const std::string algorithm : {"rsa2048", "rsa3072", "dsa2048", "nistp256", "ed25519"}) {
    const auto key = keys.make(algorithm, {.algorithm = algorithm});
    sign({algorithm});
    EXPECT_EQ(as_deb(resolve::resolve(request_with_keys({algorithm})).repositories.front()).signers,
              std::vector<std::string>{key});
  }
}

TEST_F(Signers, OfASubkeyAreJudgedByIt) {
  const auto key = keys.make("owner", {.algorithm = "rsa3072"});
  keys.add_subkey(key, "rsa1024");
  sign({"owner"});  // by the newest key that can
  EXPECT_THAT(refusal<LockError>(request_with_keys({"owner"})), HasSubstr(" is RSA of 1024 bits"));
}

TEST_F(Signers, AreThoseWithLargeKeysAmongOthers) {
  keys.make("small", {.algorithm = "rsa1024"});
  sign({"small", "archive"});
  EXPECT_EQ(as_deb(resolve::resolve(request_with_keys({"small", "archive"})).repositories.front()).signers,
            std::vector<std::string>{fingerprint});
}

}  // namespace
}  // namespace karapace::testing
