// SPDX-License-Identifier: Apache-2.0
// The verdict on gpgv's status lines (GnuPG's doc/DETAILS), as gpgv 2.2 prints them.
#include "generator/resolve/deb/signature.hpp"

#include <gtest/gtest.h>

namespace karapace::testing {
namespace {

using resolve::deb::PublicKey;
using resolve::deb::PublicKeys;

const std::string primary = "B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8";

std::string valid(const std::string& hash_algorithm) {
  return "[GNUPG:] VALIDSIG 4CB50190207B4758A3F73A796ED0E7B82643E131 2026-07-11 1783764000 0 4 0 1 " + hash_algorithm +
         " 01 " + primary + "\n";
}
const PublicKeys large_key{{"4CB50190207B4758A3F73A796ED0E7B82643E131", {.algorithm = 1, .bits = 4096}}};

std::vector<std::string> valid_signers(const std::string& status, const PublicKeys& keys = large_key) {
  return resolve::deb::valid_signers(status, keys);
}

const std::string good = "[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG 6ED0E7B82643E131 Archive\n";

TEST(Signature, CountsAGoodOneByItsPrimaryKey) {
  EXPECT_EQ(valid_signers(good + valid("8")), std::vector<std::string>{primary});
}

TEST(Signature, CountsASignerOnce) {
  EXPECT_EQ(valid_signers(good + valid("8") + good + valid("10")), std::vector<std::string>{primary});
}

TEST(Signature, IsJudgedByItselfAmongOthers) {
  const std::string missing =
      "[GNUPG:] NEWSIG\n[GNUPG:] ERRSIG 0123456789ABCDEF 1 8 01 1783764000 9 -\n"
      "[GNUPG:] NO_PUBKEY 0123456789ABCDEF\n";
  EXPECT_EQ(valid_signers(missing + good + valid("8")), std::vector<std::string>{primary});
  EXPECT_EQ(valid_signers(good + valid("8") + missing), std::vector<std::string>{primary});
  EXPECT_TRUE(valid_signers(missing).empty());
}

TEST(Signature, OfAnExpiredOrRevokedKeyDoesNotCount) {
  for (const char* word : {"EXPKEYSIG", "REVKEYSIG", "EXPSIG", "BADSIG"}) {
    const std::string status =
        "[GNUPG:] NEWSIG\n[GNUPG:] " + std::string(word) + " 6ED0E7B82643E131 Archive\n" + valid("8");
    EXPECT_TRUE(valid_signers(status).empty()) << word;
  }
}

TEST(Signature, OverAWeakHashDoesNotCount) {
  for (const char* algorithm : {"1", "2", "3"}) EXPECT_TRUE(valid_signers(good + valid(algorithm)).empty());
}

TEST(Signature, ByASmallKeyDoesNotCount) {
  const auto counts = [](const PublicKey& key) {
    return !valid_signers(good + valid("8"), {{large_key.begin()->first, key}}).empty();
  };
  for (const unsigned algorithm : {1U, 3U, 17U}) {
    EXPECT_FALSE(counts({.algorithm = algorithm, .bits = 1024}));
    EXPECT_FALSE(counts({.algorithm = algorithm, .bits = 2047}));
    EXPECT_TRUE(counts({.algorithm = algorithm, .bits = 2048}));
  }
  EXPECT_TRUE(counts({.algorithm = 22, .bits = 256})) << "EdDSA";
}

TEST(Signature, ByAKeyThatCanNotBeJudgedDoesNotCount) {
  EXPECT_TRUE(valid_signers(good + valid("8"), PublicKeys{}).empty());
}

TEST(Signature, IsNotFoundInOtherOutput) {
  EXPECT_TRUE(valid_signers("").empty());
  EXPECT_TRUE(valid_signers("GOODSIG\nVALIDSIG x\n").empty());
  EXPECT_TRUE(valid_signers("[GNUPG:] NODATA 1\n").empty());
  EXPECT_TRUE(valid_signers(valid("8")).empty());
}

}  // namespace
}  // namespace karapace::testing
